"""Claiming: order, fairness, pauses, wake-ups, and the event of an ending."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from datetime import timedelta

import pytest

from shared.model.jobs import Claim
from shared.model.outcomes import Found
from shared.storage import keys
from shared.storage.ledger import LEASE, Ending
from tests.contracts.ledger_builders import Bench, an_accept, an_ending


class TestOrder:
    async def test_within_a_lane_is_that_of_acceptance(self, bench: Bench) -> None:
        ids = [f"req_{n:03}" for n in (5, 3, 9, 1)]
        await bench.accept(*ids)

        assert ids == await bench.claimed_ids()

    async def test_a_noisy_lane_does_not_delay_the_others(self, bench: Bench) -> None:
        await bench.accept(*(f"req_noisy_{n:04}" for n in range(1000)), lane="noisy")
        await bench.claim(10)
        await bench.accept("req_quiet_1", "req_quiet_2", lane="quiet")

        first = await bench.claimed_ids(4)

        assert {"req_quiet_1", "req_quiet_2"} == {id for id in first if "quiet" in id}

    async def test_lanes_take_turns(self, bench: Bench) -> None:
        for lane in ("a", "b", "c"):
            await bench.accept(*(f"req_{lane}{n}" for n in range(3)), lane=lane)

        turns = [await bench.claimed_ids(3) for _ in range(3)]

        assert [[f"req_{lane}{n}" for lane in "abc"] for n in range(3)] == turns

    async def test_an_idle_lane_saves_up_no_turns(self, bench: Bench) -> None:
        """After a hundred turns of others, a lane that was idle gets one turn in two, not a hundred in a row."""
        await bench.accept("req_b", lane="b")
        await bench.accept(*(f"req_a{n:03}" for n in range(200)), lane="a")
        await bench.claim(101)
        await bench.accept(*(f"req_b{n:03}" for n in range(100)), lane="b")

        assert 10 == sum(id.startswith("req_a") for id in await bench.claimed_ids(20))

    async def test_nothing_is_kept_of_idle_lanes(self, bench: Bench) -> None:
        for n in range(5):
            await bench.accept(f"req_{n}", lane=f"lane{n}")
        await bench.claim()

        assert 0 == await bench.redis.exists(keys.key("lanes"))

    async def test_many_workers_never_get_the_same_record(self, bench: Bench) -> None:
        await bench.accept(*(f"req_{n}" for n in range(100)))

        found = await asyncio.gather(*(bench.claim(7, f"w{n}") for n in range(20)))

        ids = [claim.record.id for claims in found for claim in claims]
        assert 100 == len(ids) == len(set(ids))


async def test_a_record_whose_job_is_of_a_newer_version_keeps_no_other_from_being_claimed(
    bench: Bench,
) -> None:
    """Two versions may be at work on one store; this one says so of the record, and carries the rest."""
    await bench.accept("req_1", job="levitation")
    await bench.accept("req_2")
    claims = await bench.claim()

    assert ["levitation", "webhook"] == [one.record.job for one in claims]


class TestThePause:
    async def test_is_endless_when_nothing_will_ever_be_due(self, bench: Bench) -> None:
        assert ([], None) == await bench.ledger.claim("w1", 5)

    async def test_is_over_at_once_while_more_is_ready(self, bench: Bench) -> None:
        await bench.accept("req_1", "req_2")

        _, pause = await bench.ledger.claim("w1", 1)

        assert 0 == pause

    async def test_ends_with_the_next_lease(self, bench: Bench) -> None:
        await bench.lease("req_1")

        _, pause = await bench.ledger.claim("w2", 5)

        assert pause is not None
        assert 0 < pause <= LEASE.total_seconds()

    async def test_ends_with_the_next_retry(self, bench: Bench) -> None:
        claim = await bench.lease("req_1")
        await bench.settle(claim, "retry", delay=timedelta(seconds=3))

        _, pause = await bench.ledger.claim("w2", 5)

        assert pause is not None
        assert 0 < pause <= 3


class TestTheEventOfAnEnding:
    async def test_is_in_the_bots_stream_once_however_often_it_is_written(
        self, bench: Bench
    ) -> None:
        """The store may have written it although its answer was lost."""
        claim = await bench.lease("req_1")
        ending = an_ending(claim, "done", bot="shop", event=b'{"n":1}')

        assert [True, True] == await bench.ledger.settle([ending, ending])
        assert [True] == await bench.ledger.settle([ending])
        assert [b'{"n":1}'] == await told(bench, "shop")

    @pytest.mark.parametrize(
        ("end", "other"),
        [("done", "dead"), ("ignored", "done"), ("dead", "retry"), ("retry", "release")],
    )
    async def test_is_said_to_be_written_where_it_was_before_and_no_other_one_is(
        self, bench: Bench, end: str, other: str
    ) -> None:
        """Else who asks again since the answer was lost would believe that the lease was."""
        claim = await bench.lease("req_1")
        first = await bench.settle(claim, end)
        before = await bench.everything()
        again, another = await bench.settle(claim, end), await bench.settle(claim, other)

        assert (True, True, False) == (first, again, another)
        assert before == await bench.everything()

    async def test_is_there_again_when_its_record_is_replayed(self, bench: Bench) -> None:
        await bench.settle(await bench.lease("req_1"), "done", bot="shop", event=b"1")
        await bench.ledger.replay("req_1")
        (again,) = await bench.claim()
        await bench.settle(again, "done", bot="shop", event=b"2")

        assert [b"1", b"2"] == await told(bench, "shop")

    async def test_of_a_bot_with_any_name_reaches_its_stream(self, bench: Bench) -> None:
        claim = await bench.lease("req_1")
        await bench.settle(claim, "done", bot="a:b{c}%", event=b"{}")

        assert [b"{}"] == await told(bench, "a:b{c}%")

    async def test_is_not_written_when_the_lease_was_lost(self, bench: Bench) -> None:
        claim = await bench.lease("req_1")
        late = Ending(id="req_1", epoch=claim.record.epoch + 1, end="done", bot="shop")

        assert [False] == await bench.ledger.settle([late])
        assert [] == await told(bench, "shop")


async def told(bench: Bench, bot: str) -> list[bytes]:
    """What is in the stream of *bot*."""
    return [fields[b"event"] for _, fields in await bench.redis.xrange(keys.key("events", bot))]


def for_who_was_found(
    claim: Claim, installation: str, bot: str = "shop", *, is_shared: bool = False
) -> Ending:
    """An event for whoever was found to have the identifier A."""
    found = Found(
        integration="linear", identifier="A", installation=installation, is_shared=is_shared
    )
    return an_ending(claim, "done", bot=bot, event=b"e", found=found)


class TestAnEventForWhoWasFound:
    async def test_closes_the_request_as_a_delivery_to_them(self, bench: Bench) -> None:
        await bench.install("w1", bot="shop")
        await bench.bind("w1", "A")
        claim = await bench.lease("req_1")

        assert [True] == await bench.ledger.settle([for_who_was_found(claim, "w1")])
        record = await bench.record("req_1")
        assert ("done", "delivery", "A") == (record.state, record.job, record.identifier)
        assert ("w1", "shop", "w1") == (record.installation, record.bot, record.lane)
        assert [b"e"] == await told(bench, "shop")

    @pytest.mark.parametrize("what", ["nobody has it", "another has it", "another has it too"])
    async def test_is_not_written_when_that_is_true_no_more(
        self, bench: Bench, what: str
    ) -> None:
        """The request goes round again, and no attempt is counted."""
        for one in ("w1", "w2"):
            await bench.install(one, bot="shop")
        await bench.bind("w1", "A")
        claim, other = await bench.lease("req_1"), await bench.lease("req_2")
        if what == "nobody has it":
            await bench.bind("w1", "")
        else:
            await bench.bind("w2", "A", "share" if "too" in what else "take_over")

        ends = [for_who_was_found(claim, "w1"), an_ending(other, "done")]
        assert [False, True] == await bench.ledger.settle(ends)
        assert [] == await told(bench, "shop")
        record = await bench.record("req_1")
        assert ("ready", "webhook", 0) == (record.state, record.job, record.attempts)
        assert ["req_1"] == [one.record.id for one in await bench.claim()]

    async def test_may_be_for_one_of_several_who_share_it(self, bench: Bench) -> None:
        for one in ("w1", "w2"):
            await bench.install(one, bot="shop")
            await bench.bind(one, "A", "share")
        claim = await bench.lease("req_1")

        assert [True] == await bench.ledger.settle([
            for_who_was_found(claim, "w2", is_shared=True)
        ])  # fmt: skip

    async def test_is_not_for_one_that_was_removed(self, bench: Bench) -> None:
        await bench.install("w1", bot="shop")
        await bench.bind("w1", "A")
        claim = await bench.lease("req_1")
        await bench.installations.delete("w1")

        assert [False] == await bench.ledger.settle([for_who_was_found(claim, "w1")])
        assert [] == await told(bench, "shop")


class TestWaking:
    async def test_begins_once_nothing_can_be_missed_any_more(self, bench: Bench) -> None:
        """A wake before the subscription holds would be lost, so the first one waits for the store to confirm it."""
        await bench.store.blocking.ping()
        woken = asyncio.Event()
        await bench.redis.execute_command("CLIENT", "PAUSE", 200, "ALL")
        listening = asyncio.create_task(bench.ledger.wakes(woken.set))
        await asyncio.sleep(0.05)

        assert not woken.is_set()
        await asyncio.wait_for(woken.wait(), 5)
        listening.cancel()

    @pytest.mark.parametrize(
        "how", ["accept", "retry", "release", "replay", "bind", "next", "expired", "due"]
    )
    async def test_happens_whenever_there_may_be_something_to_do(
        self, bench: Bench, how: str
    ) -> None:
        action = await self._prepared(bench, how)
        woken = asyncio.Event()
        listening = asyncio.create_task(bench.ledger.wakes(woken.set))
        await woken.wait()
        woken.clear()
        await action()

        await asyncio.wait_for(woken.wait(), 2)
        listening.cancel()

    async def _prepared(self, bench: Bench, how: str) -> Callable[[], Awaitable[object]]:
        if how == "accept":
            return lambda: bench.ledger.accept([an_accept("req_1")])
        if how in {"retry", "release"}:
            claim = await bench.lease("req_1")
            return lambda: bench.settle(claim, how)
        if how in {"expired", "due"}:  # more than the worker takes that looks first
            await bench.accept("req_1", "req_2")
            for claim in await bench.claim() if how == "due" else ():
                await bench.settle(claim, "wait", delay=timedelta(seconds=5))
            await bench.claim()
            bench.after_the_lease()
            return lambda: bench.claim(1)
        if how == "replay":
            await bench.closed("req_1", "dead")
            return lambda: bench.ledger.replay("req_1")
        await bench.install("w1")
        await bench.park("A", "req_1", "req_2")
        if how == "bind":
            return lambda: bench.bind("w1", "A")
        await bench.bind("w1", "A")
        (head,) = await bench.claim()
        return lambda: bench.settle(head, "done")


async def test_a_beat_shows_in_the_stats_and_fades(bench: Bench) -> None:
    await bench.ledger.beat("w1", {"slots": 10, "busy": 3}, timedelta(seconds=20))

    (worker,) = (await bench.inspection.stats()).workers
    assert ("w1", "10", "3") == (worker["id"], worker["slots"], worker["busy"])
    bench.later(61)
    assert () == (await bench.inspection.stats()).workers
