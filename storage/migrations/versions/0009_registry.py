"""The image registry: blobs, manifests, references, tags and open uploads of repositories."""

from typing import Any

import sqlalchemy as sa
from alembic import op

import storage.tables.scoped

revision = "0009"
down_revision = "0008"
branch_labels = None
depends_on = None

_PLACE = ("tenant_id", "project_id", "repository")


def upgrade() -> None:
    _create("registry_blobs", "digest", _text("digest"), _size(), _time("created_at"))
    op.create_index("ix_registry_blobs_digest", "registry_blobs", ["tenant_id", "digest"])
    op.create_index("ix_registry_blobs_created", "registry_blobs", ["created_at"])
    _create(
        "registry_manifests",
        "digest",
        _text("digest"),
        _text("media_type"),
        sa.Column("content", sa.LargeBinary(), nullable=False),
        _size(),
        _text("subject", nullable=True),
        _text("artifact_type", nullable=True),
        sa.Column("annotations", sa.JSON(), nullable=False),
        _time("created_at"),
    )
    op.create_index("ix_registry_manifests_subject", "registry_manifests", [*_PLACE, "subject", "digest"])
    _create("registry_references", "manifest", _text("manifest"), _text("blob"), also=("blob",))
    op.create_index("ix_registry_references_blob", "registry_references", [*_PLACE, "blob"])
    by_bytes = sa.String().with_variant(sa.String(collation="C"), "postgresql")
    name = sa.Column("name", by_bytes, nullable=False)
    _create("registry_tags", "name", name, _text("digest"), _time("updated_at"))
    op.create_index("ix_registry_tags_manifest", "registry_tags", [*_PLACE, "digest"])
    op.create_table(
        "registry_uploads",
        sa.Column("tenant_id", sa.Uuid(), nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("project_id", sa.Uuid(), nullable=False),
        _text("repository"),
        _size(),
        sa.Column("created_by", sa.Uuid(), nullable=False),
        _time("created_at"),
        sa.PrimaryKeyConstraint("tenant_id", "id"),
    )
    op.create_index("ix_registry_uploads_created", "registry_uploads", ["created_at"])


def downgrade() -> None:
    for table in ("uploads", "tags", "references", "manifests", "blobs"):
        op.drop_table(f"registry_{table}")


def _create(table: str, key: str, *columns: sa.Column[Any], also: tuple[str, ...] = ()) -> None:
    place = (sa.Column("tenant_id", sa.Uuid(), nullable=False), sa.Column("project_id", sa.Uuid(), nullable=False))
    op.create_table(table, *place, _text("repository"), *columns, sa.PrimaryKeyConstraint(*_PLACE, key, *also))


def _text(name: str, *, nullable: bool = False) -> sa.Column[Any]:
    return sa.Column(name, sa.String(), nullable=nullable)


def _size() -> sa.Column[Any]:
    return sa.Column("size", sa.BigInteger(), nullable=False)


def _time(name: str) -> sa.Column[Any]:
    return sa.Column(name, storage.tables.scoped.UtcDateTime(length=27), nullable=False)
