"""Git: repositories and refs, writing commits, reading them."""
