"""Indices of the orderings that lists offer."""

from typing import Final

from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None

INDICES: Final = (
    ("ix_artifacts_module", "artifacts", ["tenant_id", "module_id", "id"]),
    ("ix_branches_repository_by_updated_at", "branches", ["tenant_id", "repository_id", "updated_at", "id"]),
    ("ix_checks_pull_request", "checks", ["tenant_id", "pull_request_id", "id"]),
    ("ix_configurations_environment", "configurations", ["tenant_id", "environment_id", "id"]),
    ("ix_environments_by_position", "environments", ["tenant_id", "position", "id"]),
    ("ix_environments_project", "environments", ["tenant_id", "project_id", "id"]),
    ("ix_environments_project_by_position", "environments", ["tenant_id", "project_id", "position", "id"]),
    ("ix_modules_by_name", "modules", ["tenant_id", "name", "id"]),
    ("ix_modules_project", "modules", ["tenant_id", "project_id", "id"]),
    ("ix_pull_requests_by_updated_at", "pull_requests", ["tenant_id", "updated_at", "id"]),
    ("ix_pull_requests_repository", "pull_requests", ["tenant_id", "repository_id", "id"]),
    ("ix_pull_requests_repository_by_updated_at", "pull_requests", ["tenant_id", "repository_id", "updated_at", "id"]),
    ("ix_repositories_by_name", "repositories", ["tenant_id", "name", "id"]),
    ("ix_repositories_module", "repositories", ["tenant_id", "module_id", "id"]),
    ("ix_repositories_module_by_name", "repositories", ["tenant_id", "module_id", "name", "id"]),
    ("ix_repositories_project", "repositories", ["tenant_id", "project_id", "id"]),
    ("ix_tokens_by_expires_at", "tokens", ["tenant_id", "expires_at", "id"]),
    ("ix_tokens_by_revoked_at", "tokens", ["tenant_id", "revoked_at", "id"]),
)


def upgrade() -> None:
    for name, table, columns in INDICES:
        op.create_index(name, table, columns)


def downgrade() -> None:
    for name, table, _ in reversed(INDICES):
        op.drop_index(name, table_name=table)
