"""Rows of the platform context: reference data that every other context points at."""

from datetime import datetime
from typing import Any, ClassVar
from uuid import UUID

from sqlalchemy import JSON, Index, UniqueConstraint, Uuid
from sqlmodel import Field

from storage.tables.scoped import ProjectScoped, TenantScoped, UtcDateTime


class TenantRow(TenantScoped, table=True):
    """A tenant; its id is its tenant_id, so that it is read within its own walls."""

    __tablename__ = "tenants"
    __table_args__ = (UniqueConstraint("name", name="uq_tenants_name"),)
    type_name: ClassVar[str] = "Tenant"
    name: str
    display_name: str
    is_operator: bool = False


class ProjectRow(TenantScoped, table=True):
    """A project; a limited token sees it when it is one of its own."""

    __tablename__ = "projects"
    __table_args__ = (UniqueConstraint("tenant_id", "name", name="uq_projects_name"),)
    type_name: ClassVar[str] = "Project"
    name: str
    display_name: str
    description: str = ""


class ModuleRow(ProjectScoped, table=True):
    """What a repository holds: the metadata that pipelines, packages and images are made from."""

    __tablename__ = "modules"
    __table_args__ = (
        UniqueConstraint("tenant_id", "project_id", "name", name="uq_modules_name"),
        Index("ix_modules_project", "tenant_id", "project_id", "id"),
        Index("ix_modules_by_name", "tenant_id", "name", "id"),
    )
    type_name: ClassVar[str] = "Module"
    name: str
    kind: str
    language: str
    base_version: str
    package_name: str | None = None
    image_name: str | None = None
    port: int | None = None
    health_path: str | None = None


class EnvironmentRow(ProjectScoped, table=True):
    """A place where modules run, with a repository of its own for the desired state."""

    __tablename__ = "environments"
    __table_args__ = (
        UniqueConstraint("tenant_id", "project_id", "name", name="uq_environments_name"),
        UniqueConstraint("tenant_id", "repository_id", name="uq_environments_repository"),
        Index("ix_environments_project", "tenant_id", "project_id", "id"),
        Index("ix_environments_project_by_position", "tenant_id", "project_id", "position", "id"),
        Index("ix_environments_by_position", "tenant_id", "position", "id"),
    )
    type_name: ClassVar[str] = "Environment"
    name: str
    position: int
    driver: str
    repository_id: UUID = Field(sa_type=Uuid)
    promotion: str
    requires_approval: bool = False
    self_heal: bool = True
    auto_rollback: bool = True
    allow_direct_push: bool = False
    drift_interval_ms: int = 30_000
    status: str = "DECLARED"


class ConfigurationRow(ProjectScoped, table=True):
    """One version of a module's values in an environment; never changed, only succeeded."""

    __tablename__ = "configurations"
    __table_args__ = (
        UniqueConstraint("tenant_id", "environment_id", "module_id", "number", name="uq_configurations_number"),
        Index("ix_configurations_environment", "tenant_id", "environment_id", "id"),
    )
    type_name: ClassVar[str] = "Configuration"
    environment_id: UUID = Field(sa_type=Uuid)
    module_id: UUID = Field(sa_type=Uuid)
    number: int
    entries: dict[str, Any] = Field(sa_type=JSON)


class IdentityRow(TenantScoped, table=True):
    """Who acts: a human, or an agent with the human who answers for it."""

    __tablename__ = "identities"
    __table_args__ = (UniqueConstraint("tenant_id", "name", name="uq_identities_name"),)
    type_name: ClassVar[str] = "Identity"
    name: str
    kind: str
    email: str
    on_behalf_of: UUID | None = Field(default=None, sa_type=Uuid)


class TokenRow(TenantScoped, table=True):
    """A token that was issued; the token itself is told once and never stored."""

    __tablename__ = "tokens"
    __table_args__ = (
        Index("ix_tokens_identity", "tenant_id", "identity_id", "id"),
        Index("ix_tokens_by_expires_at", "tenant_id", "expires_at", "id"),
        Index("ix_tokens_by_revoked_at", "tenant_id", "revoked_at", "id"),
    )
    type_name: ClassVar[str] = "Token"
    identity_id: UUID = Field(sa_type=Uuid)
    name: str
    scopes: list[str] = Field(sa_type=JSON)
    project_ids: list[str] | None = Field(default=None, sa_type=JSON)
    expires_at: datetime = Field(sa_type=UtcDateTime)
    revoked_at: datetime | None = Field(default=None, sa_type=UtcDateTime)


class ArtifactRow(ProjectScoped, table=True):
    """What a generator produced; the start of a trace."""

    __tablename__ = "artifacts"
    __table_args__ = (
        Index("ix_artifacts_project", "tenant_id", "project_id", "id"),
        Index("ix_artifacts_module", "tenant_id", "module_id", "id"),
    )
    type_name: ClassVar[str] = "Artifact"
    module_id: UUID | None = Field(default=None, sa_type=Uuid)
    producer: str
    name: str
    uri: str | None = None
    digest: str | None = None
    trace_id: str
