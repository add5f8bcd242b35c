"""In-memory twins of the adapters, for tests; each passes the contract suite of its port."""
