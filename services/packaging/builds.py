"""PackagedBuilds: which files of a build are packages of its module, and how they come to be published."""

from dataclasses import dataclass
from typing import Final
from uuid import UUID

from providers.packages.errors import PackageInvalid
from providers.packages.feed import PackageFeed
from providers.packages.values import PackageFile
from providers.pipelines.values import ProducedKind
from services.packaging.publications import accept, conflict, fail, file_row, tell_requested
from services.pipelines.runs import RunStatus
from storage.tables.pipelines import BuildArtifactRow, BuildResultRow, PipelineRunRow
from storage.tables.platform import ModuleRow
from storage.tables.source_control import RepositoryRow
from storage.unit_of_work import UnitOfWork

MOST_FILES: Final = 100


@dataclass(frozen=True, kw_only=True)
class Packaged:
    """The files of a build that shall be published."""

    build: BuildResultRow
    files: tuple[PackageFile, ...]


class PackagedBuilds:
    """Only what succeeded on the default branch is published, and only under the module's own name."""

    def __init__(self, feed: PackageFeed) -> None:
        self._feed = feed

    async def packages_of(self, uow: UnitOfWork, build_id: UUID) -> Packaged | None:
        """What the build has for the feed; None when nothing of it is to be published."""
        build = await uow.rows.get(BuildResultRow, build_id)
        if build is None or build.status != RunStatus.SUCCEEDED:
            return None
        run = await uow.rows.get(PipelineRunRow, build.pipeline_run_id)
        repository = await uow.rows.get(RepositoryRow, build.repository_id)
        module = await uow.rows.get(ModuleRow, build.module_id)
        if run is None or repository is None or module is None:
            return None
        if run.pull_request_id is not None or build.branch != repository.default_branch:
            return None
        wanted = self._feed.canonical(module.package_name or module.name)
        artifacts = await uow.rows.all(BuildArtifactRow, build_result_id=build.id)
        files = [file for row in artifacts if (file := self._file(row, wanted)) is not None]
        unique = {file.named.filename: file for file in reversed(files)}
        return Packaged(build=build, files=tuple(reversed(unique.values()))[:MOST_FILES]) if files else None

    def _file(self, row: BuildArtifactRow, wanted: str) -> PackageFile | None:
        """None for what is no package, or another's: a build may put out what it installed."""
        if row.kind != ProducedKind.ARTIFACT:
            return None
        try:
            named = self._feed.named(row.path.rpartition("/")[2])
        except PackageInvalid:
            return None
        if named.name != wanted:
            return None
        return PackageFile(named=named, digest=row.digest, size=row.size, requires_python=None, metadata_digest=None)

    async def request(self, uow: UnitOfWork, packaged: Packaged) -> None:
        """Each file waits to be looked through; what is published already is left as it is, also by another build."""
        build = packaged.build
        for file in packaged.files:
            row, found = await accept(uow, build.project_id, build.module_id, self._feed.ecosystem, file)
            if (other := conflict(found, file)) is not None:
                fail(uow, row, file.named.filename, file.digest, other.message)
            elif found is None:
                if row.published_at is None:
                    row.build_result_id = build.id
                await uow.rows.add(file_row(row, file))
                tell_requested(uow, row, file)
