"""Executions, their progress, the ticks' retention, and what a dead letter is about."""

import sqlalchemy as sa
from alembic import op

import storage.tables.scoped

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None

_TICKS = sa.text("delivery LIKE 'tick:%'")


def upgrade() -> None:
    op.create_table(
        "executions",
        sa.Column("tenant_id", sa.Uuid(), nullable=False),
        sa.Column("worker", sa.String(), nullable=False),
        sa.Column("delivery", sa.String(), nullable=False),
        sa.Column("token", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("tenant_id", "worker", "delivery"),
    )
    op.create_table(
        "progress",
        sa.Column("tenant_id", sa.Uuid(), nullable=False),
        sa.Column("worker", sa.String(), nullable=False),
        sa.Column("delivery", sa.String(), nullable=False),
        sa.Column("key", sa.String(), nullable=False),
        sa.PrimaryKeyConstraint("tenant_id", "worker", "delivery", "key"),
    )
    with op.batch_alter_table("processed") as batch_op:
        batch_op.add_column(sa.Column("began_at", storage.tables.scoped.UtcDateTime(length=27), nullable=True))
    op.create_index("ix_processed_ticks", "processed", ["created_at"], sqlite_where=_TICKS, postgresql_where=_TICKS)
    with op.batch_alter_table("dead_letters") as batch_op:
        batch_op.add_column(sa.Column("project_id", sa.Uuid(), nullable=True))
        batch_op.add_column(sa.Column("subject", sa.String(), nullable=True))


def downgrade() -> None:
    with op.batch_alter_table("dead_letters") as batch_op:
        batch_op.drop_column("subject")
        batch_op.drop_column("project_id")
    op.drop_index("ix_processed_ticks", "processed")
    with op.batch_alter_table("processed") as batch_op:
        batch_op.drop_column("began_at")
    op.drop_table("progress")
    op.drop_table("executions")
