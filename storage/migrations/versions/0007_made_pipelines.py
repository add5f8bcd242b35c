"""Which files were made for a pipeline, so that what people wrote is told from them."""

import sqlalchemy as sa
from alembic import op

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None


def upgrade() -> None:
    with op.batch_alter_table("pipeline_definitions") as batch_op:
        batch_op.add_column(sa.Column("made_hashes", sa.JSON(), nullable=False, server_default="[]"))
    with op.batch_alter_table("pipeline_definitions") as batch_op:
        batch_op.alter_column("made_hashes", server_default=None)


def downgrade() -> None:
    with op.batch_alter_table("pipeline_definitions") as batch_op:
        batch_op.drop_column("made_hashes")
