"""A worker claims what comes back by what it did itself, though nobody wakes it."""

from __future__ import annotations

import asyncio
from datetime import timedelta
from typing import Any

from shared.clock import SystemClock
from shared.errors import GateClosed
from shared.model.jobs import Claim
from shared.storage.gates import Gates
from shared.storage.ledger import Ending
from tests.contracts.ledger_builders import Bench, an_accept, an_ending
from tests.unit.engine_builders import an_engine, working
from workers.gates import Gatekeeper
from workers.settling import Settler
from workers.slots import Slots

SLOW = "w-slow"


class Hands:
    """Jobs that end as *end_of* says; notes how often each record came."""

    def __init__(self, bench: Bench, **options: Any) -> None:
        self.bench, self.came = bench, list[str]()
        self.settler = Settler(bench.ledger)
        self.engine = an_engine(bench.ledger, self._carry, settler=self.settler, **options)

    async def end_of(self, claim: Claim) -> Ending:
        return an_ending(claim, "done")

    async def _carry(self, ctx: object, claim: Claim) -> None:
        self.came.append(claim.record.id)
        await self.settler.settle(await self.end_of(claim))

    async def until_done(self, many: int, within: float) -> None:
        async with working(self.engine), asyncio.timeout(within):
            while await self.bench.counter("done") < many:
                await asyncio.sleep(0.005)


async def test_what_waits_for_a_moment(bench: Bench) -> None:
    class Waiting(Hands):
        async def end_of(self, claim: Claim) -> Ending:
            if len(self.came) > 1:
                return an_ending(claim, "done")
            await asyncio.sleep(0.05)
            return an_ending(claim, "wait", delay=timedelta(seconds=0.05))

    hands = Waiting(bench)
    carrying = asyncio.create_task(hands.until_done(1, within=5))
    await asyncio.sleep(0.1)  # the worker has heard that there is nothing
    await bench.accept("req_1")
    await carrying

    assert ["req_1", "req_1"] == hands.came


async def test_what_had_no_slot(bench: Bench) -> None:
    gates = Gatekeeper(Gates(bench.store), SystemClock())
    slots = Slots(4, gates, SystemClock())

    class Slow(Hands):
        async def end_of(self, claim: Claim) -> Ending:
            try:
                async with slots.of(SLOW):
                    await asyncio.sleep(0.11)  # no handler is quick that takes so long
            except GateClosed as closed:
                return an_ending(claim, "wait", gate=closed.gate, reason=str(closed))
            return an_ending(claim, "done")

    accepts = [an_accept(f"req_{n}", lane=SLOW, installation=SLOW) for n in range(20)]
    await bench.ledger.accept(accepts)
    hands = Slow(bench, max_jobs=4, gates=gates)
    await hands.until_done(
        20, within=6
    )  # ten turns of two; one a second by the gate's own time

    assert {one.id for one in accepts} == set(hands.came)
