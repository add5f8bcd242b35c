"""Blobs: content by its digest, each tenant's by itself."""
