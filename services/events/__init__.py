"""The event catalogue: frozen dataclasses in the past tense, one file per context."""
