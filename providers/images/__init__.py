"""Images: repositories of blobs, manifests and tags, as OCI Distribution knows them."""
