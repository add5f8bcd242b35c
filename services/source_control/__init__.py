"""Repositories, branches, commits and pull requests."""
