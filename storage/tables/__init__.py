"""SQLModel rows, one file per context; rows do not validate, services do."""
