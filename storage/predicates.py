"""Which bound parameters keep a statement within a tenant and its projects; told of the statement's shape, once.

A predicate counts where it must hold: at the top of its own SELECT's WHERE, or in the ON of the table that is joined.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any, Final

from sqlalchemy import CompoundSelect, Delete, Insert, Select, TableClause, Update, Values
from sqlalchemy.sql import operators
from sqlalchemy.sql.elements import BinaryExpression, BindParameter, BooleanClauseList, ColumnClause, Grouping
from sqlalchemy.sql.selectable import (
    AliasedReturnsRows,
    Exists,
    FromClause,
    FromGrouping,
    Join,
    Lateral,
    ScalarSelect,
)

from storage.errors import TenantViolation
from storage.plain_sql import written_by_hand

TENANT: Final = "tenant_id"
PROJECT: Final = "project_id"
PROJECTS: Final = "projects"


@dataclass(frozen=True, slots=True)
class Needs:
    """The bind names that must each hold a tenant; and for each table of projects those of which one must hold them."""

    tenants: tuple[str, ...] = ()
    projects: tuple[tuple[str, ...], ...] = ()


def needs_of(compiled: Any) -> Needs:
    """TenantViolation when a table of tenants is touched without its tenant, or past the expression language."""
    statement = compiled.statement
    if not isinstance(statement, Select | CompoundSelect | Insert | Update | Delete):
        raise TenantViolation(f"{type(statement).__name__} is refused outside migrations: {str(compiled)[:80]}")
    walk = _Walk(compiled)
    walk.enter(statement, ())
    if isinstance(statement, Update) and TENANT in (compiled.column_keys or ()):
        walk.tenants.append(TENANT)
    return Needs(tuple(walk.tenants), tuple(walk.projects))


@dataclass
class _Walk:
    """Goes down a statement scope by scope, noting what binds each table."""

    compiled: Any
    tenants: list[str] = field(default_factory=list)
    projects: list[tuple[str, ...]] = field(default_factory=list)
    seen: dict[int, FromClause] = field(default_factory=dict)

    def enter(self, element: Any, outer: tuple[FromClause, ...]) -> None:
        """``outer`` are the tables of the scopes around, which a nested SELECT may refer to."""
        if (said := written_by_hand(element)) is not None:
            raise TenantViolation(f"{said} is refused outside migrations: {str(self.compiled)[:80]}")
        if isinstance(element, Select):
            self._select(element, outer)
        elif isinstance(element, Insert):
            self._insert(element)
        elif isinstance(element, Update | Delete):
            self._change(element)
        elif isinstance(element, FromClause) and not isinstance(element, Lateral | Join | FromGrouping):
            self._below(element, ())
        else:
            self._below(element, outer)

    def _below(self, element: Any, outer: tuple[FromClause, ...]) -> None:
        """What has no scope around it says the same wherever it is named, so it is looked at once."""
        if isinstance(element, FromClause) and not outer:
            if id(element) in self.seen:
                return
            self.seen[id(element)] = element
        for child in element.get_children():
            self.enter(child, outer)
        for row in (row for rows in element._data for row in rows) if isinstance(element, Values) else ():
            for value in row:
                if not isinstance(value, BindParameter) and hasattr(value, "get_children"):
                    self.enter(value, outer)

    def _select(self, select: Select[Any], outer: tuple[FromClause, ...]) -> None:
        sources = list(_tables(select.get_final_froms()))
        correlated = _correlated(select, sources, outer)
        conditions = list(_conditions(select))
        for table in sources:
            if not any(_same(table, one) for one in correlated):
                self._bind(table, conditions, reads=True)
        self._below(select, (*outer, *sources))

    def _change(self, change: Update | Delete) -> None:
        others = [one for one in _columns_of(change) if not _same(one, change.table)]
        if others:
            raise TenantViolation(f"a change names one table, others in subqueries only: {str(self.compiled)[:80]}")
        self._bind(change.table, list(_flat(change.whereclause)), reads=False)
        for name, value in _assigned(change):
            if name == TENANT:
                self._holds_tenant(value)
        self._below(change, (change.table,))

    def _insert(self, insert: Insert) -> None:
        if TENANT in insert.table.c:
            if insert.select is not None:
                raise TenantViolation(f"INSERT from SELECT is refused: {str(self.compiled)[:80]}")
            given = {_name(key): value for key, value in (insert._values or {}).items()}
            if TENANT in given:
                self._holds_tenant(given[TENANT])
            elif insert._multi_values:
                raise TenantViolation("give rows as parameters, not as VALUES: each is checked for its tenant")
            else:
                self.tenants.append(TENANT)
            conflict: Any = insert._post_values_clause
            changes = dict(getattr(conflict, "update_values_to_set", None) or ())
            if any(_name(key) == TENANT for key in changes):
                raise TenantViolation("ON CONFLICT does not change the tenant")
        self._below(insert, ())

    def _holds_tenant(self, value: Any) -> None:
        if not isinstance(value, BindParameter):
            raise TenantViolation(f"the tenant of a row is a bound value: {str(self.compiled)[:80]}")
        self.tenants.append(self._name(value))

    def _bind(self, table: Any, conditions: list[Any], *, reads: bool) -> None:
        if TENANT not in table.c:
            return
        tenants = [self._name(one.right) for one in conditions if _compares(one, table, TENANT, operators.eq)]
        if not tenants:
            raise TenantViolation(f"{table.name} is touched without its tenant: {str(self.compiled)[:200]}")
        self.tenants.extend(tenants)
        project = "id" if _origin(table).name == PROJECTS else PROJECT
        if reads and project in table.c:
            within = [self._name(one.right) for one in conditions if _compares(one, table, project, operators.in_op)]
            self.projects.append(tuple(within))

    def _name(self, bind: Any) -> str:
        """A value to be written is bound as a copy, under the same key."""
        for bound, name in self.compiled.bind_names.items():
            if bound is bind or bound.key == bind.key:
                return str(name)
        return str(bind.key)


def _tables(sources: Any) -> Iterator[Any]:
    """Each table, or alias of one, with a tenant; of a join both sides."""
    for source in sources:
        if isinstance(source, FromGrouping):
            yield from _tables((source.element,))
        elif isinstance(source, Join):
            yield from _tables((source.left, source.right))
        elif isinstance(_origin(source), TableClause) and TENANT in source.c:
            yield source


def _origin(source: Any) -> Any:
    """The table of an alias, of its alias, and so on."""
    while isinstance(source, AliasedReturnsRows | FromGrouping):
        source = source.element
    return source


def _correlated(select: Select[Any], sources: list[Any], outer: tuple[FromClause, ...]) -> list[Any]:
    """The tables that the SELECT does not read itself but takes from around it, by SQLAlchemy's own rules."""
    around = [one for one in sources if any(_same(one, other) for other in outer)]
    if not around:
        return []
    state = select._compile_state_factory(select, select._default_compiler())
    shown = state._get_display_froms(around, around)
    left = list(_tables(shown))
    return [one for one in around if not any(_same(one, other) for other in left)]


