"""Leases: their end, what fences them, and what becomes of one that ran out."""

from __future__ import annotations

import re
from collections.abc import Awaitable, Callable
from datetime import timedelta

import pytest

from shared.errors import LeaseLost
from shared.model.jobs import Claim
from shared.model.outcomes import Found
from shared.storage import keys, scripts
from shared.storage.connection import Store
from shared.storage.gates import Gates
from shared.storage.ledger import Ending
from shared.storage.scripts import source
from tests.contracts.ledger_builders import Bench, an_ending


class TestALeaseThatRanOut:
    async def test_brings_the_record_back_and_counts_a_crash_not_an_attempt(
        self, bench: Bench
    ) -> None:
        await bench.lease("req_1")
        assert [] == await bench.claim()

        bench.after_the_lease()
        (claim,) = await bench.claim(worker="w2")

        assert (2, 1, 0, "w2") == (
            claim.record.epoch, claim.record.crashes, claim.record.attempts, claim.record.worker,
        )  # fmt: skip

    async def test_is_dead_after_three(self, bench: Bench) -> None:
        await bench.lease("req_1")
        for _ in range(2):
            bench.after_the_lease()
            assert 1 == len(await bench.claim())
        bench.after_the_lease()

        assert [] == await bench.claim()
        record = await bench.record("req_1")
        assert ("dead", 3, "its worker stopped without an answer 3 times") == (
            record.state, record.crashes, record.reason,
        )  # fmt: skip
        assert 1 == await bench.counter("dead")

    async def test_twice_makes_it_a_suspect_that_is_tried_alone(self, bench: Bench) -> None:
        """So that what sits beside a handler that kills its worker does not die with it."""
        await bench.accept("req_1", "req_2", "req_3")
        for _ in range(2):
            assert 3 == len(await bench.claim())
            bench.after_the_lease()
        await bench.accept("req_4")

        tried = [await bench.claimed_ids() for _ in range(4)]

        assert [1, 1, 1, 1] == [len(one) for one in tried]
        assert ["req_4"] == tried[-1]

    @pytest.mark.parametrize("end", ["retry", "release", "wait", "gate"])
    async def test_twice_is_tried_alone_also_when_it_comes_back_by_its_end(
        self, bench: Bench, end: str
    ) -> None:
        """What it is tried beside may stop the worker too, and it would be dead of that."""
        await bench.lease("req_1")
        for _ in range(2):
            bench.after_the_lease()
            (claim,) = await bench.claim()
        gates, gate = Gates(bench.store), "bot:shop" if end == "gate" else ""
        await gates.close("bot:shop", "pause", timedelta(seconds=1), "")
        await bench.settle(claim, end if end != "gate" else "wait", gate=gate)
        bench.later(2)
        await bench.accept("req_2")

        tried = [await bench.claimed_ids() for _ in range(2)]

        assert [["req_1"], ["req_2"]] == tried

    async def test_twice_is_left_to_one_worker_and_only_when_it_has_nothing_else(
        self, bench: Bench
    ) -> None:
        await bench.lease("req_1")
        bench.after_the_lease()
        await bench.claim()
        bench.after_the_lease()
        await bench.accept("req_2", "req_3")
        busy = await bench.ledger.claim("w1", 1, alone=False)
        others = await bench.claimed_ids(limit=1, worker="w2")
        alone, _ = await bench.ledger.claim("w1", 9)

        assert [] == busy[0]
        assert ["req_2"] == others
        assert ["req_1"] == [one.record.id for one in alone]

    async def test_twice_is_tried_by_another_one_when_the_first_stops_too(
        self, bench: Bench
    ) -> None:
        await bench.accept("req_1", "req_2")
        for _ in range(2):
            await bench.claim()
            bench.after_the_lease()
        assert 1 == len(await bench.claim())
        _, pause = await bench.ledger.claim("w2", 9)
        await bench.redis.delete(keys.key("duty"))

        assert pause is not None
        assert 1 < pause <= 2
        assert 1 == len(await bench.claim(worker="w2"))

    async def test_is_none_when_it_was_renewed(self, bench: Bench) -> None:
        claim = await bench.lease("req_1")
        bench.later(9)
        assert set() == await bench.ledger.renew([("req_1", claim.record.epoch)])
        bench.later(9)

        assert [] == await bench.claim()
        assert ["leased"] == await bench.states("req_1")

    async def test_is_still_the_holders_while_nobody_else_took_it(self, bench: Bench) -> None:
        claim = await bench.lease("req_1")
        bench.after_the_lease()

        assert set() == await bench.ledger.renew([("req_1", claim.record.epoch)])
        assert await bench.settle(claim, "done")

    async def test_keeps_the_journal(self, bench: Bench) -> None:
        claim = await bench.lease("req_1")
        await bench.ledger.step("begin", claim.record, "send")
        bench.after_the_lease()
        (again,) = await bench.claim()

        said, since = await bench.ledger.step("begin", again.record, "send")

        assert ("intent", b"1@") == (said, since[:2])


