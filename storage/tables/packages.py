"""Rows of package feeds: a version of a package, and the files it is published as."""

from datetime import datetime
from typing import ClassVar
from uuid import UUID

from sqlalchemy import BigInteger, Index, UniqueConstraint, Uuid
from sqlmodel import Field

from storage.tables.scoped import ProjectScoped, UtcDateTime


class PackagePublicationRow(ProjectScoped, table=True):
    """One version of a package in a project's feed; ``name`` and ``version_name`` are normalised by the ecosystem."""

    __tablename__ = "package_publications"
    __table_args__ = (
        UniqueConstraint(
            "tenant_id", "project_id", "ecosystem", "name", "version_name", name="uq_package_publications_version"
        ),
        Index("ix_package_publications_project", "tenant_id", "project_id", "id"),
        Index("ix_package_publications_module", "tenant_id", "module_id", "id"),
        Index("ix_package_publications_build", "tenant_id", "build_result_id", "id"),
    )
    type_name: ClassVar[str] = "PackagePublication"
    module_id: UUID | None = Field(default=None, sa_type=Uuid)
    build_result_id: UUID | None = Field(default=None, sa_type=Uuid)
    ecosystem: str
    name: str
    version_name: str
    status: str
    failure: str | None = None
    unlisted_reason: str | None = None
    published_by: UUID | None = Field(default=None, sa_type=Uuid)
    published_at: datetime | None = Field(default=None, sa_type=UtcDateTime)
    trace_id: str


class PackageFileRow(ProjectScoped, table=True):
    """A file of a publication; served once ``published_at`` is set, and never changed then."""

    __tablename__ = "package_files"
    __table_args__ = (
        UniqueConstraint("tenant_id", "project_id", "filename", name="uq_package_files_filename"),
        Index("ix_package_files_publication", "tenant_id", "publication_id", "id"),
        Index("ix_package_files_digest", "tenant_id", "digest"),
        Index("ix_package_files_metadata", "tenant_id", "metadata_digest"),
    )
    type_name: ClassVar[str] = "PackageFile"
    publication_id: UUID = Field(sa_type=Uuid)
    filename: str
    kind: str
    digest: str
    size: int = Field(sa_type=BigInteger)
    requires_python: str | None = None
    metadata_digest: str | None = None
    published_at: datetime | None = Field(default=None, sa_type=UtcDateTime)
