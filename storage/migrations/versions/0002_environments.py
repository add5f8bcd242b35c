"""environments: direct pushes of their repositories, one environment per repository."""

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    with op.batch_alter_table("repositories", schema=None) as batch_op:
        batch_op.add_column(sa.Column("allow_direct_push", sa.Boolean(), nullable=False, server_default=sa.false()))
    with op.batch_alter_table("repositories", schema=None) as batch_op:
        batch_op.alter_column("allow_direct_push", server_default=None)
    with op.batch_alter_table("environments", schema=None) as batch_op:
        batch_op.create_unique_constraint("uq_environments_repository", ["tenant_id", "repository_id"])


def downgrade() -> None:
    with op.batch_alter_table("environments", schema=None) as batch_op:
        batch_op.drop_constraint("uq_environments_repository", type_="unique")
    with op.batch_alter_table("repositories", schema=None) as batch_op:
        batch_op.drop_column("allow_direct_push")
