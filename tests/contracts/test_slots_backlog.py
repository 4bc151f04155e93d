"""What it costs the store that more waits for one slow installation than may be in work: in commands, not in time."""

from __future__ import annotations

from contextlib import AsyncExitStack

import pytest

from shared.errors import GateClosed
from shared.model.jobs import Claim
from shared.storage.gates import Gates
from shared.storage.ledger import Ending
from tests.contracts.ledger_builders import Bench, an_accept, an_ending
from tests.unit.test_gates import HandClock
from workers.claiming import BATCH
from workers.gates import Gatekeeper
from workers.slots import Slots

SLOTS = 100
SLOW = "w-slow"
WAITING = 400


class Worker:
    """Claims as the engine does; its handlers end when they are told to."""

    def __init__(self, bench: Bench, clock: HandClock) -> None:
        self.bench, self.clock = bench, clock
        self.gates = Gatekeeper(Gates(bench.store), clock)  # type: ignore[arg-type]
        self.slots = Slots(SLOTS, self.gates, clock)
        self.held: list[tuple[Claim, AsyncExitStack]] = []
        self.most = self.turned_away = 0

    async def work(self) -> None:
        """Claim until nothing is there, or nothing more can be held."""
        while free := SLOTS - len(self.held):
            claims = await self.bench.claim(min(free, BATCH))
            endings = [ending for one in claims if (ending := await self._begin(one))]
            self.turned_away += len(endings)
            if endings:
                await self.bench.ledger.settle(endings)
            if not claims:
                break
        self.most = max(self.most, len(self.held))

    async def _begin(self, claim: Claim) -> Ending | None:
        slot = AsyncExitStack()
        try:
            await slot.enter_async_context(self.slots.of(claim.record.installation))
        except GateClosed as closed:
            return an_ending(claim, "wait", gate=closed.gate, reason=str(closed))
        self.held.append((claim, slot))
        return None

    async def end(self, many: int) -> None:
        """The handlers that began first end."""
        ended, self.held = self.held[:many], self.held[many:]
        for claim, slot in ended:
            await slot.aclose()
            await self.bench.settle(claim, "done")


async def _commands(bench: Bench) -> int:
    """Run so far, those inside of scripts counted."""
    found = await bench.redis.info("commandstats")
    return sum(one["calls"] for one in found.values())


async def _half_a_second(bench: Bench, workers: list[Worker], clock: HandClock) -> None:
    """Everybody claims, half a second passes, half of the handlers end, and everybody claims again."""
    for worker in workers:
        await worker.gates.look()
        await worker.slots.take_part()
        await worker.work()
    bench.later(0.5)
    clock.seconds += 0.5
    for worker in workers:
        await worker.end(max(1, len(worker.held) // 2))
        await worker.work()


@pytest.mark.parametrize(
    ("workers", "commands", "halves"),
    # Each delivery is claimed when it comes and is put behind the gate, and once more when there is a slot.
    [(1, 45, 22), (2, 45, 16)],
)
async def test_a_backlog_is_claimed_when_there_are_slots_for_it(
    bench: Bench, workers: int, commands: int, halves: int
) -> None:
    """With 200 coming back whenever the gate opened it was 156 commands for each of 400, and 254 with a real clock."""
    accepts = [an_accept(f"req_{n:03}", lane=SLOW, installation=SLOW) for n in range(WAITING)]
    await bench.ledger.accept(accepts)
    clock = HandClock()
    hands, before, taken = (
        [Worker(bench, clock) for _ in range(workers)],
        await _commands(bench),
        0,
    )
    while await bench.counter("done") < WAITING:
        taken += 1
        await _half_a_second(bench, hands, clock)
    spent = (await _commands(bench) - before) / WAITING

    assert spent < commands
    assert taken <= halves
    assert {SLOTS // 2} == {one.most for one in hands}
