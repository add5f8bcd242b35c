"""What a resolver is given: the caller, the services and the loaders of one request."""

from dataclasses import dataclass
from uuid import UUID, uuid4

from strawberry.dataloader import DataLoader
from strawberry.types import Info as StrawberryInfo

from resolvers.loaders import RowLoaders
from resolvers.run_records import run_records
from resolvers.source_control_reading import GitReader
from schema.limits import Limits
from services.actor import Actor
from services.failpoints import Failpoints
from services.packaging.packages import PackageService
from services.pipelines.execution import PipelineExecutionService
from services.pipelines.generation import PipelineGeneratorService
from services.pipelines.logs import RunLogService
from services.pipelines.orders import RunOrders
from services.pipelines.results import BuildResultService
from services.pipelines.triggers import TriggerService
from services.pipelines.validation import PipelineValidator
from services.platform.artifacts import ArtifactService
from services.platform.configuration import ConfigurationService
from services.platform.dead_letters import DeadLetterService
from services.platform.environments import EnvironmentService
from services.platform.identities import IdentityService
from services.platform.modules import ModuleService
from services.platform.projects import ProjectService
from services.platform.tenants import TenantService
from services.source_control.branches import BranchCreation, BranchDeletion
from services.source_control.commits import CommitService
from services.source_control.merging import MergeService
from services.source_control.moving import Moving
from services.source_control.protection import ProtectionService
from services.source_control.pull_requests import PullRequestService
from services.source_control.reading import ReadingService
from services.source_control.repositories import RepositoryService
from storage.access import Access, Cause
from storage.engine import Database
from storage.hub import Hub
from storage.tables.pipelines import RunRecordRow


@dataclass(frozen=True, kw_only=True)
class Services:
    """Every service, built once by ``main``."""

    identities: IdentityService
    tenants: TenantService
    projects: ProjectService
    modules: ModuleService
    artifacts: ArtifactService
    environments: EnvironmentService
    configuration: ConfigurationService
    dead_letters: DeadLetterService
    repositories: RepositoryService
    branch_creation: BranchCreation
    branch_deletion: BranchDeletion
    commits: CommitService
    moving: Moving
    pull_requests: PullRequestService
    merges: MergeService
    reading: ReadingService
    protection: ProtectionService
    pipelines: PipelineGeneratorService
    pipeline_runs: PipelineExecutionService
    build_results: BuildResultService
    triggers: TriggerService
    run_orders: RunOrders
    pipeline_validator: PipelineValidator
    run_logs: RunLogService
    packages: PackageService


class Context:
    """One request's; ``correlation_id`` ties its events together, ``resume_after`` is a stream's Last-Event-ID."""

    actor: Actor
    loaders: RowLoaders
    git: GitReader
    run_records: DataLoader[UUID, list[RunRecordRow]]

    def __init__(
        self,
        services: Services,
        database: Database,
        hub: Hub,
        limits: Limits,
        failpoints: Failpoints,
        base_url: str,
    ) -> None:
        self.services = services
        self.database = database
        self.failpoints = failpoints
        self.hub = hub
        self.limits = limits
        self.base_url = base_url
        self.correlation_id = f"req-{uuid4().hex}"
        self.trace_id: str | None = None
        self.resume_after: str | None = None

    def sign_in(self, actor: Actor) -> None:
        """Names the caller; nothing can be asked before."""
        self.actor = actor
        self.loaders = RowLoaders(self.database, actor)
        self.run_records = run_records(self.database, actor)
        self.git = GitReader(self.database, actor, self.loaders, self.services.reading, lambda: self.cause(None))

    def cause(self, trace_id: str | None) -> Cause:
        """The cause of this request's events; a new trace unless the client named one."""
        self.trace_id = trace_id or uuid4().hex
        return Cause(
            actor_id=self.actor.identity_id,
            on_behalf_of=self.actor.on_behalf_of,
            trace_id=self.trace_id,
            correlation_id=self.correlation_id,
            causation_id=self.correlation_id,
        )

    def also(self, tenant_id: UUID) -> Access:
        """The access that createTenant writes with: the operator's and the new tenant's."""
        return Access(tenant_id=self.actor.tenant_id, also=(tenant_id,))


Info = StrawberryInfo[Context, None]
