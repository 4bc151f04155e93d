"""No state of the ledger grows without end: each has its bytes, and what waits has its time."""

from __future__ import annotations

from datetime import timedelta

import pytest

from shared.model.retention import Retention, Swept
from shared.storage import keys
from shared.storage.audit import Audit
from shared.storage.gates import Gates
from tests.contracts.ledger_builders import BODY, CLOSED, OPEN, Bench, an_accept, an_ending

ENDS = ["done", "ignored", "dead"]


def room(**bounds: int) -> Retention:
    """Nothing is too old."""
    return Retention(ages={}, bytes=bounds)


class TestBytes:
    @pytest.mark.parametrize("end", ENDS)
    async def test_the_oldest_go_until_the_rest_fits(self, bench: Bench, end: str) -> None:
        """What a record takes beside its body counts too."""
        for n in range(6):
            await bench.closed(f"req_{n}", end)
            bench.later(1)
        two = room(**{end: 2 * (len(BODY) + CLOSED)})
        first = await bench.sweep(two, most=3)
        rest = await bench.sweep(two, most=3)

        assert ((3, 0), (1, 0)) == (first, rest)
        assert [end, end] == await bench.states("req_4", "req_5")
        assert (0, 0) == await bench.sweep(two)

    @pytest.mark.parametrize("end", ENDS)
    async def test_what_just_fits_stays(self, bench: Bench, end: str) -> None:
        await bench.closed("req_1", end)
        exactly = len(BODY) + CLOSED

        assert (0, 0) == await bench.sweep(room(**{end: exactly}))
        assert (1, 0) == await bench.sweep(room(**{end: exactly - 1}))

    @pytest.mark.parametrize("state", ["ready", "leased", "retrying"])
    async def test_what_is_on_its_way_stays(self, bench: Bench, state: str) -> None:
        claim = await bench.lease("req_1") if state != "ready" else None
        if claim and state == "retrying":
            await bench.settle(claim, "retry", delay=timedelta(days=9))
        elif not claim:
            await bench.accept("req_1")

        none = room(done=0, ignored=0, dead=0, parked=0)
        assert (0, 0) == await bench.sweep(none)
        assert [state] == await bench.states("req_1")

    async def test_a_parking_lot_that_is_too_large_gives_its_oldest_up(
        self, bench: Bench
    ) -> None:
        await bench.park("A", "req_1", "req_2", "req_3")

        assert (0, 2) == await bench.sweep(room(parked=len(BODY) + OPEN))
        assert ["dead", "dead", "parked"] == await bench.states("req_1", "req_2", "req_3")
        assert (await bench.record("req_1")).reason == (
            "nobody connected A, and the parking lot is full"
        )

    async def test_the_dead_that_go_before_their_time_are_told(self, bench: Bench) -> None:
        for n in range(3):
            await bench.closed(f"req_{n}", "dead")
        swept = await bench.ledger.sweep(room(dead=0))
        entry, *more = await Audit(bench.store).tail()

        assert Swept(removed=3, forgotten=3) == swept
        assert 3 == await bench.counter("dropped_dead")
        assert ("retention.dropped", "dead", []) == (entry.action, entry.subject, more)

    async def test_they_are_not_told_of_again_within_a_minute(self, bench: Bench) -> None:
        for n in range(3):
            await bench.closed(f"req_{n}", "dead")
            await bench.ledger.sweep(room(dead=0))

        assert 3 == await bench.counter("dropped_dead")
        assert 1 == await bench.redis.xlen(keys.key("audit"))


class TestCopies:
    """Delivery keys outlive what is done, but not without end."""

    async def test_so_many_as_fit_stay_when_their_records_go(self, bench: Bench) -> None:
        for n in range(4):
            await bench.closed(f"req_{n}", "done", dedupe=f"d{n}")
            bench.later(1)
        swept = await bench.sweep(room(done=0, copies=2 * 240))
        said = [(await bench.accept(f"req_1{n}", dedupe=f"d{n}"))[0].status for n in range(4)]

        assert (4, 0) == swept
        assert ["duplicate", "duplicate", "stored", "stored"] == said

    async def test_those_that_expired_give_their_place_to_others(self, bench: Bench) -> None:
        for n in range(2):
            await bench.closed(f"req_{n}", "done", dedupe=f"d{n}")
            await bench.sweep(room(done=0, copies=240))
            bench.later(timedelta(hours=75))

        assert [(await bench.accept("req_9", dedupe="d1"))[0].status] == ["duplicate"]

    async def test_what_was_not_done_leaves_none(self, bench: Bench) -> None:
        await bench.closed("req_1", "dead", dedupe="d1")
        await bench.sweep(room(dead=0, copies=0))

        assert "stored" == (await bench.accept("req_2", dedupe="d1"))[0].status
        assert 0 == await bench.redis.exists(keys.key("copies"))

    async def test_one_takes_no_more_than_is_counted(self, bench: Bench) -> None:
        await bench.accept("req_01jabcdefghjkmnpqrstv000000", dedupe="d" * 64)

        assert await bench.redis.memory_usage(keys.key("dedupe", "d" * 64)) + 16 <= 240


