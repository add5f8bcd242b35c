"""GraphQL types, inputs and payloads; no I/O and no sessions."""
