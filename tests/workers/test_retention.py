"""What is removed after its time, by age and in batches, and what is kept."""

from datetime import timedelta
from typing import Any
from uuid import UUID

import pytest
from sqlalchemy import select

from storage.ids import new_id
from storage.tables.operations import DeadLetterRow, IdempotencyRow, ProcessedRow
from storage.tables.scoped import now
from tests.api.conftest import Client, admin, operator
from workers import retention
from workers.retention import Kept, Retention

pytestmark = pytest.mark.both_databases
__all__ = ["admin", "operator"]
TENANT = UUID(int=5)
YOUNG, OLD = timedelta(days=6, hours=23), timedelta(days=7, hours=1)


async def put(client: Client, *rows: Any) -> None:
    async with client.slipway.database.writing(None) as session:
        session.add_all(rows)
        await session.commit()


async def left(client: Client, column: Any, kind: Any) -> list[Any]:
    async with client.slipway.database.reading(None) as session:
        return sorted((await session.execute(select(column).where(kind.tenant_id == TENANT))).scalars())


async def sweep(client: Client) -> dict[str, int]:
    """With the engine at work, as in a process that serves."""
    slipway = client.slipway
    await slipway.workers.engine.start()
    try:
        return await Retention(slipway.database, slipway.workers.engine).sweep()
    finally:
        await slipway.workers.engine.stop()


def outcome(key: str, age: timedelta) -> IdempotencyRow:
    return IdempotencyRow(
        tenant_id=TENANT, identity_id=new_id(), key=key, body_hash="", node_type="Project", node_id=new_id(),
        event_ids=[], created_at=now() - age,
    )  # fmt: skip


def processed(delivery: str, age: timedelta) -> ProcessedRow:
    return ProcessedRow(tenant_id=TENANT, worker="W", delivery=delivery, created_at=now() - age)


def letter(worker: str, status: str, age: timedelta) -> DeadLetterRow:
    return DeadLetterRow(
        tenant_id=TENANT, worker=worker, delivery="d", attempts=1, reason="r", status=status, updated_at=now() - age
    )


async def test_outcomes_of_keys_are_kept_for_seven_days(operator: Client) -> None:
    await put(operator, outcome("young", YOUNG), outcome("old", OLD))
    assert (await sweep(operator))["idempotency keys"] == 1
    assert await left(operator, IdempotencyRow.key, IdempotencyRow) == ["young"]


async def test_claims_of_ticks_are_kept_for_seven_days_and_those_of_events_for_ever(operator: Client) -> None:
    await put(
        operator, processed("tick:W:young", YOUNG), processed("tick:W:old", OLD), processed(new_id().hex, OLD * 100)
    )
    assert (await sweep(operator))["ticks"] == 1
    kept = await left(operator, ProcessedRow.delivery, ProcessedRow)
    assert len(kept) == 2
    assert "tick:W:old" not in kept


async def test_only_replayed_dead_letters_go_after_thirty_days(operator: Client) -> None:
    month = timedelta(days=30, hours=1)
    await put(
        operator,
        letter("old", "REPLAYED", month),
        letter("young", "REPLAYED", month - timedelta(hours=2)),
        letter("open", "OPEN", month * 10),
    )
    assert (await sweep(operator))["replayed dead letters"] == 1
    assert await left(operator, DeadLetterRow.worker, DeadLetterRow) == ["open", "young"]


async def test_what_is_more_than_a_batch_goes_batch_by_batch(operator: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(retention, "BATCH", 3)
    await put(operator, *(outcome(f"k{number}", OLD) for number in range(8)))
    assert (await sweep(operator))["idempotency keys"] == 8
    assert await left(operator, IdempotencyRow.key, IdempotencyRow) == []


async def test_what_others_keep_is_swept_with_it(operator: Client) -> None:
    asked: list[tuple[timedelta, int]] = []

    async def drop(age: timedelta, limit: int) -> int:
        asked.append((age, limit))
        return 2

    slipway = operator.slipway
    await slipway.workers.engine.start()
    more = Kept(name="uploads", age=timedelta(hours=24), drop=drop)
    swept = await Retention(slipway.database, slipway.workers.engine, more).sweep()
    await slipway.workers.engine.stop()
    assert swept["uploads"] == 2
    assert asked == [(timedelta(hours=24), retention.BATCH)]