Late = Callable[[Bench, Claim], Awaitable[object]]


LEADS = {"done": "done", "ignored": "ignored", "dead": "dead", "retry": "retrying"}


async def _settle(bench: Bench, claim: Claim) -> object:
    ends = ("done", "ignored", "dead", "retry", "release")
    endings = [an_ending(claim, end) for end in ends]
    found = Found(integration="linear", identifier="A", installation="w1")
    endings += [an_ending(claim, "done", bot="shop", found=one) for one in (None, found)]
    now = await bench.ledger.show(claim.record.id)
    there = now.state if now and now.epoch == claim.record.epoch else "gone"
    # What this lease itself has written before is said to be written.
    if [LEADS.get(one.end) == there for one in endings] == await bench.ledger.settle(endings):
        raise LeaseLost("as promised")


async def _renew(bench: Bench, claim: Claim) -> object:
    lease = (claim.record.id, claim.record.epoch)
    if {claim.record.id} == await bench.ledger.renew([lease]):
        raise LeaseLost("as promised")


async def _route(bench: Bench, claim: Claim) -> object:
    return await bench.route(claim, "A", "B")


async def _begin(bench: Bench, claim: Claim) -> object:
    return await bench.ledger.step("begin", claim.record, "other")


async def _forget(bench: Bench, claim: Claim) -> object:
    return await bench.ledger.step("forget", claim.record, "send")


async def _activate(bench: Bench, claim: Claim) -> object:
    args = [
        claim.record.id,
        claim.record.epoch,
        "flow_1",
        b"{}",
        b"{1}",
        "link",
        b"{}",
        "w1",
        "linear",
    ]
    return await bench.ledger.activate([*args, "A", "take_over", b"{}", 0])


def _unfenced(name: str) -> str:
    fenced = source(name)
    without = re.sub(r" and r\[(EPOCH|2)\] == epoch", "", fenced)
    assert without != fenced
    return without


class TestAWorkerThatLostItsLease:
    """It may wake up at any time, and whatever it says late is refused and leaves nothing behind."""

    late = pytest.mark.parametrize(
        "late", [_settle, _renew, _route, _begin, _forget, _activate]
    )

    @late
    async def test_is_refused_while_another_has_the_record(
        self, bench: Bench, late: Late
    ) -> None:
        zombie = await self._scene(bench)
        bench.after_the_lease()
        (heir,) = await bench.claim(worker="w2")
        await bench.ledger.step("begin", heir.record, "send")

        await self._refused(bench, zombie, late)
        assert await bench.settle(heir, "done")

    @late
    async def test_is_refused_when_the_record_is_ready_again(
        self, bench: Bench, late: Late
    ) -> None:
        zombie = await self._scene(bench)
        bench.after_the_lease()
        await bench.ledger.claim("w2", 0)
        assert ["ready"] == await bench.states("req_1")

        await self._refused(bench, zombie, late)

    @late
    @pytest.mark.parametrize("end", ["done", "ignored", "dead", "retry", "release"])
    async def test_is_refused_after_the_lease_was_ended(
        self, bench: Bench, late: Late, end: str
    ) -> None:
        """Twice by the same worker is late, too."""
        zombie = await self._scene(bench)
        assert await bench.settle(zombie, end)

        await self._refused(bench, zombie, late)

    async def test_is_refused_after_the_record_was_dropped(self, bench: Bench) -> None:
        zombie = await self._scene(bench)
        await bench.settle(zombie, "dead")
        await bench.ledger.drop("req_1")

        await self._refused(bench, zombie, _settle)

    @late
    async def test_would_not_be_refused_without_the_fence(
        self, store: Store, monkeypatch: pytest.MonkeyPatch, late: Late
    ) -> None:
        """The control: the comparison of epochs taken out, each writes into what another one holds."""
        bench = Bench(store)
        zombie = await self._scene(bench)
        bench.after_the_lease()
        (heir,) = await bench.claim(worker="w2")
        await bench.ledger.step("begin", heir.record, "send")
        before = await bench.everything()
        monkeypatch.setattr(scripts, "source", _unfenced)
        bench.later(0.001)  # scripts of another time are read anew
        await late(bench, zombie)

        assert before != await bench.everything()

    async def _scene(self, bench: Bench) -> Claim:
        """A lease, and all that a late activation would otherwise find in place."""
        await bench.install("w1")
        await bench.redis.set(keys.key("flow", "flow_1"), b"{}")
        await bench.redis.set(keys.key("flow-of", "w1"), "flow_1")
        return await bench.lease("req_1")

    async def _refused(self, bench: Bench, zombie: Claim, late: Late) -> None:
        before = await bench.everything()
        with pytest.raises(LeaseLost):
            await late(bench, zombie)

        assert before == await bench.everything()


