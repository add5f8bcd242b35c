"""Statements of the platform context."""

from typing import Any
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from storage.access import Access
from storage.queries.visible import visible
from storage.tables.platform import ConfigurationRow, TenantRow


class PlatformQueries:
    """Reads of one tenant's reference data."""

    def __init__(self, session: AsyncSession, access: Access) -> None:
        self._session = session
        self._access = access

    async def newest_configuration(self, environment_id: UUID, module_id: UUID) -> ConfigurationRow | None:
        """A module's newest values in an environment, or None when there were never any."""
        c: Any = ConfigurationRow
        statement = visible(self._access, ConfigurationRow)
        statement = statement.where(c.environment_id == environment_id, c.module_id == module_id)
        newest = await self._session.execute(statement.order_by(c.number.desc()).limit(1))
        found: ConfigurationRow | None = newest.scalar_one_or_none()
        return found

    async def has_tenants(self) -> bool:
        """Whether the installation has any tenant; in the system role."""
        c: Any = TenantRow
        return (await self._session.execute(select(c.id).limit(1))).first() is not None

    async def tenant_id_named(self, name: str) -> UUID | None:
        """The tenant of that name; in the system role."""
        c: Any = TenantRow
        found: UUID | None = (await self._session.execute(select(c.id).where(c.name == name))).scalar_one_or_none()
        return found
