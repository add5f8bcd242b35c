"""Package feeds: versions of packages and their files."""

import sqlalchemy as sa
from alembic import op

import storage.tables.scoped

revision = "0010"
down_revision = "0009"
branch_labels = None
depends_on = None


def upgrade() -> None:
    time = storage.tables.scoped.UtcDateTime
    op.create_table(
        "package_publications",
        *_scoped(),
        sa.Column("module_id", sa.Uuid(), nullable=True),
        sa.Column("build_result_id", sa.Uuid(), nullable=True),
        sa.Column("ecosystem", sa.String(), nullable=False),
        sa.Column("name", sa.String(), nullable=False),
        sa.Column("version_name", sa.String(), nullable=False),
        sa.Column("status", sa.String(), nullable=False),
        sa.Column("failure", sa.String(), nullable=True),
        sa.Column("unlisted_reason", sa.String(), nullable=True),
        sa.Column("published_by", sa.Uuid(), nullable=True),
        sa.Column("published_at", time(length=27), nullable=True),
        sa.Column("trace_id", sa.String(), nullable=False),
        sa.PrimaryKeyConstraint("tenant_id", "id"),
        sa.UniqueConstraint(
            "tenant_id", "project_id", "ecosystem", "name", "version_name", name="uq_package_publications_version"
        ),
    )
    op.create_index("ix_package_publications_project", "package_publications", ["tenant_id", "project_id", "id"])
    op.create_index("ix_package_publications_module", "package_publications", ["tenant_id", "module_id", "id"])
    op.create_index("ix_package_publications_build", "package_publications", ["tenant_id", "build_result_id", "id"])
    op.create_table(
        "package_files",
        *_scoped(),
        sa.Column("publication_id", sa.Uuid(), nullable=False),
        sa.Column("filename", sa.String(), nullable=False),
        sa.Column("kind", sa.String(), nullable=False),
        sa.Column("digest", sa.String(), nullable=False),
        sa.Column("size", sa.BigInteger(), nullable=False),
        sa.Column("requires_python", sa.String(), nullable=True),
        sa.Column("metadata_digest", sa.String(), nullable=True),
        sa.Column("published_at", time(length=27), nullable=True),
        sa.PrimaryKeyConstraint("tenant_id", "id"),
        sa.UniqueConstraint("tenant_id", "project_id", "filename", name="uq_package_files_filename"),
    )
    op.create_index("ix_package_files_publication", "package_files", ["tenant_id", "publication_id", "id"])
    op.create_index("ix_package_files_digest", "package_files", ["tenant_id", "digest"])
    op.create_index("ix_package_files_metadata", "package_files", ["tenant_id", "metadata_digest"])


def downgrade() -> None:
    for table in ("package_files", "package_publications"):
        op.drop_table(table)


def _scoped() -> tuple[sa.Column[object], ...]:
    time = storage.tables.scoped.UtcDateTime
    return (
        sa.Column("tenant_id", sa.Uuid(), nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("created_at", time(length=27), nullable=False),
        sa.Column("updated_at", time(length=27), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("project_id", sa.Uuid(), nullable=False),
    )
