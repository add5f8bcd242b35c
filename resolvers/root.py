"""The schema's roots: one small class per context."""

from strawberry.tools import merge_types

from resolvers.dead_letters import DeadLetterMutation, DeadLetterQuery
from resolvers.environments import EnvironmentMutation, EnvironmentQuery
from resolvers.lineage import LineageQuery
from resolvers.nodes import NodeQuery
from resolvers.packages import PackageMutation, PackageQuery
from resolvers.pipelines import PipelineMutation, PipelineQuery
from resolvers.platform import PlatformMutation, PlatformQuery
from resolvers.pull_requests import PullRequestMutation, PullRequestQuery
from resolvers.source_control import SourceControlMutation, SourceControlQuery
from resolvers.viewer import ViewerQuery

Query = merge_types(
    "Query",
    (
        NodeQuery,
        ViewerQuery,
        PlatformQuery,
        EnvironmentQuery,
        SourceControlQuery,
        PullRequestQuery,
        LineageQuery,
        PipelineQuery,
        PackageQuery,
        DeadLetterQuery,
    ),
)
Mutation = merge_types(
    "Mutation",
    (
        PlatformMutation,
        EnvironmentMutation,
        SourceControlMutation,
        PullRequestMutation,
        PipelineMutation,
        PackageMutation,
        DeadLetterMutation,
    ),
)
