"""HTTP that is not GraphQL: Git, uploads, packages, images, artifacts, the explorer, login and health."""
