"""Every statement, one file per context, named for the question it answers."""
