"""Every type with a row, literally: what ``node`` resolves and loaders wrap."""

from typing import Final

from schema.build_results import BuildArtifact, BuildResult, FileCoverage, TestCase, TestCaseResult
from schema.dead_letters import DeadLetter
from schema.mapping import Node
from schema.packages import PackageFile, PackagePublication
from schema.pipelines import PipelineDefinition, PipelineRun
from schema.platform import Artifact, Configuration, Environment, Identity, Module, Project, Tenant, Token
from schema.pull_requests import Check, PullRequest, Review
from schema.source_control import Branch, Commit, Repository
from storage.tables.operations import DeadLetterRow
from storage.tables.packages import PackageFileRow, PackagePublicationRow
from storage.tables.pipelines import (
    BuildArtifactRow,
    BuildResultRow,
    FileCoverageRow,
    PipelineDefinitionRow,
    PipelineRunRow,
    TestCaseResultRow,
    TestCaseRow,
)
from storage.tables.platform import (
    ArtifactRow,
    ConfigurationRow,
    EnvironmentRow,
    IdentityRow,
    ModuleRow,
    ProjectRow,
    TenantRow,
    TokenRow,
)
from storage.tables.scoped import TenantScoped
from storage.tables.source_control import BranchRow, CheckRow, CommitRow, PullRequestRow, RepositoryRow, ReviewRow

TYPES: Final[dict[str, tuple[type[Node], type[TenantScoped]]]] = {
    "Artifact": (Artifact, ArtifactRow),
    "Branch": (Branch, BranchRow),
    "BuildArtifact": (BuildArtifact, BuildArtifactRow),
    "BuildResult": (BuildResult, BuildResultRow),
    "Check": (Check, CheckRow),
    "Commit": (Commit, CommitRow),
    "Configuration": (Configuration, ConfigurationRow),
    "Environment": (Environment, EnvironmentRow),
    "DeadLetter": (DeadLetter, DeadLetterRow),
    "FileCoverage": (FileCoverage, FileCoverageRow),
    "Identity": (Identity, IdentityRow),
    "Module": (Module, ModuleRow),
    "PackageFile": (PackageFile, PackageFileRow),
    "PackagePublication": (PackagePublication, PackagePublicationRow),
    "PipelineDefinition": (PipelineDefinition, PipelineDefinitionRow),
    "PipelineRun": (PipelineRun, PipelineRunRow),
    "Project": (Project, ProjectRow),
    "PullRequest": (PullRequest, PullRequestRow),
    "Repository": (Repository, RepositoryRow),
    "Review": (Review, ReviewRow),
    "TestCase": (TestCase, TestCaseRow),
    "TestCaseResult": (TestCaseResult, TestCaseResultRow),
    "Tenant": (Tenant, TenantRow),
    "Token": (Token, TokenRow),
}
