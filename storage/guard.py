"""The tenant guard: a statement that touches a tenant's table without that tenant's bound parameter never runs.

For a token limited to projects, a SELECT must name its projects too.
"""

import re
from collections.abc import Mapping, Sequence
from typing import Any
from weakref import WeakKeyDictionary

from sqlalchemy import event
from sqlalchemy.engine import Connection
from sqlalchemy.ext.asyncio import AsyncEngine

from storage.access import Access
from storage.errors import TenantViolation
from storage.predicates import Needs, needs_of

ACCESS = "slipway_access"
SYSTEM = "system"
_PLAIN = re.compile(r"BEGIN( IMMEDIATE)?|(SAVEPOINT|RELEASE SAVEPOINT|ROLLBACK TO SAVEPOINT) \w+")
_needs: WeakKeyDictionary[Any, Needs] = WeakKeyDictionary()


def install(engine: AsyncEngine) -> None:
    """Puts the guard on every statement of the engine, ORM, Core and raw alike."""
    event.listen(engine.sync_engine, "before_cursor_execute", _check)


def _check(conn: Connection, cursor: Any, statement: str, parameters: Any, context: Any, executemany: bool) -> None:
    access = conn.get_execution_options().get(ACCESS)
    if access == SYSTEM:
        return
    compiled = getattr(context, "compiled", None)
    if compiled is None:
        if not _PLAIN.fullmatch(statement):
            raise TenantViolation(f"raw SQL is refused outside migrations: {statement[:80]}")
        return
    if compiled not in _needs:
        _needs[compiled] = needs_of(compiled)
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
            _check_projects(needs, row, context._expanded_parameters, access.project_ids, statement)


def _check_projects(
    needs: Needs, row: Any, expanded: Mapping[str, Sequence[str]], project_ids: tuple[Any, ...], statement: str
) -> None:
    """An IN is one parameter for each of its values by now; of several on one table the narrowest counts."""
    for binds in needs.projects:
        if not any(bind in expanded and {row[name] for name in expanded[bind]} <= set(project_ids) for bind in binds):
            raise TenantViolation(f"a limited token reads beyond its projects: {statement[:80]}")
