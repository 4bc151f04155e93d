"""Claiming: order, fairness, pauses, wake-ups, and the event of an ending."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from datetime import timedelta

import pytest

from shared.storage import keys
from shared.storage.bots import Events
from shared.storage.ledger import LEASE, Ending
from tests.contracts.ledger_builders import Bench, an_accept
from tests.contracts.storage_builders import an_event


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
    async def test_is_in_the_bots_stream_once_per_key(self, bench: Bench) -> None:
        """Also when the record is replayed."""
        event = {"bot": "shop", "event_key": "evt_1", "event": b'{"n":1}'}
        await bench.settle(await bench.lease("req_1"), "done", **event)
        await bench.ledger.replay("req_1")
        (again,) = await bench.claim()
        await bench.settle(again, "done", **event)

        stream = await bench.redis.xrange(keys.key("events", "shop"))
        assert [{b"event": b'{"n":1}'}] == [fields for _, fields in stream]

    async def test_is_not_there_again_when_it_was_appended_by_other_ways(
        self, bench: Bench
    ) -> None:
        await Events(bench.store).append(an_event(1))
        claim = await bench.lease("req_1")
        await bench.settle(claim, "done", bot="shop", event_key="evt_1", event=b"{}")

        assert 1 == await bench.redis.xlen(keys.key("events", "shop"))

    async def test_of_a_bot_with_any_name_reaches_its_stream(self, bench: Bench) -> None:
        claim = await bench.lease("req_1")
        await bench.settle(claim, "done", bot="a:b{c}%", event_key="evt:{1}", event=b"{}")
        await Events(bench.store).append(an_event(1, id="evt:{1}", bot_id="a:b{c}%"))

        assert 1 == await bench.redis.xlen(keys.key("events", "a:b{c}%"))

    async def test_is_not_written_when_the_lease_was_lost(self, bench: Bench) -> None:
        claim = await bench.lease("req_1")
        late = Ending(
            id="req_1", epoch=claim.record.epoch + 1, end="done", bot="shop", event_key="k"
        )

        assert [False] == await bench.ledger.settle([late])
        assert 0 == await bench.redis.exists(
            keys.key("events", "shop"), keys.key("emitted", "k")
        )


class TestWaking:
    async def test_begins_once_nothing_can_be_missed_any_more(self, bench: Bench) -> None:
        """A wake before the subscription holds would be lost, so the first one waits for the store to confirm it."""
        await bench.store.blocking.ping()
        wakes = bench.ledger.wakes()
        await bench.redis.execute_command("CLIENT", "PAUSE", 200, "ALL")
        first = asyncio.ensure_future(anext(wakes))
        await asyncio.sleep(0.05)

        assert not first.done()
        await first
        await wakes.aclose()  # type: ignore[attr-defined]

    @pytest.mark.parametrize("how", ["accept", "retry", "release", "replay", "bind", "next"])
    async def test_happens_whenever_there_may_be_something_to_do(
        self, bench: Bench, how: str
    ) -> None:
        action = await self._prepared(bench, how)
        wakes = bench.ledger.wakes()
        await anext(wakes)
        await action()

        async with asyncio.timeout(2):
            await anext(wakes)
        await wakes.aclose()  # type: ignore[attr-defined]

    async def _prepared(self, bench: Bench, how: str) -> Callable[[], Awaitable[object]]:
        if how == "accept":
            return lambda: bench.ledger.accept([an_accept("req_1")])
        if how in {"retry", "release"}:
            claim = await bench.lease("req_1")
            return lambda: bench.settle(claim, how)
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
