"""Twice as much is written as may be kept: the oldest of what is done goes, nothing else, and the store stays small."""

from __future__ import annotations

import asyncio
import random
from datetime import timedelta

import pytest

from shared.model.retention import Retention
from shared.storage import keys
from shared.storage.connection import Store
from shared.storage.ledger_check import check
from tests.chaos.numbers import told
from tests.chaos.server import a_server, opened
from tests.chaos.sizes import sizes
from tests.contracts.ledger_builders import CLOSED, Bench, an_accept, an_ending
from workers import sweeper

pytestmark = pytest.mark.needs("gcc")

BODY, FEW = 1000, 20  # bytes of a body; how many are written at a time
TAKEN = BODY + CLOSED  # bytes of the store's memory that are counted for one of them
DAYS = {state: timedelta(days=9) for state in ("done", "ignored", "dead", "parked")}


class Writer:
    """Stores requests and ends them, at a pace."""

    def __init__(self, store: Store) -> None:
        self.bench, self.redis = Bench(store), store.redis
        self.empty = self.most = (
            0  # bytes that the server had used before, and used at any time since
        )

    async def begin(self) -> None:
        await self.write(["req_before"], "done")  # scripts and buffers
        self.empty, self.most = await self.used(), 0

    async def write(self, ids: list[str], end: str) -> None:
        chance = random.Random(ids[0])
        accepts = [
            an_accept(id, body=chance.randbytes(BODY), dedupe=f"{id:>064}") for id in ids
        ]
        await self.bench.ledger.accept(accepts)
        endings = [an_ending(claim, end) for claim in await self.bench.claim()]
        assert all(await self.bench.ledger.settle(endings))
        self.most = max(self.most, await self.used() - self.empty)

    async def write_all(self, count: int, seconds: float) -> None:
        for first in range(0, count, FEW):
            await asyncio.sleep(
                seconds * FEW / count
            )  # whoever is late does not hurry afterwards
            await self.write([f"req_{n:07}" for n in range(first, first + FEW)], "done")

    async def used(self) -> int:
        """What the server itself says."""
        return int((await self.redis.info("memory"))["used_memory"])

    async def ids(self, state: str) -> list[str]:
        found = await self.redis.zrange(keys.key("state", state), 0, -1)
        return sorted(id.decode() for id in found)


@sizes((1_000, 2.5), (20_000, 40.0))
async def test_what_is_done_stays_within_its_bytes_and_what_is_dead_stays(
    size: tuple[int, float], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The pace is to the budget what some thousand requests a second are to 512 MB and the sweeper's own pause."""
    fits, seconds = size
    monkeypatch.setattr(sweeper, "PAUSE", seconds / 100)
    async with a_server() as server, opened(server) as store:
        writer = Writer(store)
        await writer.write(["req_dead1", "req_dead2", "req_dead3"], "dead")
        await writer.begin()
        budget = Retention(ages=DAYS, bytes={"done": fits * TAKEN, "copies": 0})
        sweeping = asyncio.create_task(sweeper.sweep_for_ever(budget, writer.bench.ledger))
        await writer.write_all(2 * fits, seconds)
        await asyncio.sleep(3 * sweeper.PAUSE)
        sweeping.cancel()
        left = await writer.ids("done")
        dead, problems = await writer.ids("dead"), await check(store)

    most = writer.most / (fits * TAKEN)
    told("R25", written=2 * fits, may_be_kept=fits, left=len(left), most_used=f"{most:.1%}")
    assert most <= 1.05
    assert left == [f"req_{n:07}" for n in range(2 * fits - len(left), 2 * fits)]
    assert len(left) >= 0.95 * fits
    assert ["req_dead1", "req_dead2", "req_dead3"] == dead
    assert [] == problems


async def test_would_be_twice_as_much_without_a_sweep() -> None:
    """The control."""
    async with a_server() as server, opened(server) as store:
        writer = Writer(store)
        await writer.begin()
        await writer.write_all(2000, 0.1)

    assert writer.most > 1.05 * 1000 * TAKEN
