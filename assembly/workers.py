"""Every worker, with the engine that carries it and the tails that wake it."""

from datetime import timedelta

from assembly.providers import Providers
from resolvers.context import Services
from services.failpoints import Failpoints
from services.packaging.builds import PackagedBuilds
from storage.engine import Database
from workers import adoption, blob_sweep, crash_loops, retention, timers
from workers.adoption import Adoption
from workers.blob_sweep import BlobSweep
from workers.build_ingestion import BuildIngestionWorker
from workers.crash_loops import CrashLoops
from workers.dispatcher import Dispatcher
from workers.engine import DurableEngine
from workers.git_maintenance import GitMaintenanceWorker
from workers.package_publishing import PackagePublishWorker
from workers.pipeline_generation import PipelineGenerationWorker, Writing
from workers.pipeline_monitor import PipelineMonitorWorker
from workers.pull_request_checks import PullRequestCheckWorker
from workers.repeating import Repeating
from workers.repository_provisioning import RepositoryProvisioningWorker
from workers.retention import Kept, Retention
from workers.runtime import Runtime
from workers.timers import Timers
from workers.worker import Worker

TIDY_SECONDS = 3_600.0
UPLOAD_FILES = timedelta(hours=25)


class WorkerProcess:
    """What a process runs that works; ``start`` begins it within the running loop."""

    def __init__(self, database: Database, providers: Providers, services: Services, failpoints: Failpoints) -> None:
        workers = _workers(database, providers, services)
        self.runtime = Runtime(database, workers, failpoints)
        self.engine = DurableEngine(database.url, self.runtime.run)
        self.dispatcher = Dispatcher(database, workers, self.engine.begin, failpoints)
        self.adoption = Adoption(database, services.moving)
        unused = Kept(name="blobs", age=blob_sweep.AGE, drop=BlobSweep(database, providers.blobs).drop)
        ended = Kept(name="files of image uploads", age=UPLOAD_FILES, drop=providers.image_uploads.drop)
        kept = Retention(database, self.engine, unused, ended)
        given_up = CrashLoops(self.engine, self.runtime)
        self._repeating = (
            Repeating("adoption", adoption.EVERY_SECONDS, self.adoption.look),
            Repeating("looking for crash loops", crash_loops.LOOK_SECONDS, given_up.look),
            Repeating("looking for ticks", timers.LOOK_SECONDS, Timers(workers, self.engine.begin).look),
            Repeating("tidying after pushes", TIDY_SECONDS, providers.transport.tidy),
            Repeating("retention", retention.EVERY_SECONDS, kept.sweep),
        )

    async def start(self) -> None:
        """Takes up what a crash left, then follows the log and the clock."""
        await self.engine.start()
        self.dispatcher.start()
        for repeating in self._repeating:
            repeating.start()

    async def stop(self) -> None:
        """Leaves what is under way to the next start."""
        for repeating in self._repeating:
            await repeating.stop()
        await self.dispatcher.stop()
        await self.engine.stop()


def _workers(database: Database, providers: Providers, services: Services) -> tuple[Worker, ...]:
    git = providers.git
    return (
        RepositoryProvisioningWorker(database, git, services.repositories, services.environments, services.pipelines),
        PullRequestCheckWorker(database, git),
        GitMaintenanceWorker(database, git, services.repositories),
        PipelineMonitorWorker(
            database,
            providers.runner,
            services.triggers,
            services.run_orders,
            services.pipeline_runs,
            services.build_results,
        ),
        PackagePublishWorker(
            database,
            providers.python_packages,
            services.packages,
            PackagedBuilds(providers.python_packages),
        ),
        BuildIngestionWorker(database, providers.blobs, services.build_results),
        PipelineGenerationWorker(database, git, _writing(services), services.pipelines, services.pull_requests),
    )


def _writing(services: Services) -> Writing:
    return Writing(
        moving=services.moving,
        branch_creation=services.branch_creation,
        branch_deletion=services.branch_deletion,
        commits=services.commits,
    )