class TestEndingALease:
    @pytest.mark.parametrize(("end", "attempts"), [("done", 0), ("ignored", 0), ("dead", 1)])
    async def test_closes_the_record_and_its_journal(
        self, bench: Bench, end: str, attempts: int
    ) -> None:
        claim = await bench.lease("req_1")
        await bench.ledger.step("begin", claim.record, "send")

        assert await bench.settle(claim, end, reason="because")

        record = await bench.record("req_1")
        assert (end, "because", attempts) == (record.state, record.reason, record.attempts)
        assert {} == await bench.ledger.journal("req_1")
        assert [] == await bench.claim()
        assert 1 == await bench.counter(end)

    async def test_for_a_retry_brings_it_back_when_it_is_due_and_not_before(
        self, bench: Bench
    ) -> None:
        claim = await bench.lease("req_1")
        await bench.settle(claim, "retry", reason="busy", delay=timedelta(seconds=60))

        record = await bench.record("req_1")
        assert ("retrying", "busy", 1, 60_000) == (
            record.state, record.reason, record.attempts, record.due_at - record.changed_at,
        )  # fmt: skip
        bench.later(50)
        assert [] == await bench.claim()
        bench.later(10)
        (again,) = await bench.claim()
        assert (1, 0, 2) == (again.record.attempts, again.record.crashes, again.record.epoch)

    async def test_by_releasing_counts_nothing_and_lets_another_have_it_at_once(
        self, bench: Bench
    ) -> None:
        claim = await bench.lease("req_1")
        await bench.ledger.step("commit", claim.record, "send", b"sent")
        await bench.settle(claim, "release")

        (again,) = await bench.claim(worker="w2")
        assert (0, 0, 2) == (again.record.attempts, again.record.crashes, again.record.epoch)
        assert {"send:result": b"sent"} == await bench.ledger.journal("req_1")

    async def test_in_one_call_ends_each_on_its_own(self, bench: Bench) -> None:
        await bench.accept("req_1", "req_2", "req_3")
        first, second, third = await bench.claim()
        stale = Ending(id="req_2", epoch=second.record.epoch + 1, end="done")

        said = await bench.ledger.settle(
            [an_ending(first, "done"), stale, an_ending(third, "dead")]
        )

        assert [True, False, True] == said
        assert ["done", "leased", "dead"] == await bench.states("req_1", "req_2", "req_3")

    async def test_for_a_reason_that_is_no_utf8_ends_it_and_those_beside_it(
        self, bench: Bench
    ) -> None:
        await bench.accept("req_1", "req_2")
        first, second = await bench.claim()
        ends = [an_ending(first, "dead", reason="\udcff it was"), an_ending(second, "done")]

        assert [True, True] == await bench.ledger.settle(ends)
        assert ["dead", "done"] == await bench.states("req_1", "req_2")
        assert "? it was" == (await bench.record("req_1")).reason

    async def test_twice_in_one_call_ends_it_once(self, bench: Bench) -> None:
        claim = await bench.lease("req_1")

        assert [True, False] == await bench.ledger.settle(
            [an_ending(claim, "done"), an_ending(claim, "dead")]
        )