class TestWaiting:
    """A bot that is down for good."""

    async def test_ends_after_its_time_with_its_payload_and_its_reason(
        self, bench: Bench
    ) -> None:
        await self._behind_a_gate(bench, "req_1")
        bench.later(timedelta(days=3) - timedelta(seconds=1))
        early = await bench.ledger.sweep(self.THREE_DAYS)
        bench.later(1)
        late = await bench.ledger.sweep(self.THREE_DAYS)

        record = await bench.record("req_1")
        assert (Swept(), Swept(tired=1)) == (early, late)
        assert ("dead", "it waited too long: the bot is down", "") == (
            record.state, record.reason, record.gate,
        )  # fmt: skip
        assert BODY == await bench.ledger.stored_body("req_1")
        assert 1 == await bench.counter("dead")

    async def test_counts_from_when_it_first_waited_whatever_was_tried_since(
        self, bench: Bench
    ) -> None:
        """The first one behind a gate is tried every half minute, and waits again."""
        await self._behind_a_gate(bench, "req_1")
        bench.later(timedelta(days=3))
        await self._wait_again(bench)

        assert Swept(tired=1) == await bench.ledger.sweep(self.THREE_DAYS)

    async def test_begins_anew_for_what_is_replayed(self, bench: Bench) -> None:
        await self._behind_a_gate(bench, "req_1")
        bench.later(timedelta(days=3))
        await bench.ledger.sweep(self.THREE_DAYS)
        await bench.ledger.replay("req_1")
        await self._close(bench)
        await self._wait_again(bench)

        assert Swept() == await bench.ledger.sweep(self.THREE_DAYS)
        assert ["waiting"] == await bench.states("req_1")

    async def test_lets_the_next_in_order_go(self, bench: Bench) -> None:
        await bench.install("w1")
        await bench.park("A", "req_1", "req_2")
        await self._close(bench)
        await bench.bind("w1", "A")
        await self._wait_again(bench)
        bench.later(timedelta(days=3))

        assert Swept(tired=1) == await bench.ledger.sweep(self.THREE_DAYS)
        assert ["dead", "ready"] == await bench.states("req_1", "req_2")

    async def test_is_no_longer_for_a_whole_order_than_for_one(self, bench: Bench) -> None:
        """The second has waited as long as the first when its turn comes."""
        await bench.install("w1")
        await bench.park("A", "req_1", "req_2")
        await self._close(bench)
        await bench.bind("w1", "A")
        await self._wait_again(bench)
        bench.later(timedelta(days=3))
        await bench.ledger.sweep(self.THREE_DAYS)
        await self._close(bench)
        await self._wait_again(bench)

        assert Swept(tired=1) == await bench.ledger.sweep(self.THREE_DAYS)
        assert ["dead", "dead"] == await bench.states("req_1", "req_2")

    THREE_DAYS = Retention(ages={"waiting": timedelta(days=3)})

    async def _behind_a_gate(self, bench: Bench, id: str) -> None:
        await self._close(bench)
        await bench.accept(id)
        await self._wait_again(bench)

    async def _close(self, bench: Bench) -> None:
        await Gates(bench.store).close("bot:shop", "breaker", timedelta(hours=1), "down")

    async def _wait_again(self, bench: Bench) -> None:
        (claim,) = await bench.claim()
        await bench.settle(claim, "wait", reason="the bot is down", gate="bot:shop")


MANY = 500


@pytest.mark.parametrize("state", ["ready", "parked", "done", "dead"])
async def test_a_record_takes_no_more_than_is_counted(bench: Bench, state: str) -> None:
    """With a delivery key, a whole reason, and its places in the indexes."""
    body = b"x" * 700
    ids = [f"req_01jabcdefghjkmnpqrstv{n:06}" for n in range(MANY)]
    await bench.ledger.accept(
        [an_accept(id, body=body, dedupe=f"{id[-6:]:>064}") for id in ids]
    )
    claims = await bench.claim(MANY) if state != "ready" else []
    if state == "parked":
        for claim in claims:
            await bench.route(claim, f"org_{claim.record.id[-4:]}")
    else:
        reason = "its provider refused it with 500, twelve times" * (state == "dead")
        await bench.ledger.settle([an_ending(one, state, reason=reason) for one in claims])
    beside = await _used(bench) / MANY - len(body)

    counted = CLOSED if state in ENDS else OPEN
    assert 0.75 * counted <= beside <= counted


async def _used(bench: Bench) -> int:
    """What all keys take, each with its place among the keys."""
    async with bench.redis.pipeline(transaction=False) as pipe:
        for key in await bench.redis.keys("*"):
            pipe.memory_usage(key, samples=0)
        found = await pipe.execute()
    return sum(found) + 16 * len(found)
