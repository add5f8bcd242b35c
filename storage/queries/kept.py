"""Statements that are built once and asked with values: to build one takes longer than to ask it."""

from collections.abc import Callable, Mapping
from functools import cache
from typing import Any, Final

from sqlalchemy import bindparam
from sqlalchemy.ext.asyncio import AsyncSession

from storage.access import Access
from storage.queries.visible import visible
from storage.tables.platform import TokenRow

Build = Callable[[Any], Any]
_TENANT: Final = "sight_tenant"
_PROJECTS: Final = "sight_projects"


class Sight:
    """An access as ``visible`` asks of it, with parameters in place of values."""

    def __init__(self, *, limited: bool) -> None:
        self.tenant_id: Any = bindparam(_TENANT)
        self.project_ids: Any = bindparam(_PROJECTS, expanding=True) if limited else None


async def ask(session: AsyncSession, access: Access, build: Build, **values: object) -> Any:
    """The result of what a function of a module builds from a ``Sight``, its parameters named as the values are."""
    return await session.execute(_kept(build, _limited(access)), _bound(access) | values)


async def ask_by(
    session: AsyncSession, access: Access, kind: Any, keys: Mapping[str, object], *, lock: bool = False
) -> Any:
    """The visible rows of a type with these column values; ``lock`` holds them until the commit."""
    if kind is TokenRow and _limited(access):  # its own projects are compared within a text
        return await session.execute(_by(access, kind, keys, lock=lock))
    nulls = frozenset(name for name, value in keys.items() if value is None)
    values = {_key(name): value for name, value in keys.items() if value is not None}
    return await session.execute(_kept_by(kind, tuple(keys), nulls, _limited(access), lock), _bound(access) | values)


@cache
def _kept(build: Build, limited: bool) -> Any:
    return build(Sight(limited=limited))


@cache
def _kept_by(kind: Any, names: tuple[str, ...], nulls: frozenset[str], limited: bool, lock: bool) -> Any:
    keys: dict[str, Any] = {name: None if name in nulls else bindparam(_key(name)) for name in names}
    return _by(Sight(limited=limited), kind, keys, lock=lock)


def _by(access: Any, kind: Any, keys: Mapping[str, object], *, lock: bool) -> Any:
    statement = visible(access, kind).where(*(getattr(kind, name) == value for name, value in keys.items()))
    return statement.with_for_update() if lock else statement


def _key(name: str) -> str:
    return f"its_{name}"


def _limited(access: Access) -> bool:
    return access.project_ids is not None


def _bound(access: Access) -> dict[str, object]:
    bound: dict[str, object] = {_TENANT: access.tenant_id}
    return bound if access.project_ids is None else bound | {_PROJECTS: access.project_ids}
