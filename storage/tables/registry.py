"""Rows of the image registry: what a repository has, by name within a project; a repository has no row of its own."""

from datetime import datetime
from typing import Any, Final
from uuid import UUID

from sqlalchemy import JSON, BigInteger, Index, LargeBinary, String, Uuid
from sqlmodel import Field, SQLModel

from storage.tables.scoped import UtcDateTime

ByBytes: Final = String().with_variant(String(collation="C"), "postgresql")


class RegistryBlobRow(SQLModel, table=True):
    """That a repository has a blob, whose content lies in the blob store; ``created_at`` is when it was last needed."""

    __tablename__ = "registry_blobs"
    __table_args__ = (
        Index("ix_registry_blobs_digest", "tenant_id", "digest"),
        Index("ix_registry_blobs_created", "created_at"),
    )
    tenant_id: UUID = Field(sa_type=Uuid, primary_key=True)
    project_id: UUID = Field(sa_type=Uuid, primary_key=True)
    repository: str = Field(primary_key=True)
    digest: str = Field(primary_key=True)
    size: int = Field(sa_type=BigInteger)
    created_at: datetime = Field(sa_type=UtcDateTime)


class RegistryManifestRow(SQLModel, table=True):
    """A manifest in the bytes that came; what its list of referrers tells of it stands beside them."""

    __tablename__ = "registry_manifests"
    __table_args__ = (
        Index("ix_registry_manifests_subject", "tenant_id", "project_id", "repository", "subject", "digest"),
    )
    tenant_id: UUID = Field(sa_type=Uuid, primary_key=True)
    project_id: UUID = Field(sa_type=Uuid, primary_key=True)
    repository: str = Field(primary_key=True)
    digest: str = Field(primary_key=True)
    media_type: str
    content: bytes = Field(sa_type=LargeBinary)
    size: int = Field(sa_type=BigInteger)
    subject: str | None = None
    artifact_type: str | None = None
    annotations: dict[str, Any] = Field(sa_type=JSON)
    created_at: datetime = Field(sa_type=UtcDateTime)


class RegistryReferenceRow(SQLModel, table=True):
    """That a manifest names a blob of its repository, which stays as long."""

    __tablename__ = "registry_references"
    __table_args__ = (Index("ix_registry_references_blob", "tenant_id", "project_id", "repository", "blob"),)
    tenant_id: UUID = Field(sa_type=Uuid, primary_key=True)
    project_id: UUID = Field(sa_type=Uuid, primary_key=True)
    repository: str = Field(primary_key=True)
    manifest: str = Field(primary_key=True)
    blob: str = Field(primary_key=True)


class RegistryTagRow(SQLModel, table=True):
    """A name for a manifest, listed in the order of its bytes."""

    __tablename__ = "registry_tags"
    __table_args__ = (Index("ix_registry_tags_manifest", "tenant_id", "project_id", "repository", "digest"),)
    tenant_id: UUID = Field(sa_type=Uuid, primary_key=True)
    project_id: UUID = Field(sa_type=Uuid, primary_key=True)
    repository: str = Field(primary_key=True)
    name: str = Field(sa_type=ByBytes, primary_key=True)
    digest: str
    updated_at: datetime = Field(sa_type=UtcDateTime)


class RegistryUploadRow(SQLModel, table=True):
    """A blob on its way in; ``size`` is what had come at the end of its last request."""

    __tablename__ = "registry_uploads"
    __table_args__ = (Index("ix_registry_uploads_created", "created_at"),)
    tenant_id: UUID = Field(sa_type=Uuid, primary_key=True)
    id: UUID = Field(sa_type=Uuid, primary_key=True)
    project_id: UUID = Field(sa_type=Uuid)
    repository: str
    size: int = Field(sa_type=BigInteger)
    created_by: UUID = Field(sa_type=Uuid)
    created_at: datetime = Field(sa_type=UtcDateTime)
