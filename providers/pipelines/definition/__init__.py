"""The language of Azure Pipelines: text to a plan, with the line and column of every mistake; pure."""
