"""What every row shares: ids, tenant, times and version."""

from datetime import UTC, datetime
from typing import Any, ClassVar
from uuid import UUID

from sqlalchemy import String, TypeDecorator, Uuid
from sqlalchemy.dialects.postgresql import TIMESTAMP
from sqlalchemy.engine import Dialect
from sqlalchemy.types import TypeEngine
from sqlmodel import Field, SQLModel

from storage.ids import new_id


class UtcDateTime(TypeDecorator[datetime]):
    """RFC 3339 text with microseconds and Z on SQLite (sorts as time), timestamptz on PostgreSQL."""

    impl = String(27)
    cache_ok = True

    def load_dialect_impl(self, dialect: Dialect) -> TypeEngine[Any]:
        """The column type of the dialect."""
        if dialect.name == "postgresql":
            return dialect.type_descriptor(TIMESTAMP(timezone=True))
        return dialect.type_descriptor(String(27))

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> Any:
        """A naive time is refused: it has no place on the time line."""
        if value is None:
            return None
        if value.tzinfo is None:
            raise ValueError("a time without a zone cannot be stored")
        value = value.astimezone(UTC)
        return value if dialect.name == "postgresql" else value.strftime("%Y-%m-%dT%H:%M:%S.%fZ")

    def process_result_value(self, value: Any, dialect: Dialect) -> datetime | None:
        """Always in UTC."""
        if value is None:
            return None
        if isinstance(value, datetime):
            return value.astimezone(UTC)
        return datetime.fromisoformat(value)


def now() -> datetime:
    """The present in UTC with microseconds."""
    return datetime.now(UTC)


class TenantScoped(SQLModel):
    """A row of one tenant; its primary key starts with the tenant so that updates name it too."""

    type_name: ClassVar[str] = ""

    tenant_id: UUID = Field(sa_type=Uuid, primary_key=True)
    id: UUID = Field(default_factory=new_id, sa_type=Uuid, primary_key=True)
    created_at: datetime = Field(default_factory=now, sa_type=UtcDateTime)
    updated_at: datetime = Field(default_factory=now, sa_type=UtcDateTime)
    version: int = Field(default=1)


class ProjectScoped(TenantScoped):
    """A row of one project; a token limited to other projects never sees it."""

    project_id: UUID = Field(sa_type=Uuid)
