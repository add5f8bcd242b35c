"""The one way to select rows: within the tenant, and within the projects of a limited token."""

from collections.abc import Iterable
from typing import Any
from uuid import UUID

from sqlalchemy import Select, String, cast, func, select

from storage.access import Access
from storage.tables.platform import ProjectRow, TokenRow


def visible(access: Access, kind: Any, *columns: Any) -> Select[Any]:
    """``SELECT`` of rows (or of these columns) of the type that the access sees."""
    return select(*(columns or (kind,))).select_from(kind).where(*sight(access, kind))


def sight(access: Access, kind: Any) -> list[Any]:
    """The terms that keep a statement to what the access sees of this type; for each type that it names."""
    terms = [kind.tenant_id == access.tenant_id]
    if access.project_ids is None:
        return terms
    if kind.__tablename__ == ProjectRow.__tablename__:
        return [*terms, kind.id.in_(access.project_ids)]
    if kind.__tablename__ == TokenRow.__tablename__:
        return [*terms, _within(kind.project_ids, access.project_ids)]
    if "project_id" in kind.__table__.c:
        return [*terms, kind.project_id.in_(access.project_ids)]
    return terms


def _within(projects: Any, mine: Iterable[UUID]) -> Any:
    """Whether a token is no wider: its JSON list of projects, each 32 hex digits, is empty once mine are taken away."""
    left: Any = cast(projects, String)
    for taken in (*(project.hex for project in mine), '"', ",", " "):
        left = func.replace(left, taken, "")
    return left == "[]"


def sees(access: Access, row: Any) -> bool:
    """The same answer as ``visible`` for a row of a type with a project that is in memory."""
    if row.tenant_id != access.tenant_id:
        return False
    return access.project_ids is None or row.project_id in access.project_ids
