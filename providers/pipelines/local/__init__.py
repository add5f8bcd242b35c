"""The embedded executor: runs a plan on this machine."""
