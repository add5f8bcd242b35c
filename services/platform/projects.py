"""ProjectService: what a tenant's work is divided into."""

from dataclasses import dataclass
from typing import ClassVar

from services.actor import Actor, Needs, Scope
from services.errors import Conflict
from services.events.event import record
from services.events.platform import ProjectCreated
from services.names import slug, words
from storage.tables.platform import ProjectRow
from storage.unit_of_work import UnitOfWork


@dataclass(frozen=True, kw_only=True)
class CreateProject:
    """Makes a project; its name is unique in the tenant."""

    needs: ClassVar = Needs(scope=Scope.ADMIN, whole_tenant=True)
    name: str
    display_name: str
    description: str = ""


class ProjectService:
    """Owns projects."""

    async def create(self, uow: UnitOfWork, actor: Actor, command: CreateProject) -> ProjectRow:
        """The new project."""
        actor.require(command.needs)
        if await uow.rows.find(ProjectRow, name=slug(command.name, "name")) is not None:
            raise Conflict(f"a project named {command.name!r} exists already", field="name")
        row = ProjectRow(
            tenant_id=uow.tenant_id,
            name=command.name,
            display_name=words(command.display_name, "displayName", most=200),
            description=words(command.description, "description", most=2_000),
        )
        await uow.rows.add(row)
        record(uow, ProjectCreated(name=row.name), subject_id=row.id, project_id=row.id)
        return row
