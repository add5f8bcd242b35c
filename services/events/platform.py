"""Events of the platform context."""

from dataclasses import dataclass, field
from typing import ClassVar
from uuid import UUID

from services.events.event import Event


@dataclass(frozen=True, kw_only=True)
class TenantCreated(Event):
    """Sequence 1 of the new tenant's stream."""

    subject: ClassVar[str] = "Tenant"
    name: str


@dataclass(frozen=True, kw_only=True)
class TenantProvisioned(Event):
    """Told in the operator's stream."""

    subject: ClassVar[str] = "Tenant"
    name: str


@dataclass(frozen=True, kw_only=True)
class ProjectCreated(Event):
    """A project stands."""

    subject: ClassVar[str] = "Project"
    name: str


@dataclass(frozen=True, kw_only=True)
class ModuleRegistered(Event):
    """A module's metadata, as registered."""

    subject: ClassVar[str] = "Module"
    name: str
    kind: str
    language: str
    base_version: str


@dataclass(frozen=True, kw_only=True)
class ModuleUpdated(Event):
    """The names of the metadata that changed."""

    subject: ClassVar[str] = "Module"
    changed: tuple[str, ...]


@dataclass(frozen=True, kw_only=True)
class IdentityCreated(Event):
    """A human, or an agent with who answers for it."""

    subject: ClassVar[str] = "Identity"
    name: str
    kind: str
    on_behalf_of: UUID | None = field(default=None, metadata={"of": "Identity"})


@dataclass(frozen=True, kw_only=True)
class TokenIssued(Event):
    """Never carries the token."""

    subject: ClassVar[str] = "Token"
    identity_id: UUID = field(metadata={"of": "Identity"})
    scopes: tuple[str, ...]


@dataclass(frozen=True, kw_only=True)
class TokenRevoked(Event):
    """The token is refused from now on."""

    subject: ClassVar[str] = "Token"
    identity_id: UUID = field(metadata={"of": "Identity"})


@dataclass(frozen=True, kw_only=True)
class ArtifactRegistered(Event):
    """The start of a trace."""

    subject: ClassVar[str] = "Artifact"
    name: str
    producer: str
    digest: str | None


@dataclass(frozen=True, kw_only=True)
class EnvironmentDeclared(Event):
    """An environment with the repository that will hold its desired state."""

    subject: ClassVar[str] = "Environment"
    name: str
    order: int
    repository_id: UUID = field(metadata={"of": "Repository"})


@dataclass(frozen=True, kw_only=True)
class EnvironmentUpdated(Event):
    """The names of the settings that changed, or ``status`` when its repository stands or could not be made."""

    subject: ClassVar[str] = "Environment"
    changed: tuple[str, ...]


@dataclass(frozen=True, kw_only=True)
class EnvironmentArchived(Event):
    """Nothing runs there any more; its repository is read-only."""

    subject: ClassVar[str] = "Environment"
    name: str


@dataclass(frozen=True, kw_only=True)
class ConfigurationChanged(Event):
    """A new version of a module's values in an environment; values are not told."""

    subject: ClassVar[str] = "Configuration"
    environment_id: UUID = field(metadata={"of": "Environment"})
    number: int


@dataclass(frozen=True, kw_only=True)
class WorkerDeadLettered(Event):
    """A worker gave a delivery up after its last attempt."""

    subject: ClassVar[str] = "DeadLetter"
    worker: str
    delivery: str
    reason: str


@dataclass(frozen=True, kw_only=True)
class DeliveryReplayed(Event):
    """An operator hands a dead letter to its worker again; ``replay`` counts from 1."""

    subject: ClassVar[str] = "DeadLetter"
    worker: str
    delivery: str
    replay: int
