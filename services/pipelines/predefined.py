"""The predefined variables that only the platform knows; those of a job's folders come from who runs it."""

from typing import Final

from services.pipelines.runs import RunReason
from storage.ids import public_id
from storage.tables.pipelines import PipelineRunRow
from storage.tables.source_control import PullRequestRow, RepositoryRow

_REASONS: Final = {
    RunReason.TRIGGER: "IndividualCI",
    RunReason.PULL_REQUEST: "PullRequest",
    RunReason.MANUAL: "Manual",
    RunReason.RETRY: "Manual",
}


def predefined(run: PipelineRunRow, repository: RepositoryRow, pull_request: PullRequestRow | None) -> dict[str, str]:
    """Under Azure's names."""
    reason = RunReason.PULL_REQUEST if run.pull_request_id is not None else RunReason(run.reason)
    found = {
        "Build.BuildId": public_id("PipelineRun", run.id),
        "Build.BuildNumber": str(run.number),
        "Build.Reason": _REASONS[reason],
        "Build.Repository.ID": public_id("Repository", repository.id),
        "Build.Repository.Name": repository.name,
        "Build.Repository.Provider": "TfsGit",
        "Build.SourceBranch": f"refs/heads/{run.branch}",
        "Build.SourceBranchName": run.branch.rsplit("/", 1)[-1],
        "Build.SourceVersion": run.commit_sha,
        "System.JobAttempt": str(run.attempt),
        "System.StageAttempt": str(run.attempt),
    }
    if pull_request is not None:
        found["System.PullRequest.PullRequestId"] = public_id("PullRequest", pull_request.id)
        found["System.PullRequest.PullRequestNumber"] = str(pull_request.number)
        found["System.PullRequest.SourceBranch"] = f"refs/heads/{pull_request.source_branch}"
        found["System.PullRequest.SourceCommitId"] = run.commit_sha
        found["System.PullRequest.TargetBranch"] = f"refs/heads/{pull_request.target_branch}"
        found["System.PullRequest.TargetBranchName"] = pull_request.target_branch
    return found
