"""Twice as much is written as may be kept: the oldest of what is done goes, and nothing else."""

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
from tests.contracts.ledger_builders import Bench, an_accept, an_ending
from workers import sweeper

pytestmark = pytest.mark.needs("gcc")

BODY, FEW = 1000, 20  # bytes of a body; how many are written at a time
DAYS = {state: timedelta(days=9) for state in ("done", "ignored", "dead", "parked")}


class Writer:
    """Stores requests and ends them, at a pace."""

    def __init__(self, store: Store) -> None:
        self.bench, self.redis = Bench(store), store.redis
        self.most = 0  # bytes that were kept at any time

    async def write(self, ids: list[str], end: str) -> None:
        chance = random.Random(ids[0])
        accepts = [an_accept(id, body=chance.randbytes(BODY)) for id in ids]
        await self.bench.ledger.accept(accepts)
        endings = [an_ending(claim, end) for claim in await self.bench.claim()]
        assert all(await self.bench.ledger.settle(endings))
        self.most = max(self.most, await self.kept("done"))

    async def write_all(self, count: int, seconds: float) -> None:
        for first in range(0, count, FEW):
            await asyncio.sleep(
                seconds * FEW / count
            )  # whoever is late does not hurry afterwards
            await self.write([f"req_{n:07}" for n in range(first, first + FEW)], "done")

    async def kept(self, state: str) -> int:
        return int(await self.redis.hget(keys.key("bytes"), state) or 0)  # type: ignore[misc]

    async def ids(self, state: str) -> list[str]:
        found = await self.redis.zrange(keys.key("state", state), 0, -1)
        return sorted(id.decode() for id in found)

    async def memory(self) -> int:
        """What the server itself says that the records that are done take, with their bodies."""
        taken = 0
        for id in await self.ids("done"):
            for key in (keys.key("record", id), keys.key("body", id)):
                taken += await self.redis.memory_usage(key) or 0
        return taken


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
        budget = Retention(ages=DAYS, bytes={"done": fits * BODY})
        sweeping = asyncio.create_task(sweeper.sweep_for_ever(writer.bench.ledger, budget))
        await writer.write_all(2 * fits, seconds)
        await asyncio.sleep(3 * sweeper.PAUSE)
        sweeping.cancel()
        left, memory, kept = (
            await writer.ids("done"),
            await writer.memory(),
            await writer.kept("done"),
        )
        dead, problems = await writer.ids("dead"), await check(store)

    most = writer.most / (fits * BODY)
    told(
        "R25", written=2 * fits, may_be_kept=fits, left=len(left), most_at_any_time=f"{most:.1%}",
        memory_per_byte_kept=f"{memory / kept:.2f}",
    )  # fmt: skip
    assert most <= 1.05
    assert left == [f"req_{n:07}" for n in range(2 * fits - len(left), 2 * fits)]
    assert len(left) >= 0.95 * fits
    assert ["req_dead1", "req_dead2", "req_dead3"] == dead
    assert [] == problems


async def test_would_be_twice_as_much_without_a_sweep() -> None:
    """The control."""
    async with a_server() as server, opened(server) as store:
        writer = Writer(store)
        await writer.write_all(400, 0.1)

    assert 400 * BODY == writer.most
