"""Every service with what it needs from outside."""

import contextlib
import os
from pathlib import Path
from uuid import uuid4

from assembly.providers import Providers
from resolvers.context import Services
from services.failpoints import Failpoints
from services.packaging.packages import PackageService
from services.pipelines.execution import PipelineExecutionService
from services.pipelines.generation import PipelineGeneratorService
from services.pipelines.logs import RunLogService
from services.pipelines.orders import RunOrders
from services.pipelines.results import BuildResultService
from services.pipelines.sources import PipelineSources
from services.pipelines.triggers import TriggerService
from services.pipelines.validation import PipelineValidator
from services.platform.artifacts import ArtifactService
from services.platform.configuration import ConfigurationService
from services.platform.dead_letters import DeadLetterService
from services.platform.environments import EnvironmentService
from services.platform.identities import IdentityService
from services.platform.issuer import TokenIssuer
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
from services.source_control.turns import BranchTurns
from storage.engine import Database


def build_services(data: Path, database: Database, providers: Providers, failpoints: Failpoints) -> Services:
    """The services of one process; the issuer's key is made at the first start."""
    git = providers.git
    identities = IdentityService(TokenIssuer(_signing_key(data / "issuer.pem")))
    repositories = RepositoryService()
    sources = PipelineSources(git)
    environments = EnvironmentService(repositories)
    pull_requests = PullRequestService()
    return Services(
        identities=identities,
        tenants=TenantService(identities),
        projects=ProjectService(),
        modules=ModuleService(),
        artifacts=ArtifactService(),
        repositories=repositories,
        environments=environments,
        configuration=ConfigurationService(),
        branch_creation=BranchCreation(git),
        branch_deletion=BranchDeletion(),
        dead_letters=DeadLetterService(repositories, environments),
        commits=CommitService(git, providers.blobs),
        moving=Moving(database, git, providers.transport, BranchTurns(), failpoints),
        pull_requests=pull_requests,
        merges=MergeService(git, pull_requests),
        reading=ReadingService(git),
        protection=ProtectionService(),
        pipelines=PipelineGeneratorService(),
        pipeline_runs=PipelineExecutionService(),
        build_results=BuildResultService(),
        triggers=TriggerService(git, sources),
        run_orders=RunOrders(sources),
        pipeline_validator=PipelineValidator(sources),
        packages=PackageService(providers.python_packages),
        run_logs=RunLogService(providers.run_logs),
    )


def _signing_key(path: Path) -> bytes:
    """The installation's key, readable by its owner only; whole or absent, and one, however many processes start."""
    if not path.exists():
        aside = path.with_name(f".{path.name}.{uuid4().hex}")
        with os.fdopen(os.open(aside, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
            file.write(TokenIssuer.new_key())
            file.flush()
            os.fsync(file.fileno())
        with contextlib.suppress(FileExistsError):
            os.link(aside, path)
        aside.unlink()
    return path.read_bytes()
