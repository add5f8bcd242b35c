"""Uploads are of a project, so that a limited token's are seen within it only; nothing was ever written before."""

import sqlalchemy as sa
from alembic import op

import storage.tables.scoped

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.drop_index("ix_uploads_created", "uploads")
    op.drop_table("uploads")
    _create(sa.Column("project_id", sa.Uuid(), nullable=False))
    op.create_index("ix_uploads_digest", "uploads", ["tenant_id", "digest"])


def downgrade() -> None:
    op.drop_index("ix_uploads_digest", "uploads")
    op.drop_index("ix_uploads_created", "uploads")
    op.drop_table("uploads")
    _create()


def _create(*more: sa.Column[object]) -> None:
    key = ["tenant_id", *(column.name for column in more), "digest"]
    op.create_table(
        "uploads",
        sa.Column("tenant_id", sa.Uuid(), nullable=False),
        *more,
        sa.Column("digest", sa.String(), nullable=False),
        sa.Column("size", sa.BigInteger(), nullable=False),
        sa.Column("created_by", sa.Uuid(), nullable=False),
        sa.Column("created_at", storage.tables.scoped.UtcDateTime(length=27), nullable=False),
        sa.PrimaryKeyConstraint(*key),
    )
    op.create_index("ix_uploads_created", "uploads", ["created_at"])
