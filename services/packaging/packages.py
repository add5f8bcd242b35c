"""PackageService: versions of packages, which never change once a file of them is published."""

from dataclasses import dataclass
from typing import ClassVar
from uuid import UUID

from providers.packages.errors import PackageInvalid
from providers.packages.feed import PackageFeed
from providers.packages.values import NamedFile, PackageFile
from services.actor import Actor, Needs, Scope
from services.errors import InvalidInput, PreconditionFailed, absent
from services.events.event import record
from services.events.packaging import PackageUnlisted
from services.names import words
from services.packaging.publications import (
    PublicationStatus,
    accept,
    conflict,
    file_row,
    publish,
    settle,
    tell_requested,
)
from services.platform.uploads import waiting
from storage.ids import public_id
from storage.tables.packages import PackageFileRow, PackagePublicationRow
from storage.tables.platform import ModuleRow, ProjectRow, TenantRow
from storage.unit_of_work import UnitOfWork


@dataclass(frozen=True, kw_only=True)
class PublishPackage:
    """Publishes content that was uploaded, as the file of this name; without a module, of the one that names it."""

    needs: ClassVar = Needs(scope=Scope.PACKAGES_PUBLISH)
    project_id: UUID
    filename: str
    upload_digest: str
    module_id: UUID | None = None


@dataclass(frozen=True, kw_only=True)
class UnlistPackage:
    """Has installers pass a version over (yanks it); what is pinned to it still finds it."""

    needs: ClassVar = Needs(scope=Scope.PACKAGES_PUBLISH)
    package_publication_id: UUID
    reason: str | None = None


class PackageService:
    """Owns package publications; ``feed`` reads what is published."""

    def __init__(self, feed: PackageFeed) -> None:
        self.feed = feed

    async def served(self, uow: UnitOfWork, actor: Actor, path: tuple[str, str], *, writing: bool = False) -> UUID:
        """The project of a tenant and a name, when this token may install from its feed, or publish to it."""
        tenant = await uow.rows.get(TenantRow, actor.tenant_id)
        project = None
        if tenant is not None and tenant.name == path[0]:
            project = await uow.rows.find(ProjectRow, name=path[1])
        if project is None:
            raise absent("project", "/".join(path))
        actor.require(Scope.PACKAGES_PUBLISH if writing else Scope.READ)
        return project.id

    async def publish(self, uow: UnitOfWork, actor: Actor, command: PublishPackage) -> PackagePublicationRow:
        """PENDING until a worker has looked through the file; the same file again changes nothing."""
        actor.require(command.needs)
        if await uow.rows.get(ProjectRow, command.project_id) is None:
            raise absent("project", public_id("Project", command.project_id), field="projectId")
        try:
            named = self.feed.named(command.filename)
        except PackageInvalid as error:
            raise InvalidInput(str(error), field="filename") from error
        digest = command.upload_digest
        sizes = await waiting(uow, command.project_id, [digest], field="uploadDigest")
        module_id = await self._module(uow, command.project_id, command.module_id, named)
        file = PackageFile(named=named, digest=digest, size=sizes[digest], requires_python=None, metadata_digest=None)
        row, found = await accept(uow, command.project_id, module_id, self.feed.ecosystem, file)
        if (other := conflict(found, file)) is not None:
            raise other
        if found is None:
            await uow.rows.add(file_row(row, file))
            tell_requested(uow, row, file)
        return row

    async def uploaded(
        self, uow: UnitOfWork, actor: Actor, project_id: UUID, file: PackageFile
    ) -> PackagePublicationRow:
        """Published at once: a stock client waits for the answer. The same file again changes nothing."""
        actor.require(Scope.PACKAGES_PUBLISH)
        module_id = await self._module(uow, project_id, None, file.named)
        row, found = await accept(uow, project_id, module_id, self.feed.ecosystem, file)
        if (other := conflict(found, file)) is not None:
            raise other
        if found is None:
            found = file_row(row, file)
            await uow.rows.add(found)
        if found.published_at is None:
            publish(uow, row, found, file)
        return row

    async def inspected(self, uow: UnitOfWork, file_id: UUID, outcome: PackageFile | str) -> None:
        """What the feed says of a file that waits: published, or failed for a reason and gone."""
        found = await uow.rows.get(PackageFileRow, file_id, lock=True)
        if found is None or found.published_at is not None:
            return
        row = await uow.rows.get(PackagePublicationRow, found.publication_id, lock=True)
        assert row is not None
        if isinstance(outcome, PackageFile):
            publish(uow, row, found, outcome)
        else:
            await settle(uow, row, found, outcome)

    async def unlist(self, uow: UnitOfWork, actor: Actor, command: UnlistPackage) -> PackagePublicationRow:
        """Once: a second time only the reason is taken over."""
        actor.require(command.needs)
        row = await uow.rows.get(PackagePublicationRow, command.package_publication_id, lock=True)
        if row is None:
            named = public_id("PackagePublication", command.package_publication_id)
            raise absent("package publication", named, field="packagePublicationId")
        if row.published_at is None:
            raise PreconditionFailed(
                f"{row.name} {row.version_name} is {row.status}: only what is published can be unlisted",
                field="packagePublicationId",
            )
        reason = None if command.reason is None else words(command.reason, "reason", most=500, least=1)
        if row.status == PublicationStatus.UNLISTED and row.unlisted_reason == reason:
            return row
        row.status, row.unlisted_reason = PublicationStatus.UNLISTED.value, reason
        event = PackageUnlisted(ecosystem=row.ecosystem, name=row.name, version=row.version_name, reason=reason)
        record(uow, event, subject_id=row.id, project_id=row.project_id, module_id=row.module_id, trace_id=row.trace_id)
        return row

    async def _module(self, uow: UnitOfWork, project_id: UUID, asked: UUID | None, named: NamedFile) -> UUID | None:
        if asked is None:
            modules = await uow.packages.modules_with_packages(project_id)
            return next((row_id for row_id, name in modules if self.feed.canonical(name) == named.name), None)
        module = await uow.rows.get(ModuleRow, asked)
        if module is None or module.project_id != project_id:
            raise absent("module", public_id("Module", asked), field="moduleId")
        return module.id
