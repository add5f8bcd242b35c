"""PackagePublishWorker: asks for what builds have packaged, and looks through what was asked for."""

from dataclasses import dataclass
from typing import ClassVar
from uuid import UUID

from providers.errors import ProviderRejected
from providers.packages.feed import PackageFeed
from providers.packages.values import PackageFile
from services.packaging.builds import Packaged, PackagedBuilds
from services.packaging.packages import PackageService
from storage.engine import Database
from storage.tables.operations import EventRow
from storage.unit_of_work import UnitOfWork
from workers.delivery import Delivery
from workers.errors import Ignore
from workers.worker import Progress


@dataclass(frozen=True, kw_only=True)
class Inspected:
    """A file that waited, and what the feed says of it: the file as it is, or why it is refused."""

    file_id: UUID
    outcome: PackageFile | str


class PackagePublishWorker:
    """Works from the rows: whatever waits of the publication is looked through, by whichever event comes first.

    What a build has packaged is asked for first, as people ask, so that its reading has tries and events of its own.
    """

    name: ClassVar[str] = "PackagePublishWorker"
    wakes_on: ClassVar[tuple[str, ...]] = ("PackagePublicationRequested", "BuildCompleted")
    attempts: ClassVar[int] = 5
    timeout: ClassVar[float] = 300.0

    def __init__(self, database: Database, feed: PackageFeed, packages: PackageService, builds: PackagedBuilds) -> None:
        self._database = database
        self._feed = feed
        self._packages = packages
        self._builds = builds

    def wants(self, event: EventRow) -> bool:
        """Of builds those that put anything out."""
        return event.event_type != "BuildCompleted" or event.payload["artifacts"] > 0

    async def act(self, delivery: Delivery, progress: Progress) -> Packaged | list[Inspected]:
        """Reads the content; nothing of it is run."""
        async with self._database.reading(delivery.access) as session:
            uow = UnitOfWork(session, delivery.access, delivery.cause)
            if delivery.subject_type == "BuildResult":
                packaged = await self._builds.packages_of(uow, delivery.subject_id)
                if packaged is None:
                    raise Ignore("the build has no package to be published")
                return packaged
            waiting = await uow.packages.waiting(delivery.subject_id)
        if not waiting:
            raise Ignore("nothing of the version waits to be published")
        return [
            Inspected(file_id=file.id, outcome=await self._inspect(delivery.tenant_id, file.filename, file.digest))
            for file in waiting
        ]

    async def _inspect(self, tenant_id: UUID, filename: str, digest: str) -> PackageFile | str:
        try:
            return await self._feed.publish(tenant_id, filename, digest)
        except ProviderRejected as error:
            return str(error)

    async def record(self, uow: UnitOfWork, delivery: Delivery, result: Packaged | list[Inspected]) -> None:
        """The rows follow."""
        if isinstance(result, Packaged):
            await self._builds.request(uow, result)
            return
        for one in result:
            await self._packages.inspected(uow, one.file_id, one.outcome)

    async def on_dead_letter(self, uow: UnitOfWork, delivery: Delivery, reason: str) -> None:
        """What waits has failed, and says why; of a build nothing waits yet."""
        for file in await uow.packages.waiting(delivery.subject_id):
            await self._packages.inspected(uow, file.id, reason)
