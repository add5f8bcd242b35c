"""ConfigurationService: a module's values in an environment, versioned; secrets by reference only."""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import ClassVar, Final
from uuid import UUID

from services.actor import Actor, Needs, Scope
from services.errors import Conflict, InvalidInput, absent
from services.events.event import record
from services.events.platform import ConfigurationChanged
from services.names import slug, words
from services.platform.environments import living
from storage.ids import public_id
from storage.tables.platform import ConfigurationRow, ModuleRow
from storage.unit_of_work import UnitOfWork

_NAME: Final = re.compile(r"[A-Za-z_][A-Za-z0-9_]{0,127}")
MOST_ENTRIES: Final = 200
MOST_CHARACTERS: Final = 32_768


@dataclass(frozen=True, kw_only=True)
class Entry:
    """One variable: a value, or the name of the secret that holds it."""

    name: str
    value: str | None = None
    secret_ref: str | None = None


@dataclass(frozen=True, kw_only=True)
class SetConfiguration:
    """Replaces every value; ``expected_number`` is the version it was based on, 0 for none."""

    needs: ClassVar = Needs(scope=Scope.ENVIRONMENTS_WRITE)
    environment_id: UUID
    module_id: UUID
    entries: tuple[Entry, ...]
    expected_number: int | None = None


class ConfigurationService:
    """Owns configurations."""

    async def set(self, uow: UnitOfWork, actor: Actor, command: SetConfiguration) -> ConfigurationRow:
        """The newest version; the same entries again are the same version."""
        actor.require(command.needs)
        environment = await living(uow, command.environment_id)
        module = await uow.rows.get(ModuleRow, command.module_id)
        if module is None or module.project_id != environment.project_id:
            raise absent("module", public_id("Module", command.module_id), field="moduleId")
        entries = _entries(command.entries)
        newest = await uow.platform.newest_configuration(environment.id, module.id)
        number = 0 if newest is None else newest.number
        if newest is not None and newest.entries == entries:
            return newest
        if command.expected_number is not None and command.expected_number != number:
            raise Conflict(
                f"the configuration is at number {number}, not {command.expected_number}: refetch and retry",
                field="expectedNumber",
            )
        row = ConfigurationRow(
            tenant_id=uow.tenant_id,
            project_id=environment.project_id,
            environment_id=environment.id,
            module_id=module.id,
            number=number + 1,
            entries=entries,
        )
        await uow.rows.add(row)
        event = ConfigurationChanged(environment_id=environment.id, number=row.number)
        record(uow, event, subject_id=row.id, project_id=row.project_id, module_id=row.module_id)
        return row


def _entries(given: Iterable[Entry]) -> dict[str, dict[str, str]]:
    """The entries as they are stored, by name; a value is given or a secret named, never both."""
    entries: dict[str, dict[str, str]] = {}
    for entry in given:
        name = entry.name
        if not _NAME.fullmatch(name):
            raise _refused(f"{name[:80]!r} is not a variable's name: use 1 to 128 of A-Z, a-z, 0-9, _, no digit first")
        if name in entries:
            raise _refused(f"{name!r} is there twice")
        if (entry.value is None) == (entry.secret_ref is None):
            raise _refused(f"{name!r} needs either a value or a secretRef")
        if entry.secret_ref is not None:
            entries[name] = {"secretRef": slug(entry.secret_ref, "entries")}
        else:
            entries[name] = {"value": words(entry.value or "", "entries", most=MOST_CHARACTERS)}
    if len(entries) > MOST_ENTRIES:
        raise _refused(f"{len(entries)} entries are more than the {MOST_ENTRIES} that would pass")
    return dict(sorted(entries.items()))


def _refused(message: str) -> InvalidInput:
    return InvalidInput(message, field="entries")
