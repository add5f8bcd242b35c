"""From an artifact to a merged pull request, by an admin, an agent that answers to the admin, and a reviewer."""

import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from cli.demo.api import Api, Identity
from cli.demo.feed import Feed
from cli.demo.journal import Journal, Refusal

EXAMPLE = Path(__file__).parents[2] / "examples" / "reservations"
PULL_REQUEST = "pullRequest { id number sourceSha mergeSha mergeCommit { id } checksStatus }"
TITLE = "Book tables by the hour"


@dataclass(frozen=True, kw_only=True)
class Walked:
    """What stands at the end."""

    admin: Identity
    agent: Identity
    tenant: str
    project: str
    repository: str
    artifact_id: str
    merge_sha: str
    merge_commit_id: str


class Walk:
    """Each step waits until its events have arrived by the subscription."""

    def __init__(self, api: Api, journal: Journal, feed: Feed) -> None:
        self._api = api
        self._journal = journal
        self._feed = feed

    async def walk(self, operator: Identity) -> Walked:
        """All of it; Failed names the step that did not end as it should."""
        admin, tenant = await self._tenant(operator)
        project_id = (await self._do(admin, "make a project", "createProject", "project { id }", name="booking"))["id"]
        agent = await self._identity(admin, "generator", kind="AGENT", onBehalfOf=admin.id)
        reviewer = await self._identity(admin, "reviewer", kind="HUMAN")
        module_id, repository_id = await self._repository(admin, project_id)
        artifact = {"projectId": project_id, "moduleId": module_id, "producer": "generator", "name": "reservations"}
        artifact_id = (
            await self._do(agent, "register what it generated", "registerArtifact", "artifact { id }", **artifact)
        )["id"]
        await self._propose(agent, repository_id, artifact_id)
        pull_request = await self._open(agent, repository_id)
        await self._review(agent, reviewer, pull_request)
        merged = await self._merge(agent, pull_request)
        return Walked(
            admin=admin,
            agent=agent,
            tenant=tenant,
            project="booking",
            repository="reservations",
            artifact_id=artifact_id,
            merge_sha=merged["mergeSha"],
            merge_commit_id=merged["mergeCommit"]["id"],
        )

    async def _do(self, who: Identity, told: str, mutation: str, selection: str, /, **fields: Any) -> dict[str, Any]:
        """One mutation as one step; answers its node."""
        with self._journal.step(who.name, told) as step:
            payload = await self._api.do(who, step, mutation, selection, **fields)
            await self._feed.until_all(step.event_ids)
        node: dict[str, Any] = payload[selection.partition(" ")[0]]
        return node

    async def _tenant(self, operator: Identity) -> tuple[Identity, str]:
        name = f"demo-{time.time_ns():x}"
        fields = {"name": name, "adminEmail": "admin@example.invalid"}
        with self._journal.step(operator.name, "make a tenant") as step:
            made = await self._api.do(operator, step, "createTenant", "tenant { id } token", **fields)
            admin = Identity(name="admin", token=made["token"])
            viewer = (await self._api.ask(admin, "{ viewer { identity { id } } }"))["viewer"]
            await self._feed.start(self._api.url, admin.token)
            await self._feed.until("TenantCreated", made["tenant"]["id"])
        return Identity(name="admin", token=admin.token, id=viewer["identity"]["id"]), name

    async def _identity(self, admin: Identity, name: str, **fields: str) -> Identity:
        """With a token that may write repositories."""
        told = f"make the {fields['kind'].lower()} '{name}' and its token"
        with self._journal.step(admin.name, told) as step:
            fields |= {"name": name, "email": f"{name}@example.invalid"}
            made = await self._api.do(admin, step, "createIdentity", "identity { id }", **fields)
            wanted = {"identityId": made["identity"]["id"], "name": "demo", "scopes": ["REPOSITORIES_WRITE"]}
            issued = await self._api.do(admin, step, "issueToken", "secret token { id }", **wanted)
            await self._feed.until_all(step.event_ids)
        return Identity(name=name, token=issued["secret"], id=made["identity"]["id"])

    async def _repository(self, admin: Identity, project_id: str) -> tuple[str, str]:
        """The module's and its repository's ids, once the worker has made it."""
        module: dict[str, Any] = {"projectId": project_id, "name": "reservations", "kind": "SERVICE"}
        module |= {
            "language": "PYTHON",
            "baseVersion": "1.0",
            "port": 8080,
            "healthPath": "/healthz",
            "packageName": "reservations",
        }
        registered = await self._do(admin, "register the module", "registerModule", "module { id }", **module)
        with self._journal.step(admin.name, "ask for its repository, which a worker makes") as step:
            fields = {"moduleId": registered["id"]}
            asked = await self._api.do(admin, step, "provisionRepository", "repository { id }", **fields)
            made = await self._feed.until("RepositoryProvisioned", asked["repository"]["id"])
            first = await self._feed.until("CommitCreated", repositoryId=asked["repository"]["id"])
            step.event_ids += [made["eventId"], first["eventId"]]
            step.outcome = f"main is protected and stands at {made['payload']['headSha'][:12]}"
        return registered["id"], asked["repository"]["id"]

    async def _propose(self, agent: Identity, repository_id: str, artifact_id: str) -> None:
        here = {"repositoryId": repository_id}
        await self._do(agent, "branch", "createBranch", "branch { id }", **here, name="first")
        files = [path for path in sorted(EXAMPLE.rglob("*")) if path.is_file() and "__pycache__" not in path.parts]
        changes = [{"path": path.relative_to(EXAMPLE).as_posix(), "content": path.read_text()} for path in files]
        fields = here | {"branch": "first", "message": TITLE, "changes": changes, "artifactId": artifact_id}
        await self._do(agent, f"commit {len(files)} files", "createCommit", "commit { id sha }", **fields)

    async def _open(self, agent: Identity, repository_id: str) -> dict[str, Any]:
        with self._journal.step(agent.name, "open a pull request, which a worker checks") as step:
            fields = {"repositoryId": repository_id, "sourceBranch": "first", "title": TITLE}
            opened = await self._api.do(agent, step, "openPullRequest", PULL_REQUEST, **fields)
            pull_request: dict[str, Any] = opened["pullRequest"]
            checked = await self._feed.until("PullRequestChecksCompleted", pull_request["id"])
            step.event_ids.append(checked["eventId"])
            step.outcome = f"#{pull_request['number']}, checks {checked['payload']['status']}: it lacks an approval"
        return pull_request

    async def _review(self, agent: Identity, reviewer: Identity, pull_request: dict[str, Any]) -> None:
        fields = {"pullRequestId": pull_request["id"], "verdict": "APPROVE", "sourceSha": pull_request["sourceSha"]}
        with self._journal.step(agent.name, "try to approve its own pull request") as step:
            step.ids.append(pull_request["id"])
            try:
                await self._api.do(agent, step, "reviewPullRequest", PULL_REQUEST, **fields)
            except Refusal as refusal:
                if refusal.code != "POLICY_DENIED":
                    raise
                step.outcome = f"refused, as it should be: {refusal}"
            else:
                raise Refusal("NOT_REFUSED", "an author could approve their own pull request")
        with self._journal.step(reviewer.name, "approve it") as step:
            await self._api.do(reviewer, step, "reviewPullRequest", PULL_REQUEST, **fields)
            passed = await self._feed.until("PullRequestChecksCompleted", pull_request["id"], status="PASSED")
            step.event_ids.append(passed["eventId"])
            step.outcome = "checks PASSED"

    async def _merge(self, agent: Identity, pull_request: dict[str, Any]) -> dict[str, Any]:
        fields = {"pullRequestId": pull_request["id"], "expectedSourceSha": pull_request["sourceSha"]}
        with self._journal.step(agent.name, "merge it at the reviewed sha") as step:
            merged = await self._api.do(agent, step, "mergePullRequest", PULL_REQUEST, **fields)
            await self._feed.until_all(step.event_ids)
            step.outcome = f"main stands at {merged['pullRequest']['mergeSha'][:12]}"
        node: dict[str, Any] = merged["pullRequest"]
        return node
