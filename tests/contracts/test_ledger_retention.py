"""What people and time do to records: replay, drop, sweep."""

from __future__ import annotations

from datetime import timedelta

import pytest

from shared.errors import Conflict, NotFound
from shared.model.jobs import JOB_KINDS, Accepted
from shared.model.retention import Retention
from shared.storage import keys
from tests.contracts.ledger_builders import BODY, Bench

AGES = {
    "done": timedelta(hours=1), "ignored": timedelta(hours=2), "dead": timedelta(hours=3),
    "parked": timedelta(hours=4),
}  # fmt: skip


def kept(**ages: timedelta) -> Retention:
    """The retention of these tests, with some ages changed."""
    return Retention(ages=AGES | ages)


CLOSED = ["done", "ignored", "dead"]


class TestReplay:
    @pytest.mark.parametrize("end", CLOSED)
    async def test_makes_a_closed_record_ready_with_new_attempts(
        self, bench: Bench, end: str
    ) -> None:
        await bench.closed("req_1", end)

        assert end == await bench.ledger.replay("req_1")
        (claim,) = await bench.claim()
        assert (BODY, 0, 0, 1, 2) == (
            claim.body, claim.record.attempts, claim.record.crashes, claim.record.replays,
            claim.record.epoch,
        )  # fmt: skip

    async def test_takes_a_parked_one_out_of_the_parking_lot(self, bench: Bench) -> None:
        await bench.install("w1")
        await bench.park("A", "req_1")

        assert "parked" == await bench.ledger.replay("req_1")
        assert (0, []) == await bench.bind("w1", "A")
        assert ["req_1"] == await bench.claimed_ids()

    @pytest.mark.parametrize("job", JOB_KINDS)
    async def test_never_makes_another_job_of_it(self, bench: Bench, job: str) -> None:
        await bench.closed("req_1", "dead", job=job)
        await bench.ledger.replay("req_1")

        (claim,) = await bench.claim()
        assert job == claim.record.job

    @pytest.mark.parametrize("state", ["ready", "leased", "retrying", "waiting"])
    async def test_of_one_that_is_on_its_way_is_refused(self, bench: Bench, state: str) -> None:
        await _in_state(bench, state)

        with pytest.raises(Conflict, match=f"req_1 is {state}"):
            await bench.ledger.replay("req_1")

    async def test_of_one_that_does_not_exist_is_refused(self, bench: Bench) -> None:
        with pytest.raises(NotFound, match="req_9"):
            await bench.ledger.replay("req_9")

    async def test_gives_a_delivery_that_was_in_order_no_order_again(
        self, bench: Bench
    ) -> None:
        await bench.install("w1")
        await bench.park("A", "req_1", "req_2", "req_3")
        await bench.bind("w1", "A")
        (head,) = await bench.claim()
        await bench.settle(head, "dead")
        await bench.ledger.replay("req_1")

        assert ["req_1", "req_2"] == sorted(await bench.claimed_ids())
        assert ["waiting"] == await bench.states("req_3")


