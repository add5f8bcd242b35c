"""Pages of a pipeline's runs and of a run's attempts."""

from alembic import op

revision = "0008"
down_revision = "0007"
branch_labels = None
depends_on = None

_INDEXES = {"ix_pipeline_runs_pipeline": "pipeline_id", "ix_pipeline_runs_origin": "origin_id"}


def upgrade() -> None:
    for name, column in _INDEXES.items():
        op.create_index(name, "pipeline_runs", ["tenant_id", column, "id"])


def downgrade() -> None:
    for name in _INDEXES:
        op.drop_index(name, "pipeline_runs")
