"""A store without any memory left: nothing new is taken in, and all that was taken in is finished."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest
import pytest_asyncio

from shared.errors import StoreUnavailable
from shared.storage import scripts
from shared.storage.connection import Store
from shared.storage.ledger_check import check
from tests.chaos.numbers import told
from tests.chaos.pressure import Pressure, ledger_on
from tests.chaos.server import a_server, opened
from tests.contracts.ledger_builders import Bench

pytestmark = pytest.mark.needs("gcc")


@pytest_asyncio.fixture
async def full() -> AsyncIterator[tuple[Store, Pressure]]:
    """A store that holds more than its `maxmemory`, and who filled it."""
    async with a_server() as server, opened(server) as store:
        pressure = Pressure()
        async with pressure.on(ledger_on(store)):
            await pressure.until(200)
            await leave_none(store)
            await pressure.until_refused(64)
        await leave_none(store)
        yield store, pressure


async def leave_none(store: Store) -> None:
    """The limit is below what is used."""
    used = (await store.redis.info("memory"))["used_memory"]
    await store.redis.config_set("maxmemory", used - (1 << 19))


async def test_takes_nothing_in_and_finishes_everything(full: tuple[Store, Pressure]) -> None:
    store, pressure = full
    with pytest.raises(StoreUnavailable, match="OOM"):
        await Bench(store).accept("req_late")
    done = await finished(Bench(store))

    told("R7", accepted=len(pressure.acknowledged), finished=done)
    assert [] == await pressure.missing(store)
    assert len(pressure.acknowledged) == done
    assert [] == await check(store)


async def finished(bench: Bench) -> int:
    """What workers do: claim, begin a step, now and then try again, end."""
    done = 0
    while claims := await bench.claim(64):
        for n, claim in enumerate(claims):
            await bench.ledger.step("begin", claim.record, "send", b"once")
            again = n % 7 == 0 and claim.record.attempts == 0
            await bench.settle(claim, "retry" if again else "done")
            done += not again
    return done


async def test_would_finish_nothing_without_leave_to(
    full: tuple[Store, Pressure], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The control: the same scripts, refused by the store; workers would look alive and do nothing."""
    store, _ = full
    monkeypatch.setattr(scripts, "_FINISHING", frozenset())

    with pytest.raises(StoreUnavailable, match="OOM"):
        await finished(Bench(store))
