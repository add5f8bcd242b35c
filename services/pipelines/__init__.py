"""Pipelines: made from metadata, triggered, run, watched."""
