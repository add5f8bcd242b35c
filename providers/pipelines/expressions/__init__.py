"""The expressions of Azure Pipelines: read, evaluated and explained; pure functions."""
