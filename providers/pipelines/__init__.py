"""Pipelines: the language, the port to what runs it, and the local runner."""
