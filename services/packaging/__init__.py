"""Packaging: what builds publish, packages and images."""
