"""Pipelines, their runs, and the stages, jobs and steps of runs."""

import sqlalchemy as sa
from alembic import op

import storage.tables.scoped

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "pipeline_definitions",
        sa.Column("tenant_id", sa.Uuid(), nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("created_at", storage.tables.scoped.UtcDateTime(length=27), nullable=False),
        sa.Column("updated_at", storage.tables.scoped.UtcDateTime(length=27), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("project_id", sa.Uuid(), nullable=False),
        sa.Column("module_id", sa.Uuid(), nullable=False),
        sa.Column("repository_id", sa.Uuid(), nullable=False),
        sa.Column("path", sa.String(), nullable=False),
        sa.Column("yaml", sa.String(), nullable=False),
        sa.Column("content_hash", sa.String(), nullable=False),
        sa.Column("template_version", sa.Integer(), nullable=False),
        sa.Column("next_number", sa.Integer(), nullable=False),
        sa.Column("trace_id", sa.String(), nullable=False),
        sa.PrimaryKeyConstraint("tenant_id", "id"),
        sa.UniqueConstraint("tenant_id", "repository_id", name="uq_pipeline_definitions_repository"),
    )
    op.create_index("ix_pipeline_definitions_module", "pipeline_definitions", ["tenant_id", "module_id", "id"])
    op.create_index("ix_pipeline_definitions_project", "pipeline_definitions", ["tenant_id", "project_id", "id"])
    op.create_table(
        "pipeline_runs",
        sa.Column("tenant_id", sa.Uuid(), nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("created_at", storage.tables.scoped.UtcDateTime(length=27), nullable=False),
        sa.Column("updated_at", storage.tables.scoped.UtcDateTime(length=27), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("project_id", sa.Uuid(), nullable=False),
        sa.Column("pipeline_id", sa.Uuid(), nullable=False),
        sa.Column("module_id", sa.Uuid(), nullable=False),
        sa.Column("repository_id", sa.Uuid(), nullable=False),
        sa.Column("pull_request_id", sa.Uuid(), nullable=True),
        sa.Column("number", sa.Integer(), nullable=False),
        sa.Column("branch", sa.String(), nullable=False),
        sa.Column("commit_sha", sa.String(), nullable=False),
        sa.Column("reason", sa.String(), nullable=False),
        sa.Column("attempt", sa.Integer(), nullable=False),
        sa.Column("origin_id", sa.Uuid(), nullable=False),
        sa.Column("trigger_key", sa.String(), nullable=True),
        sa.Column("requested_by", sa.Uuid(), nullable=True),
        sa.Column("status", sa.String(), nullable=False),
        sa.Column("failure_reason", sa.String(), nullable=True),
        sa.Column("failure", sa.String(), nullable=True),
        sa.Column("started_at", storage.tables.scoped.UtcDateTime(length=27), nullable=True),
        sa.Column("finished_at", storage.tables.scoped.UtcDateTime(length=27), nullable=True),
        sa.Column("trace_id", sa.String(), nullable=False),
        sa.PrimaryKeyConstraint("tenant_id", "id"),
        sa.UniqueConstraint("tenant_id", "origin_id", "attempt", name="uq_pipeline_runs_attempt"),
        sa.UniqueConstraint("tenant_id", "pipeline_id", "number", name="uq_pipeline_runs_number"),
        sa.UniqueConstraint("tenant_id", "trigger_key", name="uq_pipeline_runs_trigger"),
    )
    op.create_index("ix_pipeline_runs_commit", "pipeline_runs", ["tenant_id", "repository_id", "commit_sha", "id"])
    op.create_index("ix_pipeline_runs_pull_request", "pipeline_runs", ["tenant_id", "pull_request_id", "id"])
    op.create_index("ix_pipeline_runs_repository", "pipeline_runs", ["tenant_id", "repository_id", "id"])
    op.create_table(
        "run_records",
        sa.Column("tenant_id", sa.Uuid(), nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("created_at", storage.tables.scoped.UtcDateTime(length=27), nullable=False),
        sa.Column("updated_at", storage.tables.scoped.UtcDateTime(length=27), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("project_id", sa.Uuid(), nullable=False),
        sa.Column("run_id", sa.Uuid(), nullable=False),
        sa.Column("number", sa.Integer(), nullable=False),
        sa.Column("parent", sa.Integer(), nullable=True),
        sa.Column("kind", sa.String(), nullable=False),
        sa.Column("name", sa.String(), nullable=False),
        sa.Column("display_name", sa.String(), nullable=False),
        sa.Column("status", sa.String(), nullable=False),
        sa.Column("explanation", sa.String(), nullable=True),
        sa.Column("exit_code", sa.Integer(), nullable=True),
        sa.Column("started_at", storage.tables.scoped.UtcDateTime(length=27), nullable=True),
        sa.Column("finished_at", storage.tables.scoped.UtcDateTime(length=27), nullable=True),
        sa.PrimaryKeyConstraint("tenant_id", "id"),
        sa.UniqueConstraint("tenant_id", "run_id", "number", name="uq_run_records_number"),
    )


def downgrade() -> None:
    for table in ("run_records", "pipeline_runs", "pipeline_definitions"):
        op.drop_table(table)
