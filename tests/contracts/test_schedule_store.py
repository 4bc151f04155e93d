"""Registrations that come again: due once per period, and never for what is gone."""

from __future__ import annotations

from datetime import timedelta

import pytest_asyncio

from shared.storage.connection import Store
from shared.storage.installations import Installations
from shared.storage.schedule import Schedule
from tests.contracts.storage_builders import an_installation

HOUR = timedelta(hours=1)
HOUR_MS = 3_600_000


@pytest_asyncio.fixture
async def one(store: Store) -> str:
    made = an_installation()
    await Installations(store).create(made)
    return made.webhook_id


async def test_the_time_comes_one_period_later(store: Store, one: str) -> None:
    schedule = Schedule(store)
    assert await schedule.every(one, HOUR)

    assert [] == await schedule.due()
    store.scripts.skew_ms = HOUR_MS + 1000
    assert [one] == [webhook_id for webhook_id, _ in await schedule.due()]


async def test_it_stays_due_until_somebody_says_it_has_passed(store: Store, one: str) -> None:
    schedule = Schedule(store)
    await schedule.every(one, HOUR)
    store.scripts.skew_ms = HOUR_MS + 1000
    ((_, due),) = await schedule.due()

    assert [(one, due)] == await schedule.due()
    assert await schedule.passed(one, due)
    assert not await schedule.passed(one, due)
    assert [] == await schedule.due()
    store.scripts.skew_ms += HOUR_MS + 1000
    assert 1 == len(await schedule.due())


async def test_another_period_starts_it_over_and_none_ends_it(store: Store, one: str) -> None:
    schedule = Schedule(store)
    await schedule.every(one, HOUR)
    await schedule.every(one, 3 * HOUR)
    store.scripts.skew_ms = 2 * HOUR_MS
    assert [] == await schedule.due()

    await schedule.every(one, None)
    store.scripts.skew_ms = 99 * HOUR_MS
    assert [] == await schedule.due()


async def test_it_goes_with_the_installation(store: Store, one: str) -> None:
    schedule = Schedule(store)
    await schedule.every(one, HOUR)
    store.scripts.skew_ms = HOUR_MS + 1000
    ((_, due),) = await schedule.due()
    await Installations(store).delete(one)

    assert [] == await schedule.due()
    assert not await schedule.passed(one, due)
    assert not await schedule.every(one, HOUR)
