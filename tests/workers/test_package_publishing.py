"""PackagePublishWorker through the durable engine: delivered twice, beside others, and given up."""

from typing import Any
from uuid import UUID

import pytest

from providers.packages.values import PackageFile
from services.packaging.builds import PackagedBuilds
from storage.access import Access
from storage.ids import parse_id
from storage.tables.packages import PackagePublicationRow
from storage.tables.pipelines import BuildArtifactRow, BuildResultRow, PipelineRunRow
from storage.unit_of_work import UnitOfWork, unit_of_work
from tests.api.conftest import Client, admin, operator
from tests.api.test_packages import Feed, feed
from tests.packages import wheel
from tests.workers.test_provisioning import events, eventually, working
from workers.delivery import of_event
from workers.errors import Ignore
from workers.package_publishing import PackagePublishWorker

pytestmark = pytest.mark.both_databases

__all__ = ["admin", "feed", "operator", "working"]


async def published(feed: Feed) -> list[str]:
    told = [row.event_type for row in await events(feed.client)]
    return [name for name in told if name.startswith("Package")]


def worker_of(feed: Feed) -> PackagePublishWorker:
    slipway = feed.client.slipway
    python = slipway.providers.python_packages
    return PackagePublishWorker(slipway.database, python, slipway.services.packages, PackagedBuilds(python))


async def test_a_requested_package_is_published_by_itself(working: Client, feed: Feed) -> None:
    made = await feed.publish(*wheel("thing", "1.0"))
    one = made["packagePublication"]["id"]
    state = await eventually(lambda: feed.state(one), lambda state: bool(state["status"] != "PENDING"))
    assert state["status"] == "PUBLISHED"
    assert await published(feed) == ["PackagePublicationRequested", "PackagePublished"]


async def test_two_deliveries_of_one_request_publish_once(feed: Feed) -> None:
    """Both acted before either recorded."""
    await feed.publish(*wheel("thing", "1.0"))
    slipway = feed.client.slipway
    worker = worker_of(feed)
    (event,) = [row for row in await events(feed.client) if row.event_type == "PackagePublicationRequested"]
    delivery = of_event(event)

    async def never(key: str, decide: object) -> bool:
        raise AssertionError("it has no progress")

    results = [await worker.act(delivery, never) for _ in range(2)]
    for result in results:
        assert isinstance(result, list)
        assert [type(one.outcome) for one in result] == [PackageFile]
    for result in results:
        async with unit_of_work(slipway.database, delivery.access, delivery.cause) as uow:
            await worker.record(uow, delivery, result)
            await uow.commit()
    assert await published(feed) == ["PackagePublicationRequested", "PackagePublished"]
    with pytest.raises(Ignore):
        await worker.act(delivery, never)


async def test_what_is_given_up_says_why(feed: Feed) -> None:
    made = await feed.publish(*wheel("thing", "1.0"))
    slipway = feed.client.slipway
    worker = worker_of(feed)
    (event,) = [row for row in await events(feed.client) if row.event_type == "PackagePublicationRequested"]
    delivery = of_event(event)
    async with unit_of_work(slipway.database, delivery.access, delivery.cause) as uow:
        await worker.on_dead_letter(uow, delivery, "the disk is gone")
        await uow.commit()
    state = await feed.state(made["packagePublication"]["id"])
    assert (state["status"], state["failure"], state["files"]["nodes"]) == ("FAILED", "the disk is gone", [])
    assert await published(feed) == ["PackagePublicationRequested", "PackagePublicationFailed"]


async def test_a_version_is_told_in_the_trace_of_its_request(feed: Feed) -> None:
    made = await feed.publish(*wheel("thing", "1.0"), traceId="a" * 32)
    await feed.worked(made["events"])
    told = [row for row in await events(feed.client) if row.event_type == "PackagePublished"]
    assert [(row.trace_id, row.payload["filename"]) for row in told] == [("a" * 32, "thing-1.0-py3-none-any.whl")]
    access = Access(tenant_id=told[0].tenant_id)
    async with feed.client.slipway.database.reading(access) as session:
        uow = UnitOfWork(session, access, of_event(told[0]).cause)
        row = await uow.rows.get(PackagePublicationRow, told[0].subject_id)
    assert row is not None
    assert row.trace_id == "a" * 32


LEFT_OUT: dict[str, dict[str, Any]] = {
    "a failed run": {"status": "FAILED"},
    "another branch": {"branch": "work"},
    "a pull request": {"pull_request_id": UUID(int=9)},
    "another package": {"path": "other-1.0-py3-none-any.whl"},
    "no package": {"path": "report.html"},
    "test results": {"kind": "TEST_RESULTS"},
}


@pytest.mark.parametrize("how", [None, *LEFT_OUT])
async def test_of_a_build_only_the_modules_package_on_the_default_branch_is_published(
    feed: Feed, how: str | None
) -> None:
    fields = {"kind": "LIBRARY", "language": "PYTHON", "baseVersion": "1.0", "packageName": "My.Thing"}
    made = await feed.client.done("registerModule", "module { id }", projectId=feed.project, name="m", **fields)
    module = made["module"]["id"]
    made = await feed.client.done("provisionRepository", "repository { id }", moduleId=module)
    (tenant,) = {row.tenant_id for row in await events(feed.client)}
    is_of: dict[str, Any] = {"tenant_id": tenant, "project_id": parse_id(feed.project)[1], "trace_id": "b" * 32}
    is_of |= {"module_id": parse_id(module)[1], "repository_id": parse_id(made["repository"]["id"])[1]}
    is_of |= {"branch": "main", "commit_sha": "c" * 40, "status": "SUCCEEDED"}
    told = LEFT_OUT[how] if how else {}
    is_of |= {name: value for name, value in told.items() if name in is_of}
    pull_request_id = told.get("pull_request_id")
    run = PipelineRunRow(**is_of, pipeline_id=UUID(int=1), number=1, reason="TRIGGER", origin_id=UUID(int=2),
                         pull_request_id=pull_request_id)  # fmt: skip
    build = BuildResultRow(**is_of, pipeline_run_id=run.id, problems=[])
    file: dict[str, Any] = {"kind": "ARTIFACT", "path": "dist/my_thing-1.0-py3-none-any.whl"} | {
        name: value for name, value in told.items() if name in {"kind", "path"}
    }
    artifact = BuildArtifactRow(
        tenant_id=tenant, project_id=build.project_id, build_result_id=build.id, number=1, step=1, name="dist",
        digest=f"sha256:{'0' * 64}", size=1, executable=False, **file,
    )  # fmt: skip
    access = Access(tenant_id=tenant)
    cause = of_event((await events(feed.client))[0]).cause
    async with unit_of_work(feed.client.slipway.database, access, cause) as uow:
        await uow.rows.add(run, build, artifact)
        packaged = await PackagedBuilds(feed.client.slipway.providers.python_packages).packages_of(uow, build.id)
    names = None if packaged is None else [one.named.name for one in packaged.files]
    assert names == (["my-thing"] if how is None else None)
