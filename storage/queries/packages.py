"""Statements over package feeds: what a feed lists, and which blobs its files are."""

from collections.abc import Sequence
from typing import Any
from uuid import UUID

from sqlalchemy import select, tuple_
from sqlalchemy.ext.asyncio import AsyncSession

from storage.access import Access
from storage.queries.visible import sight, visible
from storage.tables.packages import PackageFileRow, PackagePublicationRow
from storage.tables.platform import ModuleRow

Listed = tuple[PackageFileRow, PackagePublicationRow]


class PackageQueries:
    """Reads of one tenant's feeds."""

    def __init__(self, session: AsyncSession, access: Access) -> None:
        self._session = session
        self._access = access

    async def names(self, project_id: UUID, ecosystem: str) -> list[str]:
        """The packages of a project's feed that have anything published, by name."""
        c: Any = PackagePublicationRow
        statement = visible(self._access, PackagePublicationRow, c.name).distinct()
        of_feed = statement.where(
            c.project_id == project_id, c.ecosystem == ecosystem, c.published_at.is_not(None)
        ).order_by(c.name)
        return list((await self._session.execute(of_feed)).scalars())

    async def published(self, project_id: UUID, ecosystem: str, name: str) -> list[Listed]:
        """Every published file of a package with its version, the oldest first."""
        c: Any = PackagePublicationRow
        f: Any = PackageFileRow
        both = visible(self._access, PackageFileRow, PackageFileRow, PackagePublicationRow)
        joined = both.join(PackagePublicationRow, c.id == f.publication_id).where(
            *sight(self._access, PackagePublicationRow)
        )
        of_name = joined.where(
            c.project_id == project_id, c.ecosystem == ecosystem, c.name == name, f.published_at.is_not(None)
        )
        return [(file, row) for file, row in await self._session.execute(of_name.order_by(f.id))]

    async def waiting(self, publication_id: UUID) -> list[PackageFileRow]:
        """The files that somebody asked to be published and that are not yet."""
        f: Any = PackageFileRow
        statement = visible(self._access, PackageFileRow).where(
            f.publication_id == publication_id, f.published_at.is_(None)
        )
        return list((await self._session.execute(statement.order_by(f.id))).scalars())

    async def modules_with_packages(self, project_id: UUID) -> list[tuple[UUID, str]]:
        """The project's modules that name a package, with that name."""
        c: Any = ModuleRow
        statement = visible(self._access, ModuleRow, c.id, c.package_name).where(
            c.project_id == project_id, c.package_name.is_not(None)
        )
        return [(module_id, name) for module_id, name in await self._session.execute(statement.order_by(c.id))]


async def filed(session: AsyncSession, keys: Sequence[tuple[UUID, str]]) -> set[tuple[UUID, str]]:
    """Those of these (tenant, digest) that are a package's file or its metadata; in the system role."""
    f: Any = PackageFileRow
    found: set[tuple[UUID, str]] = set()
    for digest in (f.digest, f.metadata_digest):
        statement = select(f.tenant_id, digest).where(tuple_(f.tenant_id, digest).in_(keys))
        found |= {(tenant_id, held) for tenant_id, held in await session.execute(statement)}
    return found
