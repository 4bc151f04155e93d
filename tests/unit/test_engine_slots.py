"""When a worker's slots are free again."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from datetime import timedelta

import pytest
from structlog.testing import capture_logs

from shared.model.jobs import Claim
from shared.storage.ledger import Ending
from tests.unit.engine_builders import FakeLeases, a_claim, an_engine, working
from workers import engine as engine_module
from workers.settling import Settler


class SlowToWrite(FakeLeases):
    """Writes how jobs ended only when it may."""

    def __init__(self, *ready: Claim) -> None:
        super().__init__(*ready)
        self.may_write = asyncio.Event()

    async def settle(self, endings: Sequence[Ending]) -> list[bool]:
        await self.may_write.wait()
        return await super().settle(endings)


async def test_slots_are_free_again_while_it_is_written_how_their_jobs_ended() -> None:
    """So the next claim leaves together with the endings, and shares their write to disk."""
    leases = SlowToWrite(*(a_claim(f"req_{i}") for i in range(25)))
    settler, begun = Settler(leases), list[str]()

    async def carry(ctx: object, claim: Claim) -> None:
        begun.append(claim.record.id)
        await settler.settle(Ending(id=claim.record.id, epoch=1, end="done"))

    async with working(an_engine(leases, carry, settler=settler, max_jobs=10)):
        await asyncio.sleep(0.05)
        while_none_was_written = len(begun)
        leases.may_write.set()
        while len(leases.endings) < 25:
            await asyncio.sleep(0.001)

    assert 20 == while_none_was_written  # and no more: a slow store would fill the memory
    assert 25 == len(set(begun))


class ComesBack(FakeLeases):
    """What should be tried again is ready as soon as that is written."""

    async def settle(self, endings: Sequence[Ending]) -> list[bool]:
        again = [a_claim(one.id, one.epoch + 1) for one in endings if one.end == "retry"]
        self.put(*again)
        await asyncio.sleep(0.01)  # the claim is back before the settling call is
        return await super().settle(endings)


async def test_slots_are_taken_again_by_what_comes_back_at_once() -> None:
    """Its former job was decided and goes on to its end, and is not stopped as one whose lease was lost."""
    leases = ComesBack(a_claim("req_1", 1))
    settler, ended = Settler(leases), list[tuple[int, bool]]()

    async def carry(ctx: object, claim: Claim) -> None:
        epoch = claim.record.epoch
        end = "retry" if epoch == 1 else "done"
        ended.append((epoch, await settler.settle(Ending(id="req_1", epoch=epoch, end=end))))

    with capture_logs() as lines:
        async with working(an_engine(leases, carry, settler=settler)):
            async with asyncio.timeout(10):
                while len(ended) < 2:
                    await asyncio.sleep(0.001)

    assert [(1, True), (2, True)] == sorted(ended)
    assert [] == [line for line in lines if line["event"] == "lease.lost"]


async def test_who_waits_for_the_own_end_is_not_stopped_because_the_lease_has_ended(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The end was written and the reply is on its way, when a renewal says that there is no lease any more."""
    monkeypatch.setattr(engine_module, "LEASE", timedelta(seconds=0.03))
    leases = SlowToWrite(a_claim("req_1"))
    leases.lost = {"req_1"}
    settler, ended = Settler(leases), list[bool]()

    async def carry(ctx: object, claim: Claim) -> None:
        ended.append(await settler.settle(Ending(id="req_1", epoch=1, end="done")))

    with capture_logs() as lines:
        async with working(an_engine(leases, carry, settler=settler)):
            while len(leases.renewed) < 3:
                await asyncio.sleep(0.001)
            leases.may_write.set()
            while not leases.endings:
                await asyncio.sleep(0.001)

    assert [True] == ended
    assert [] == [line for line in lines if line["event"] == "lease.lost"]
