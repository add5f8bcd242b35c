"""Rows and SQL: tables, queries, the unit of work, the event log and its hub."""
