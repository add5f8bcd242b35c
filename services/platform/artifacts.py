"""ArtifactService: what generators produced, each the start of a trace."""

import re
from dataclasses import dataclass
from typing import ClassVar
from uuid import UUID

from services.actor import Actor, Needs, Scope
from services.errors import InvalidInput, absent
from services.events.event import record
from services.events.platform import ArtifactRegistered
from services.names import words
from storage.ids import public_id
from storage.tables.platform import ArtifactRow, ModuleRow, ProjectRow
from storage.unit_of_work import UnitOfWork

_DIGEST = re.compile(r"sha256:[0-9a-f]{64}")


@dataclass(frozen=True, kw_only=True)
class RegisterArtifact:
    """Registers what ``producer`` made; ``uri`` may be a purl."""

    needs: ClassVar = Needs(scope=Scope.REPOSITORIES_WRITE)
    project_id: UUID
    producer: str
    name: str
    uri: str | None = None
    digest: str | None = None
    module_id: UUID | None = None


class ArtifactService:
    """Owns artifacts."""

    async def register(self, uow: UnitOfWork, actor: Actor, command: RegisterArtifact) -> ArtifactRow:
        """The artifact; its trace is the request's."""
        actor.require(command.needs)
        if await uow.rows.get(ProjectRow, command.project_id) is None:
            raise absent("project", public_id("Project", command.project_id), field="projectId")
        if command.module_id is not None:
            module = await uow.rows.get(ModuleRow, command.module_id)
            if module is None or module.project_id != command.project_id:
                raise absent("module", public_id("Module", command.module_id), field="moduleId")
        if command.digest is not None and not _DIGEST.fullmatch(command.digest):
            raise InvalidInput("digest is 'sha256:' and 64 lower-case hex digits", field="digest")
        row = ArtifactRow(
            tenant_id=uow.tenant_id,
            project_id=command.project_id,
            module_id=command.module_id,
            producer=words(command.producer, "producer", most=200, least=1),
            name=words(command.name, "name", most=200, least=1),
            uri=None if command.uri is None else words(command.uri, "uri", most=2_000, least=1),
            digest=command.digest,
            trace_id=uow.cause.trace_id,
        )
        await uow.rows.add(row)
        event = ArtifactRegistered(name=row.name, producer=row.producer, digest=row.digest)
        record(uow, event, subject_id=row.id, project_id=row.project_id, module_id=row.module_id)
        return row
