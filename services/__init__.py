"""All decisions, one folder per context; knows no GraphQL, HTTP or SQL."""
