"""HTTP that is not GraphQL: health and readiness."""