class TestReplayOfASplitRequest:
    async def test_sends_its_deliveries_again_under_their_own_ids(self, bench: Bench) -> None:
        """The id of a delivery is what the receiver knows it by."""
        await self._split(bench, "done")
        epochs = {one.id: one.epoch for one in await bench.ledger.children("req_1")}

        await self._replayed(bench)

        again = await bench.claim()
        assert {"dlv_1_0001": (b"for A", 1), "dlv_1_0002": (b"for B", 1)} == {
            one.record.id: (one.body, one.record.replays) for one in again
        }
        assert all(epochs[one.record.id] < one.record.epoch for one in again)

    async def test_leaves_alone_what_is_still_on_its_way(self, bench: Bench) -> None:
        await self._split(bench, "retry", delay=timedelta(seconds=60))

        await self._replayed(bench)

        assert ["retrying", "retrying"] == await bench.states("dlv_1_0001", "dlv_1_0002")

    async def test_finds_new_owners_and_forgets_nobody(self, bench: Bench) -> None:
        await self._split(bench, "done")
        await bench.bind("w3", "B", "take_over")

        await self._replayed(bench)

        assert [("dlv_1_0001", "w1", "ready"), ("dlv_1_0002", "w2", "done"), ("dlv_1_0003", "w3", "ready")] == [
            (one.id, one.installation, one.state) for one in await bench.ledger.children("req_1")
        ]  # fmt: skip

    async def test_gives_what_was_parked_to_whoever_has_it_now(self, bench: Bench) -> None:
        await bench.install("w1", "other")
        await bench.bind("w1", "A")
        await bench.route(await bench.lease("req_1"), ("A", b"for A"), ("C", b"for C"))
        (first,) = await bench.claim()
        await bench.settle(first, "done")
        bench.later(AGES["parked"])
        await bench.sweep(kept(done=timedelta(days=9)))
        await bench.bind("other", "C")

        await bench.ledger.replay("req_1")
        (again,) = await bench.claim()
        await bench.route(again, ("A", b"for A"), ("C", b"for C, longer"))

        found = {
            one.id: (one.installation, one.bytes)
            for one in await bench.ledger.children("req_1")
        }
        assert {"dlv_1_0001": ("w1", 5), "dlv_1_0002": ("other", 13)} == found
        assert ["ready", "ready"] == await bench.states("dlv_1_0001", "dlv_1_0002")

    async def test_parks_again_what_still_nobody_has(self, bench: Bench) -> None:
        await bench.route(await bench.lease("req_1"), ("A", b"a"), ("A", b"b"))
        await bench.ledger.replay("req_1")
        (again,) = await bench.claim()
        await bench.route(again, ("A", b"a"), ("A", b"b"))

        assert ["parked", "parked"] == await bench.states("dlv_1_0001", "dlv_1_0002")
        assert 2 == await bench.redis.zcard(keys.key("parked", "linear", "A"))

    async def _split(self, bench: Bench, end: str, delay: timedelta = timedelta()) -> None:
        await bench.install("w1", "w2", "w3")
        await bench.bind("w1", "A")
        await bench.bind("w2", "B")
        await bench.route(await bench.lease("req_1"), ("A", b"for A"), ("B", b"for B"))
        for claim in await bench.claim():
            await bench.settle(claim, end, delay=delay)

    async def _replayed(self, bench: Bench) -> None:
        await bench.ledger.replay("req_1")
        (again,) = await bench.claim()
        assert "split" == (await bench.route(again, ("A", b"for A"), ("B", b"for B"))).where


class TestDrop:
    @pytest.mark.parametrize("state", ["ready", "retrying", "waiting", "parked", *CLOSED])
    async def test_removes_the_record_and_all_that_belongs_to_it(
        self, bench: Bench, state: str
    ) -> None:
        await _in_state(bench, state)

        assert state == await bench.ledger.drop("req_1")
        assert [] == list(await bench.redis.keys("*req_1*"))
        assert await bench.ledger.show("req_1") is None
        assert await bench.ledger.stored_body("req_1") is None

    async def test_of_one_that_is_worked_on_is_refused(self, bench: Bench) -> None:
        await _in_state(bench, "leased")

        with pytest.raises(Conflict, match="req_1 is leased"):
            await bench.ledger.drop("req_1")
        assert ["leased"] == await bench.states("req_1")

    async def test_of_one_that_does_not_exist_is_refused(self, bench: Bench) -> None:
        with pytest.raises(NotFound, match="req_9"):
            await bench.ledger.drop("req_9")

    async def test_of_a_delivery_takes_it_from_its_request(self, bench: Bench) -> None:
        await bench.route(await bench.lease("req_1"), ("A", b"a"), ("B", b"b"))
        await bench.ledger.drop("dlv_1_0001")

        assert ["dlv_1_0002"] == [one.id for one in await bench.ledger.children("req_1")]


