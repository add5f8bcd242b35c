"""What each argument and input field of the schema refers to, and requests made from it.

The walls are tried with every id and natural key that the schema takes. Whoever adds an argument or an input field that
is an id, a string or a scalar of our own adds a line to one of the tables here; what they refer to stands in seeds.py.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final

from graphql import (
    GraphQLField,
    get_named_type,
    is_enum_type,
    is_input_object_type,
    is_interface_type,
    is_leaf_type,
    is_list_type,
    is_non_null_type,
)
from graphql.type import is_required_argument, is_required_input_field

from resolvers.masking import graphql_schema
from tests.api.seeds import Seeds

SCHEMA: Final = graphql_schema._schema
EVERY: Final = "every type"

# Ids and natural keys, by the member's name, or by "Owner.member" where the name alone does not tell. The value names
# what it refers to in Seeds.values: "Type" is its id, "Type.field" a natural key.
REFERENCES: Final[dict[str, str]] = {
    "Query.validatePipeline.repository": "Repository",
    "projectId": "Project",
    "projectIds": "Project",
    "moduleId": "Module",
    "environmentId": "Environment",
    "repositoryId": "Repository",
    "artifactId": "Artifact",
    "pullRequestId": "PullRequest",
    "identityId": "Identity",
    "tokenId": "Token",
    "deadLetterId": "DeadLetter",
    "pipelineId": "PipelineDefinition",
    "runId": "PipelineRun",
    "packagePublicationId": "PackagePublication",
    "PackagePublicationFilter.name": "PackagePublication.name",
    "PackagePublicationFilter.nameContains": "PackagePublication.name",
    "PackagePublicationFilter.traceId": "Artifact.traceId",
    "PublishPackageInput.uploadDigest": "Upload.digest",
    "buildResultId": "BuildResult",
    "testCaseId": "TestCase",
    "BuildResultFilter.branch": "Branch.name",
    "BuildResultFilter.commitSha": "Commit.sha",
    "BuildResultFilter.traceId": "Artifact.traceId",
    "BuildArtifactFilter.name": "BuildArtifact.name",
    "BuildArtifactFilter.path": "BuildArtifact.path",
    "BuildArtifactFilter.digest": "BuildArtifact.digest",
    "FileCoverageFilter.path": "FileCoverage.path",
    "FileCoverageFilter.pathContains": "FileCoverage.path",
    "nameContains": "TestCase.name",
    "suiteContains": "TestCase.suite",
    "Query.pipelineRun.pipeline": "PipelineDefinition",
    "Subscription.pipelineRun.id": "PipelineRun",
    "PipelineRunFilter.branch": "Branch.name",
    "PipelineRunFilter.commitSha": "Commit.sha",
    "PipelineRunFilter.traceId": "Artifact.traceId",
    "RunPipelineInput.branch": "Branch.name",
    "onBehalfOf": "Human",
    "onBehalfOfId": "Human",
    "authorId": "Human",
    "reviewerId": "Human",
    "subjectId": EVERY,
    "Query.node.id": EVERY,
    "Query.nodes.ids": EVERY,
    "Viewer.can.target": EVERY,
    "Query.lineage.id": EVERY,
    "Query.lineagePath.from": "Artifact",
    "Query.lineagePath.to": "Commit",
    "Subscription.pullRequest.id": "PullRequest",
    "Query.branch.repository": "Repository",
    "Query.commit.repository": "Repository",
    "Query.pullRequest.repository": "Repository",
    "Environment.configuration.module": "Module",
    "project": "Project.name",
    "Query.project.name": "Project.name",
    "Query.artifact.name": "Artifact.name",
    "Query.artifact.digest": "Artifact.digest",
    "Query.artifact.purl": "Artifact.uri",
    "Query.identity.name": "Identity.name",
    "Query.module.name": "Module.name",
    "Query.environment.name": "Environment.name",
    "Query.repository.name": "Repository.name",
    "Query.branch.name": "Branch.name",
    "Repository.branch.name": "Branch.name",
    "Repository.diff.base": "Branch.name",
    "Repository.diff.head": "Branch.name",
    "Repository.mergePreview.source": "Branch.name",
    "Repository.mergePreview.target": "Branch.name",
    "ref": "Branch.name",
    "Branch.file.path": "File.path",
    "Commit.file.path": "File.path",
    "Repository.file.path": "File.path",
    "Query.commit.sha": "Commit.sha",
    "Repository.commit.sha": "Commit.sha",
    "CommitFilter.sha": "Commit.sha",
    "CommitFilter.createdOnBranch": "Branch.name",
    "CommitFilter.messageContains": "Commit.message",
    "PullRequestFilter.sourceSha": "PullRequest.sourceSha",
    "ReviewFilter.sourceSha": "PullRequest.sourceSha",
    "PullRequestFilter.mergeSha": "PullRequest.mergeSha",
    "PullRequestFilter.titleContains": "PullRequest.title",
    "ArtifactFilter.name": "Artifact.name",
    "ArtifactFilter.nameContains": "Artifact.name",
    "ArtifactFilter.producer": "Artifact.producer",
    "ArtifactFilter.digest": "Artifact.digest",
    "ArtifactFilter.traceId": "Artifact.traceId",
    "CommitFilter.traceId": "Artifact.traceId",
    "PullRequestFilter.traceId": "Artifact.traceId",
    "EventFilterInput.traceId": "Artifact.traceId",
    "BranchFilter.name": "Branch.name",
    "BranchFilter.nameContains": "Branch.name",
    "EnvironmentFilter.name": "Environment.name",
    "EnvironmentFilter.nameContains": "Environment.name",
    "IdentityFilter.name": "Identity.name",
    "IdentityFilter.nameContains": "Identity.name",
    "IdentityFilter.emailContains": "Identity.email",
    "ModuleFilter.name": "Module.name",
    "ModuleFilter.nameContains": "Module.name",
    "ProjectFilter.name": "Project.name",
    "ProjectFilter.nameContains": "Project.name",
    "ProjectFilter.displayNameContains": "Project.displayName",
    "RepositoryFilter.name": "Repository.name",
    "RepositoryFilter.nameContains": "Repository.name",
    "TokenFilter.nameContains": "Token.name",
    "DeadLetterFilter.worker": "DeadLetter.worker",
    "CreateBranchInput.fromBranch": "Branch.name",
    "CreateBranchInput.fromSha": "Commit.sha",
    "ProtectBranchInput.name": "Branch.name",
    "DeleteBranchInput.name": "Branch.merged",
    "CreateCommitInput.branch": "Branch.name",
    "FileChangeInput.uploadDigest": "Upload.digest",
    "sourceBranch": "Branch.name",
    "targetBranch": "Branch.merged",
}

# What refers to nothing behind a wall, with a value that passes; None where it is never needed.
VALUES: Final[dict[str, Any]] = {
    "after": None,
    "before": None,
    "path": "notes.txt",
    "Repository.tree.path": "",
    "Branch.tree.path": "",
    "Commit.tree.path": "",
    "Repository.pullRequest.number": 1,
    "Query.pullRequest.number": 1,
    "Query.pipelineRun.number": 1,
    "Query.validatePipeline.yaml": "steps: [{script: make}]",
    "Query.validatePipeline.ref": None,
    "CommitFilter.authorEmail": None,
    "CheckFilter.name": None,
    "CheckFilter.status": None,
    "PullRequestFilter.mergeability": None,
    "PullRequestFilter.checksStatus": None,
    "PullRequestFilter.targetBranch": None,
    "EventFilterInput.types": None,
    "Viewer.can.mutation": "updateModule",
    "PackagePublicationFilter.versionName": None,
    "PublishPackageInput.filename": "thing-1.0-py3-none-any.whl",
    "UnlistPackageInput.reason": None,
    "idempotencyKey": None,
    "traceId": None,
    "name": "fresh",
    "displayName": None,
    "description": None,
    "adminName": None,
    "adminEmail": "admin@example.test",
    "email": "fresh@example.test",
    "kind": "LIBRARY",
    "CreateIdentityInput.kind": "AGENT",
    "language": "PYTHON",
    "baseVersion": "1.0",
    "packageName": None,
    "imageName": None,
    "healthPath": None,
    "scopes": "READ",
    "producer": "p",
    "uri": None,
    "digest": None,
    "ConfigurationEntryInput.name": "LEVEL",
    "value": "1",
    "secretRef": None,
    "defaultBranch": None,
    "message": "m",
    "content": "x\n",
    "title": "t",
    "body": None,
    "verdict": "COMMENT",
}

# Members that stand for the own seeds' value and cannot be tried across a wall, since another check comes first.
OWN: Final[dict[str, str]] = {
    "CreateCommitInput.expectedHeadSha": "Commit.sha",
    "DeleteBranchInput.expectedHeadSha": "Commit.sha",
    "RunPipelineInput.expectedHeadSha": "Commit.sha",
    "ReviewPullRequestInput.sourceSha": "PullRequest.sourceSha",
    "MergePullRequestInput.expectedSourceSha": "PullRequest.sourceSha",
}

# Optional members without which nothing passes.
ALWAYS: Final = frozenset(
    {
        "FileChangeInput.content",
        "ConfigurationEntryInput.value",
        "CreateIdentityInput.onBehalfOf",
        "OpenPullRequestInput.targetBranch",
        "ProvisionRepositoryInput.name",
    }
)


# How a type that is no node is reached: a field of the query root.
REACHED: Final = {"Viewer": "viewer"}

# Optional arguments that say nothing one without the other.
TOGETHER: Final = {
    "Query.artifact.project": "purl",
    "Query.artifact.name": "digest",
    "Query.artifact.digest": "name",
}


# Optional arguments that exclude each other: with the first, the second is left out.
APART: Final = {"FileChangeInput.uploadDigest": "content"}


class Unknown(AssertionError):
    """Tells whoever added to the schema which line to add where."""

    def __init__(self, owner: str, member: str, kind: object) -> None:
        super().__init__(
            f"{owner}.{member} ({kind}) is in no table of tests/api/meanings.py. If it is an id or a natural key, add\n"
            f'    "{owner}.{member}": "<Type>",   or   "<Type>.<field>"   to REFERENCES\n'
            f"(and what it refers to, when that is new, to tests/api/seeds.py); otherwise add\n"
            f'    "{owner}.{member}": <a value that passes, None when it is optional>,   to VALUES.'
        )


@dataclass(frozen=True)
class Reference:
    """One place of a field's arguments that names something: ``path`` leads to it, ``target`` is what it names."""

    path: tuple[str, ...]
    target: str


