"""ModuleService: the metadata that pipelines, packages and images are made from."""

from dataclasses import dataclass
from enum import StrEnum
from typing import ClassVar
from uuid import UUID

from services.actor import Actor, Needs, Scope
from services.changes import KEEP, Keep, apply, required
from services.errors import Conflict, InvalidInput, absent
from services.events.event import record
from services.events.platform import ModuleRegistered, ModuleUpdated
from services.names import base_version, image, package, slug
from storage.ids import public_id
from storage.tables.platform import ModuleRow, ProjectRow
from storage.unit_of_work import UnitOfWork


class ModuleKind(StrEnum):
    """What a module becomes."""

    SERVICE = "SERVICE"
    LIBRARY = "LIBRARY"


class Language(StrEnum):
    """What a module is written in."""

    PYTHON = "PYTHON"
    DOTNET = "DOTNET"
    NODE = "NODE"


@dataclass(frozen=True, kw_only=True)
class RegisterModule:
    """Registers a module; a SERVICE needs a port."""

    needs: ClassVar = Needs(scope=Scope.MODULES_WRITE)
    project_id: UUID
    name: str
    kind: ModuleKind
    language: Language
    base_version: str
    package_name: str | None = None
    image_name: str | None = None
    port: int | None = None
    health_path: str | None = None


@dataclass(frozen=True, kw_only=True)
class UpdateModule:
    """Changes what is not KEEP; None clears what a module can be without."""

    needs: ClassVar = Needs(scope=Scope.MODULES_WRITE)
    module_id: UUID
    kind: ModuleKind | Keep | None = KEEP
    language: Language | Keep | None = KEEP
    base_version: str | Keep | None = KEEP
    package_name: str | Keep | None = KEEP
    image_name: str | Keep | None = KEEP
    port: int | Keep | None = KEEP
    health_path: str | Keep | None = KEEP


class ModuleService:
    """Owns modules."""

    async def register(self, uow: UnitOfWork, actor: Actor, command: RegisterModule) -> ModuleRow:
        """The new module; its name is unique in the project."""
        actor.require(command.needs)
        if await uow.rows.get(ProjectRow, command.project_id) is None:
            raise absent("project", public_id("Project", command.project_id), field="projectId")
        slug(command.name, "name")
        if await uow.rows.find(ModuleRow, project_id=command.project_id, name=command.name) is not None:
            raise Conflict(f"a module named {command.name!r} exists already in this project", field="name")
        row = ModuleRow(
            tenant_id=uow.tenant_id,
            project_id=command.project_id,
            name=command.name,
            kind=command.kind.value,
            language=command.language.value,
            base_version=base_version(command.base_version),
            package_name=package(command.package_name),
            image_name=image(command.image_name),
            port=_port(command.port),
            health_path=_path(command.health_path),
        )
        _check_port(row)
        await uow.rows.add(row)
        event = ModuleRegistered(name=row.name, kind=row.kind, language=row.language, base_version=row.base_version)
        record(uow, event, subject_id=row.id, project_id=row.project_id, module_id=row.id)
        return row

    async def update(self, uow: UnitOfWork, actor: Actor, command: UpdateModule) -> ModuleRow:
        """The module as it is now; nothing is recorded when nothing changed."""
        actor.require(command.needs)
        row = await uow.rows.get(ModuleRow, command.module_id, lock=True)
        if row is None:
            raise absent("module", public_id("Module", command.module_id), field="moduleId")
        changed = apply(row, _wanted(command))
        _check_port(row)
        if changed:
            event = ModuleUpdated(changed=changed)
            record(uow, event, subject_id=row.id, project_id=row.project_id, module_id=row.id)
        return row


def _wanted(command: UpdateModule) -> dict[str, object]:
    kind, language, version = command.kind, command.language, command.base_version
    name, image_name, port, path = command.package_name, command.image_name, command.port, command.health_path
    return {
        "kind": kind if kind is KEEP else required(kind, "kind").value,
        "language": language if language is KEEP else required(language, "language").value,
        "base_version": version if version is KEEP else base_version(required(version, "baseVersion")),
        "package_name": name if name is KEEP else package(name),
        "image_name": image_name if image_name is KEEP else image(image_name),
        "port": port if port is KEEP else _port(port),
        "health_path": path if path is KEEP else _path(path),
    }


def _check_port(row: ModuleRow) -> None:
    if row.kind == ModuleKind.SERVICE and row.port is None:
        raise InvalidInput("a SERVICE listens somewhere: give its port", field="port")


def _port(value: int | None) -> int | None:
    if value is not None and not 1 <= value <= 65_535:
        raise InvalidInput(f"port {value} is not within 1 to 65535", field="port")
    return value


def _path(value: str | None) -> str | None:
    if value is not None and (not value.startswith("/") or len(value) > 200 or not value.isprintable() or " " in value):
        raise InvalidInput("healthPath starts with '/', has at most 200 characters and no spaces", field="healthPath")
    return value
