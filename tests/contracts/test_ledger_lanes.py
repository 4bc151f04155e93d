"""One sender cannot shut the door for all: a lane may hold as much as is free."""

from __future__ import annotations

from datetime import timedelta

import pytest

from shared.storage import keys
from shared.storage.connection import Store
from shared.storage.gates import Gates
from shared.storage.ledger import Limits
from shared.storage.ledger_check import check
from tests.contracts.ledger_builders import BODY, OPEN, Bench, an_accept

EIGHT = Limits(records=8)  # of which four fit into one lane


async def _said(
    bench: Bench, first: int, last: int, lane: str, body: bytes = BODY
) -> list[str]:
    """What becomes of requests of one lane; `crowded` where only that lane is full."""
    accepts = [an_accept(f"req_{n:02}", lane=lane, body=body) for n in range(first, last)]
    said = await bench.ledger.accept(accepts)
    return ["crowded" if one.is_crowded else one.status for one in said]


class TestAccepting:
    async def test_the_loudest_is_refused_and_others_are_not(self, store: Store) -> None:
        bench = Bench(store, EIGHT)

        assert ["stored"] * 4 + ["crowded"] * 4 == await _said(bench, 0, 8, "loud")
        assert ["stored"] * 2 == await _said(bench, 10, 12, "quiet")
        assert [] == await check(store)

    async def test_by_bytes_as_by_number(self, store: Store) -> None:
        large = b"x" * 10_000
        bench = Bench(store, Limits(bytes=8 * (len(large) + OPEN)))

        assert ["stored"] * 4 + ["crowded"] * 4 == await _said(bench, 0, 8, "loud", large)
        assert ["stored"] * 2 == await _said(bench, 10, 12, "quiet", large)

    async def test_of_many_loud_ones_each_has_less(self, store: Store) -> None:
        """There is room for one more however many there are."""
        bench = Bench(store, Limits(records=100))
        for n, lane in enumerate(("a", "b", "c", "d")):
            await _said(bench, n * 100, n * 100 + 100, lane)

        assert ["stored"] == await _said(bench, 900, 901, "quiet")

    async def test_a_lane_has_room_again_when_its_work_is_closed(self, store: Store) -> None:
        bench = Bench(store, EIGHT)
        await _said(bench, 0, 8, "loud")
        (claim, *_) = await bench.claim()
        await bench.settle(claim, "done")

        assert ["stored", "crowded"] == await _said(bench, 10, 12, "loud")

    async def test_what_is_closed_takes_no_room_for_counting(self, store: Store) -> None:
        """Half as many keys as there are could be open records; then they are counted."""
        bench = Bench(store, EIGHT)
        for n in range(20):
            await bench.closed(f"req_1{n:02}", "done", dedupe=f"d{n}")

        assert ["stored"] * 4 + ["crowded"] == await _said(bench, 0, 5, "loud")

    async def test_an_idle_lane_takes_no_place(self, bench: Bench) -> None:
        await bench.closed("req_1", "done", lane="w1")
        await bench.closed("req_2", "dead", lane="w1")

        assert 0 == await bench.redis.exists(keys.key("lanes-open"))


class TestABotThatIsDown:
    async def test_holds_so_much_and_the_door_stays_open(self, store: Store) -> None:
        """What was accepted for it beyond that is dead, with its payload and the reason."""
        bench = Bench(store, EIGHT)
        await Gates(store).close("bot:shop", "breaker", timedelta(hours=1), "down")
        await bench.install("w1")
        await bench.bind("w1", "A")
        for n in range(12):
            claim = await bench.lease(f"req_{n:02}", lane="door")
            assert "self" == (await bench.route(claim, "A")).where
            await bench.settle(claim, "wait", reason="the bot is down", gate="bot:shop")

        ids = [f"req_{n:02}" for n in range(12)]
        assert ["waiting"] * 4 + ["dead"] * 8 == sorted(await bench.states(*ids))[::-1]
        record = await bench.record("req_11")
        assert ("dead", "too much waits already for w1") == (record.state, record.reason)
        assert BODY == await bench.ledger.stored_body("req_11")
        assert ["stored"] == await _said(bench, 20, 21, "door")
        assert [] == await check(store)

    @pytest.mark.parametrize("end", ["retry", "wait"])
    async def test_what_should_come_again_is_held_to_it_too(
        self, store: Store, end: str
    ) -> None:
        bench = Bench(store, EIGHT)
        await _said(Bench(store), 0, 6, "w1")
        claims = await bench.claim()
        await Gates(store).close("bot:shop", "breaker", timedelta(hours=1), "down")
        for claim in claims:
            await bench.settle(claim, end, delay=timedelta(hours=1), gate="bot:shop")

        states = await bench.states(*(claim.record.id for claim in claims))
        assert 2 == states.count("dead")
        assert [] == await check(store)

    async def test_slices_for_it_are_held_to_it_too(self, store: Store) -> None:
        bench = Bench(store, EIGHT)
        await bench.install("w1")
        await bench.bind("w1", "A")
        slices = [("A", b"%d" % n) for n in range(12)]
        await bench.route(await bench.lease("req_1", lane="door"), *slices)

        states = [one.state for one in await bench.ledger.children("req_1")]
        assert {"ready", "dead"} == set(states)
        assert 3 == states.count("ready")  # and the request itself
        assert [] == await check(store)

    async def test_whoever_holds_little_is_never_given_up(self, store: Store) -> None:
        """However full the store is of others."""
        bench = Bench(store, Limits(records=2001))
        claim = await bench.lease("req_1", lane="quiet")
        for n in range(20):
            await bench.ledger.accept(
                [an_accept(f"req_{n}_{m}", lane=f"lane{n}") for m in range(100)]
            )
        await bench.settle(claim, "retry", delay=timedelta(hours=1))

        assert ["retrying"] == await bench.states("req_1")