def meaning(owner: str, member: str, table: Mapping[str, Any]) -> Any:
    """The entry of "Owner.member", else of the member alone."""
    return table.get(f"{owner}.{member}", table.get(member))


def references(owner: str, members: Mapping[str, Any]) -> Iterator[Reference]:
    """Every place below these arguments that names something behind a wall; Unknown for one that no table knows."""
    for member, declared in members.items():
        kind = get_named_type(declared.type)
        if is_input_object_type(kind):
            inner = references(kind.name, kind.fields)
            yield from (Reference((member, *found.path), found.target) for found in inner)
        elif f"{owner}.{member}" in VALUES or f"{owner}.{member}" in OWN or _is_no_reference(kind):
            continue
        elif (target := meaning(owner, member, REFERENCES)) is not None:
            yield Reference((member,), target)
        elif member not in VALUES:
            raise Unknown(owner, member, declared.type)


def _is_no_reference(kind: Any) -> bool:
    return bool(is_enum_type(kind)) or kind.name in {"Boolean", "Int", "Float", "BigInt", "DateTime"}


def arguments(owner: str, members: Mapping[str, Any], own: Seeds, path: tuple[str, ...] = (), value: Any = None) -> Any:
    """Arguments that pass for who owns the seeds, but for the value at the path."""
    built: dict[str, Any] = {}
    for member, declared in members.items():
        here = bool(path) and path[0] == member
        joined = bool(path) and TOGETHER.get(f"{owner}.{path[0]}") == member
        if bool(path) and APART.get(f"{owner}.{path[0]}") == member:
            continue
        if not (here or joined or is_required(declared) or f"{owner}.{member}" in ALWAYS):
            continue
        kind = get_named_type(declared.type)
        if is_input_object_type(kind):
            one = arguments(kind.name, kind.fields, own, path[1:] if here else (), value)
        else:
            one = value if here else _own(owner, member, declared, own)
        built[member] = [one] if _is_list(declared.type) else one
    return built


