"""What a statement may carry past the expression language, where nobody can tell which tables it touches."""

import re
from typing import Any, Final

from sqlalchemy import TableClause
from sqlalchemy.sql.elements import BinaryExpression, ColumnClause, TextClause, UnaryExpression
from sqlalchemy.sql.selectable import TextualSelect
from sqlmodel import SQLModel

_LITERALS: Final = {"*", "1"}
_BESIDE: Final = ("_prefixes", "_suffixes", "_hints", "_statement_hints")
_OPERATOR: Final = re.compile(r"[-+*/<>=~!@#%^&|?]+")


def written_by_hand(element: Any) -> str | None:
    """What of this one element is SQL as text, or a table that is none of ours; not of what is below it."""
    if isinstance(element, TextClause | TextualSelect):
        return f"text() ({str(element)[:80]})"
    if isinstance(element, TableClause):
        ours = SQLModel.metadata.tables.get(str(getattr(element, "fullname", "")))
        return None if hash(ours) == hash(element) else f"the table {element.name!r}, which is none of ours,"
    if isinstance(element, ColumnClause):
        return "literal_column()" if element.is_literal and element.name not in _LITERALS else None
    if isinstance(element, BinaryExpression | UnaryExpression):
        said = getattr(element.operator, "opstring", "=")
        return None if _OPERATOR.fullmatch(said) else f"the operator {said!r}"
    beside = next((name for name in _BESIDE if getattr(element, name, None)), None)
    return None if beside is None else f"text in {beside.removeprefix('_')}"
