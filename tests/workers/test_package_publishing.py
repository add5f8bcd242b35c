"""PackagePublishWorker through the durable engine: delivered twice, beside others, and given up."""

import pytest

from providers.packages.values import PackageFile
from storage.access import Access
from storage.tables.packages import PackagePublicationRow
from storage.unit_of_work import UnitOfWork, unit_of_work
from tests.api.conftest import Client, admin, operator
from tests.api.test_packages import Feed, feed
from tests.packages import wheel
from tests.workers.test_provisioning import events, eventually, working
from workers.delivery import of_event
from workers.errors import Ignore
from workers.package_publishing import Inspected, PackagePublishWorker

pytestmark = pytest.mark.both_databases

__all__ = ["admin", "feed", "operator", "working"]


async def published(feed: Feed) -> list[str]:
    told = [row.event_type for row in await events(feed.client)]
    return [name for name in told if name.startswith("Package")]


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
    worker = PackagePublishWorker(slipway.database, slipway.providers.python_packages, slipway.services.packages)
    (event,) = [row for row in await events(feed.client) if row.event_type == "PackagePublicationRequested"]
    delivery = of_event(event)

    async def never(key: str, decide: object) -> bool:
        raise AssertionError("it has no progress")

    results: list[list[Inspected]] = [await worker.act(delivery, never) for _ in range(2)]
    assert [isinstance(one.outcome, PackageFile) for result in results for one in result] == [True, True]
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
    worker = PackagePublishWorker(slipway.database, slipway.providers.python_packages, slipway.services.packages)
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
