"""Events that are held back: told once when their time has come, and gone with their installation."""

from __future__ import annotations

import time

import pytest
import pytest_asyncio

from shared.errors import Conflict, NotFound
from shared.model.events import Event
from shared.storage import later as module
from shared.storage.connection import Store
from shared.storage.installations import Installations
from shared.storage.later import Later
from shared.storage.ledger import Ledger, Limits
from tests.contracts.storage_builders import an_event, an_installation
from workers.scheduler import tell_due


@pytest_asyncio.fixture
async def one(store: Store) -> str:
    made = an_installation()
    await Installations(store).create(made)
    return made.webhook_id


def in_seconds(seconds: float) -> int:
    return int((time.time() + seconds) * 1000)


def held(home: str, number: int = 1) -> Event:
    return an_event(number, webhook_id=home)


async def test_come_in_the_order_of_their_times(store: Store, one: str) -> None:
    later = Later(store)
    for number, seconds in ((1, 3000), (2, 1000), (3, 9000), (4, 5000)):
        await later.put(held(one, number), in_seconds(seconds))
    await later.put(held(one, 4), in_seconds(2000))

    assert [] == await later.due()
    store.scripts.skew_ms = 4_000_000
    assert [2, 4, 1] == [event.payload["n"] for event in await later.due()]
    assert [2] == [event.payload["n"] for event in await later.due(1)]


async def test_stay_until_they_are_on_their_way(store: Store, one: str) -> None:
    later, ledger = Later(store), Ledger(store)
    await later.put(held(one), in_seconds(-1))
    full = Ledger(store, Limits(records=0))

    assert 0 == await tell_due(later, full)
    assert await later.holds(one, "evt_1")
    assert 1 == await tell_due(later, ledger)
    assert not await later.holds(one, "evt_1")
    assert 0 == await tell_due(later, ledger)
    record = await ledger.show("dlv_1")
    assert record is not None
    assert ("event", "ready", one) == (record.job, record.state, record.installation)


async def test_go_with_their_installation(store: Store, one: str) -> None:
    later = Later(store)
    await later.put(held(one), in_seconds(-1))
    await Installations(store).delete(one)

    assert [] == await later.due()
    assert [] == [key async for key in store.redis.scan_iter(match="*:later*")]
    with pytest.raises(NotFound):
        await later.put(held(one), in_seconds(1))


async def test_are_so_many_and_no_more(
    store: Store, one: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "MOST", 1)
    later = Later(store)
    await later.put(held(one, 1), in_seconds(9))
    await later.put(held(one, 1), in_seconds(99))

    with pytest.raises(Conflict, match="1 events wait"):
        await later.put(held(one, 2), in_seconds(9))