def _conditions(select: Select[Any]) -> Iterator[Any]:
    yield from _flat(select.whereclause)
    for source in select.get_final_froms():
        yield from _joined(source)


def _joined(source: Any) -> Iterator[Any]:
    """What an ON says of the table it joins: of the left side it says nothing when the join is outer."""
    if isinstance(source, FromGrouping):
        yield from _joined(source.element)
    if not isinstance(source, Join):
        return
    yield from _joined(source.left)
    yield from _joined(source.right)
    if not source.full:
        joined = list(_tables((source.right,)))
        for one in _flat(source.onclause):
            column = getattr(one, "left", None)
            if not source.isouter or any(_same(getattr(column, "table", None), table) for table in joined):
                yield one


def _flat(clause: Any) -> Iterator[Any]:
    """The parts of a conjunction."""
    if isinstance(clause, Grouping):
        yield from _flat(clause.element)
    elif isinstance(clause, BooleanClauseList) and clause.operator is operators.and_:
        for part in clause.clauses:
            yield from _flat(part)
    elif clause is not None:
        yield clause


def _compares(condition: Any, table: Any, column: str, operator: Any) -> bool:
    return (
        isinstance(condition, BinaryExpression)
        and condition.operator is operator
        and isinstance(condition.left, ColumnClause)
        and condition.left.name == column
        and isinstance(condition.right, BindParameter)
        and _same(condition.left.table, table)
    )


def _assigned(change: Update | Delete) -> Iterator[tuple[str, Any]]:
    values = getattr(change, "_values", None) or dict(getattr(change, "_ordered_values", None) or ())
    for key, value in values.items():
        yield _name(key), value


def _columns_of(change: Update | Delete) -> Iterator[Any]:
    """The tables that the WHERE and the values name outside subqueries."""
    waiting = [change.whereclause, *(value for _, value in _assigned(change))]
    while waiting:
        element = waiting.pop()
        if isinstance(element, ColumnClause):
            if isinstance(element.table, FromClause):
                yield element.table
        elif element is not None and not isinstance(element, ScalarSelect | Exists):
            waiting.extend(element.get_children())


def _same(one: Any, other: Any) -> bool:
    """What the ORM annotates is a copy with the hash of the original."""
    return hash(one) == hash(other)


def _name(key: Any) -> str:
    return str(getattr(key, "name", key))