def is_required(declared: Any) -> bool:
    """Whether it must be given, be it an argument or an input field."""
    return is_required_argument(declared) or is_required_input_field(declared)


def _own(owner: str, member: str, declared: Any, own: Seeds) -> Any:
    for table in (OWN, REFERENCES):
        if f"{owner}.{member}" not in VALUES and (target := meaning(owner, member, table)) is not None:
            return standing(own, target)
    value = meaning(owner, member, VALUES)
    if value is None and is_enum_type(kind := get_named_type(declared.type)):
        return next(iter(kind.values))
    if value is None:
        raise Unknown(owner, member, declared.type)
    return value


def standing(own: Seeds, target: str) -> str:
    """What the seeds have for a reference of this target."""
    return own.values["Repository" if target == EVERY else target]


def _is_list(kind: Any) -> bool:
    return is_list_type(kind.of_type if is_non_null_type(kind) else kind)


def selection(kind: Any, depth: int = 1) -> str:
    """Everything that can be asked for without an argument, this deep; empty for a leaf."""
    named = get_named_type(kind)
    if is_leaf_type(named):
        return ""
    if is_interface_type(named):
        return "{ __typename id }"
    told = []
    for name, declared in named.fields.items():
        inner = get_named_type(declared.type)
        if any(is_required(argument) for argument in declared.args.values()) or name == "edges":
            continue
        if is_leaf_type(inner):
            told.append(name)
        elif (depth or name in {"nodes", "pageInfo"}) and not inner.name.endswith("Connection"):
            told.append(f"{name} {selection(inner, depth if name == 'nodes' else depth - 1)}")
    return "{ " + " ".join(told) + " }"


def operation(
    kind: str, owner: str, name: str, declared: GraphQLField, given: Mapping[str, Any]
) -> tuple[str, dict[str, Any]]:
    """The document that asks a field with these arguments, below ``node`` unless it is of a root, and its variables."""
    told = ", ".join(f"${argument}: {declared.args[argument].type}" for argument in given)
    passed = ", ".join(f"{argument}: ${argument}" for argument in given)
    field = f"{name}{f'({passed})' if passed else ''} {selection(declared.type)}"
    if owner in {"Query", "Mutation", "Subscription"}:
        return f"{kind}{f'({told})' if told else ''} {{ {field} }}", dict(given)
    if owner in REACHED:
        return f"{kind}({told}) {{ {REACHED[owner]} {{ {field} }} }}", dict(given)
    return f"query($node: ID!, {told}) {{ node(id: $node) {{ ... on {owner} {{ {field} }} }} }}", dict(given)