class TestSweep:
    @pytest.mark.parametrize("end", CLOSED)
    async def test_removes_what_has_been_closed_for_its_age_and_nothing_younger(
        self, bench: Bench, end: str
    ) -> None:
        await bench.closed("req_1", end)
        bench.later(AGES[end] - timedelta(minutes=1))
        assert (0, 0) == await bench.sweep(kept())

        bench.later(60)
        assert (1, 0) == await bench.sweep(kept())
        assert [] == list(await bench.redis.keys("*req_1*"))

    async def test_counts_from_the_end_and_not_from_acceptance(self, bench: Bench) -> None:
        claim = await bench.lease("req_1")
        bench.later(AGES["done"])
        await bench.settle(claim, "done")

        assert (0, 0) == await bench.sweep(kept())

    async def test_gives_up_what_nobody_connected_and_keeps_it_as_dead(
        self, bench: Bench
    ) -> None:
        await bench.park("A", "req_1")
        bench.later(AGES["parked"])

        assert (0, 1) == await bench.sweep(kept())
        record = await bench.record("req_1")
        assert ("dead", "nobody connected A while it was parked") == (
            record.state,
            record.reason,
        )
        assert 1 == await bench.counter("dead")
        assert (0, 0) == await bench.sweep(kept())

    @pytest.mark.parametrize("state", ["ready", "leased", "retrying", "waiting"])
    async def test_never_touches_what_is_on_its_way(self, bench: Bench, state: str) -> None:
        await _in_state(bench, state)
        bench.later(timedelta(days=365))

        assert (0, 0) == await bench.sweep(kept(parked=timedelta(days=999)))
        assert [state] == await bench.states("req_1")

    async def test_goes_so_far_and_no_further_the_oldest_first(self, bench: Bench) -> None:
        for n in range(5):
            await bench.closed(f"req_{n}", "done")
            bench.later(1)
        bench.later(AGES["done"])

        assert (3, 0) == await bench.sweep(kept(), most=3)
        assert ["done", "done"] == await bench.states("req_3", "req_4")
        assert (2, 0) == await bench.sweep(kept(), most=3)

    async def test_is_not_held_up_by_old_requests_that_were_closed_lately(
        self, bench: Bench
    ) -> None:
        """Accepted long before the others, as after an outage, but not due for removal yet."""
        await bench.accept(*(f"req_slow_{n}" for n in range(3)))
        slow = await bench.claim()
        await bench.closed("req_1", "done")
        bench.later(AGES["done"])
        for claim in slow:
            await bench.settle(claim, "done")

        assert (1, 0) == await bench.sweep(kept(), most=3)
        assert await bench.ledger.show("req_1") is None

    @pytest.mark.parametrize(
        ("end", "status"), [("done", "duplicate"), ("ignored", "stored"), ("dead", "stored")]
    )
    async def test_leaves_only_what_was_done_suppressed(
        self, bench: Bench, end: str, status: str
    ) -> None:
        await bench.closed("req_1", end, dedupe="d1")
        bench.later(AGES[end])
        await bench.sweep(kept())

        (said,) = await bench.accept("req_2", dedupe="d1")
        assert status == said.status

    async def test_of_an_old_copy_keeps_the_key_of_the_new_one(self, bench: Bench) -> None:
        await bench.closed("req_1", "ignored", dedupe="d1")
        await bench.accept("req_2", dedupe="d1")
        bench.later(AGES["ignored"])
        await bench.sweep(kept())

        assert [Accepted(status="duplicate", id="req_2")] == await bench.accept(
            "req_3", dedupe="d1"
        )

    async def test_of_a_delivery_takes_it_from_its_request(self, bench: Bench) -> None:
        await bench.install("w1")
        await bench.bind("w1", "A")
        claim = await bench.lease("req_1")
        await bench.route(claim, ("A", b"a"), ("B", b"b"))
        (delivery,) = await bench.claim()
        await bench.settle(delivery, "ignored")
        bench.later(AGES["ignored"])
        await bench.sweep(kept(done=timedelta(days=9)))

        assert 1 == await bench.redis.zcard(keys.key("children", "req_1"))


async def _in_state(bench: Bench, state: str) -> None:
    """Make `req_1` be in *state*."""
    if state in CLOSED:
        await bench.closed("req_1", state, dedupe="d1")
    elif state == "ready":
        await bench.accept("req_1")
    elif state == "leased":
        await bench.lease("req_1")
    elif state == "retrying":
        claim = await bench.lease("req_1")
        await bench.ledger.step("begin", claim.record, "send")
        await bench.settle(claim, "retry", delay=timedelta(days=999))
    elif state == "parked":
        await bench.park("A", "req_1")
    else:
        await bench.install("w1")
        await bench.park("A", "req_0", "req_1")
        await bench.bind("w1", "A")
    assert [state] == await bench.states("req_1")
