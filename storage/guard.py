"""The tenant guard: a statement that touches a tenant's table without that tenant's bound parameter never runs.

For a token limited to projects, a SELECT must name its projects too.
"""

from dataclasses import dataclass
from typing import Any
from weakref import WeakKeyDictionary

from sqlalchemy import CompoundSelect, Delete, Insert, Select, Table, Update, event
from sqlalchemy.engine import Connection
from sqlalchemy.ext.asyncio import AsyncEngine
from sqlalchemy.sql import operators, visitors
from sqlalchemy.sql.elements import BinaryExpression, BindParameter, ColumnClause, TextClause
from sqlalchemy.sql.selectable import Alias, FromClause, Join

from storage.access import Access
from storage.errors import TenantViolation

ACCESS = "slipway_access"
SYSTEM = "system"
_PLAIN = ("BEGIN", "PRAGMA", "SAVEPOINT", "RELEASE", "ROLLBACK")
_needs: WeakKeyDictionary[Any, "Needs"] = WeakKeyDictionary()


def install(engine: AsyncEngine) -> None:
    """Puts the guard on every statement of the engine, ORM, Core and raw alike."""
    event.listen(engine.sync_engine, "before_cursor_execute", _check)


def _check(conn: Connection, cursor: Any, statement: str, parameters: Any, context: Any, executemany: bool) -> None:
    access = conn.get_execution_options().get(ACCESS)
    if access == SYSTEM:
        return
    compiled = getattr(context, "compiled", None)
    if compiled is None:
        if not statement.lstrip().upper().startswith(_PLAIN):
            raise TenantViolation(f"raw SQL is refused outside migrations: {statement[:80]}")
        return
    if compiled not in _needs:
        _needs[compiled] = _analyse(compiled)
    needs = _needs[compiled]
    if not needs.tenants:
        return
    if not isinstance(access, Access):
        raise TenantViolation(f"no tenant is bound to the session: {statement[:80]}")
    for row in context.compiled_parameters:
        for bind in needs.tenants:
            if row.get(bind) not in access.tenants:
                raise TenantViolation(f"{bind} is not a tenant of this session: {statement[:80]}")
        if access.project_ids is not None:
            _check_projects(needs, row, access.project_ids, statement)


def _check_projects(needs: "Needs", row: Any, project_ids: tuple[Any, ...], statement: str) -> None:
    for bind in needs.projects:
        if bind is None or not set(row.get(bind) or ()) <= set(project_ids):
            raise TenantViolation(f"a limited token reads beyond its projects: {statement[:80]}")


@dataclass(frozen=True, slots=True)
class Needs:
    """The bind names that must hold a tenant, and those that must hold projects (None: a table without one)."""

    tenants: tuple[str, ...] = ()
    projects: tuple[str | None, ...] = ()


def _analyse(compiled: Any) -> Needs:
    statement = compiled.statement
    if isinstance(statement, TextClause):
        raise TenantViolation(f"text() is refused outside migrations: {str(compiled)[:80]}")
    if isinstance(statement, Insert):
        return Needs(("tenant_id",) if "tenant_id" in statement.table.c else ())
    tenants: list[str] = []
    projects: list[str | None] = []
    references = {} if statement is None else _references(statement)
    for name, source in references.items():
        binds = _binds(compiled, statement, name, "tenant_id", operators.eq)
        if not binds:
            raise TenantViolation(f"{name} is read or changed without its tenant: {str(compiled)[:200]}")
        tenants.extend(binds)
        if "project_id" in source.c and isinstance(statement, Select | CompoundSelect):
            projects.extend(_binds(compiled, statement, name, "project_id", operators.in_op)[:1] or [None])
    return Needs(tuple(tenants), tuple(projects))


def _references(statement: Any) -> dict[str, FromClause]:
    """Each table or alias with a tenant that the statement names, by the name it has in it."""
    found: dict[str, FromClause] = {}
    for element in visitors.iterate(statement):
        if isinstance(element, Select):
            for source in element.get_final_froms():
                _collect(source, found)
        elif isinstance(element, Update | Delete):
            _collect(element.table, found)
    return found


def _collect(source: Any, found: dict[str, FromClause]) -> None:
    if isinstance(source, Join):
        _collect(source.left, found)
        _collect(source.right, found)
    elif isinstance(source, Table | Alias) and isinstance(getattr(source, "element", source), Table):
        found.update({str(source.name): source} if "tenant_id" in source.c else {})


def _binds(compiled: Any, statement: Any, table: str, column: str, operator: Any) -> list[str]:
    """The bind names of each ``<table>.<column> <operator> :bind``."""
    found: list[str] = []
    for element in visitors.iterate(statement):
        if not isinstance(element, BinaryExpression) or element.operator is not operator:
            continue
        left, right = element.left, element.right
        if not isinstance(left, ColumnClause) or left.name != column or not isinstance(right, BindParameter):
            continue
        if str(getattr(left.table, "name", "")) == table:
            found.append(compiled.bind_names.get(right, right.key))
    return found
