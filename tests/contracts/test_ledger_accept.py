"""Accepting: what is stored once, what is a copy, and what finds no room."""

from __future__ import annotations

import asyncio

import pytest

from shared.errors import Conflict
from shared.model.jobs import Accepted
from shared.storage.connection import Store
from shared.storage.ledger import Limits
from tests.contracts.ledger_builders import BODY, OPEN, Bench, an_accept


async def test_a_request_is_stored_with_its_body_and_can_be_claimed_at_once(
    bench: Bench,
) -> None:
    said = await bench.accept("req_1", installation="w1", bot="shop", lane="w1")

    assert [Accepted(status="stored", id="req_1")] == said
    (claim,) = await bench.claim()
    assert BODY == claim.body
    assert ("webhook", "linear", "w1", "shop", "w1", len(BODY)) == (
        claim.record.job, claim.record.integration, claim.record.installation, claim.record.bot,
        claim.record.lane, claim.record.bytes,
    )  # fmt: skip
    assert 1 == (await bench.record("req_1")).seq


@pytest.mark.parametrize("blank", [" ", "\n", "\u00a0"])
async def test_a_lane_with_a_blank_in_its_name_is_refused(bench: Bench, blank: str) -> None:
    """Records name it between blanks."""
    with pytest.raises(ValueError, match="has a blank in its name"):
        await bench.accept("req_1", lane=f"w{blank}1")

    assert await bench.ledger.show("req_1") is None


@pytest.mark.parametrize("dedupe", ["a b", " ", "\n", "slack:1 2  3 "])
async def test_a_delivery_key_may_hold_blanks(bench: Bench, dedupe: str) -> None:
    await bench.accept("req_1", dedupe=dedupe)
    await bench.accept("req_2")

    assert [Accepted(status="duplicate", id="req_1")] == await bench.accept(
        "req_3", dedupe=dedupe
    )
    assert "linear" == (await bench.record("req_1")).integration


async def test_the_same_id_twice_is_one_request(bench: Bench) -> None:
    """As after an unknown outcome, even when a worker has it by now, and even within one call."""
    await bench.accept("req_1", dedupe="d1")
    again = await bench.accept("req_1", dedupe="d1")
    await bench.claim()
    leased = await bench.accept("req_1", dedupe="d1")
    within = await bench.accept("req_2", "req_2")

    assert ["stored"] * 4 == [one.status for one in [*again, *leased, *within]]
    assert 2 == await bench.counter("accepted")
    assert ["req_2"] == await bench.claimed_ids()


class TestCopiesOfADelivery:
    @pytest.mark.parametrize("end", ["done", "retry", "release"])
    async def test_are_suppressed_while_the_first_is_open_or_done(
        self, bench: Bench, end: str
    ) -> None:
        await bench.closed("req_1", end, dedupe="d1")

        assert [Accepted(status="duplicate", id="req_1")] == await bench.accept(
            "req_2", dedupe="d1"
        )
        assert await bench.ledger.show("req_2") is None

    async def test_are_suppressed_within_one_call(self, bench: Bench) -> None:
        said = await bench.accept("req_1", "req_2", dedupe="d1")

        assert [("stored", "req_1"), ("duplicate", "req_1")] == [
            (one.status, one.id) for one in said
        ]

    async def test_revive_a_dead_one_with_new_attempts(self, bench: Bench) -> None:
        await bench.closed("req_1", "dead", dedupe="d1")

        assert [Accepted(status="revived", id="req_1")] == await bench.accept(
            "req_2", dedupe="d1"
        )
        (claim,) = await bench.claim()
        assert ("req_1", 2, 0) == (claim.record.id, claim.record.epoch, claim.record.attempts)
        assert 1 == await bench.counter("accepted")

    async def test_revive_the_dead_deliveries_of_a_split_one_and_no_others(
        self, bench: Bench
    ) -> None:
        await bench.install("w1", "w2")
        await bench.bind("w1", "A")
        await bench.bind("w2", "B")
        await bench.route(await bench.lease("req_1", dedupe="d1"), "A", "B")
        for claim in await bench.claim():
            await bench.settle(claim, "dead" if claim.record.identifier == "B" else "done")

        assert [Accepted(status="revived", id="req_1")] == await bench.accept(
            "req_2", dedupe="d1"
        )
        (claim,) = await bench.claim()
        assert ("dlv_1_0002", 0) == (claim.record.id, claim.record.attempts)
        assert [Accepted(status="duplicate", id="req_1")] == await bench.accept(
            "req_3", dedupe="d1"
        )

    async def test_count_as_new_when_the_first_was_ignored(self, bench: Bench) -> None:
        await bench.closed("req_1", "ignored", dedupe="d1")

        assert [Accepted(status="stored", id="req_2")] == await bench.accept(
            "req_2", dedupe="d1"
        )
        assert [Accepted(status="duplicate", id="req_2")] == await bench.accept(
            "req_3", dedupe="d1"
        )

    @pytest.mark.parametrize("end", ["ignored", "dead"])
    async def test_count_as_new_when_the_first_is_gone(self, bench: Bench, end: str) -> None:
        """Only what was done stays suppressed after it is removed."""
        await bench.closed("req_1", end, dedupe="d1")
        await bench.ledger.drop("req_1")

        assert [Accepted(status="stored", id="req_2")] == await bench.accept(
            "req_2", dedupe="d1"
        )

    async def test_stay_suppressed_when_what_was_done_is_gone(self, bench: Bench) -> None:
        await bench.closed("req_1", "done", dedupe="d1")
        await bench.ledger.drop("req_1")

        assert [Accepted(status="duplicate", id="req_1")] == await bench.accept(
            "req_2", dedupe="d1"
        )

    async def test_never_exist_without_a_delivery_key(self, bench: Bench) -> None:
        await bench.accept("req_1", "req_2", dedupe="")

        assert ["req_1", "req_2"] == await bench.claimed_ids()

    async def test_sent_by_many_doors_at_once_are_one(self, bench: Bench) -> None:
        calls = (bench.accept(f"req_{n}", dedupe="d1") for n in range(20))
        said = [one for answers in await asyncio.gather(*calls) for one in answers]

        assert 1 == [one.status for one in said].count("stored")
        assert 1 == len({one.id for one in said})
        assert 1 == len(await bench.claim())


class TestAFullLedger:
    async def test_refuses_by_number(self, store: Store) -> None:
        bench = Bench(store, Limits(records=2))

        said = await bench.ledger.accept(
            [an_accept(f"req_{n}", lane=f"lane{n}") for n in (1, 2, 3)]
        )

        assert ["stored", "stored", "full"] == [one.status for one in said]
        assert await bench.ledger.show("req_3") is None

    async def test_refuses_by_bytes_but_takes_what_still_fits(self, store: Store) -> None:
        bench = Bench(store, Limits(bytes=2 * OPEN + 10))
        bodies = {"req_1": b"12345678", "req_2": b"123", "req_3": b"12"}

        said = await bench.ledger.accept(
            [an_accept(id, body=body, lane=id) for id, body in bodies.items()]
        )

        assert ["stored", "full", "stored"] == [one.status for one in said]

    async def test_has_room_again_when_work_is_closed(self, store: Store) -> None:
        bench = Bench(store, Limits(records=1))
        await bench.closed("req_1", "done")

        assert ["stored"] == [one.status for one in await bench.accept("req_2")]

    async def test_still_knows_its_own_ids_and_copies(self, store: Store) -> None:
        bench = Bench(store, Limits(records=1))
        await bench.accept("req_1", dedupe="d1")

        assert ["stored"] == [one.status for one in await bench.accept("req_1", dedupe="d1")]
        assert ["duplicate"] == [one.status for one in await bench.accept("req_2", dedupe="d1")]

    @pytest.mark.parametrize("state", ["leased", "retrying", "waiting", "parked"])
    async def test_counts_everything_that_is_open(self, store: Store, state: str) -> None:
        bench = Bench(store)
        if state == "leased":
            await bench.lease("req_1")
        elif state == "retrying":
            await bench.closed("req_1", "retry")
        else:
            await bench.park("A", "req_0", "req_1")
        if state == "waiting":
            await bench.install("w1")
            await bench.bind("w1", "A")
        assert [state] == await bench.states("req_1")
        open_now = 1 if state in {"leased", "retrying"} else 2

        full = Bench(store, Limits(records=open_now))
        assert ["full"] == [one.status for one in await full.accept("req_2")]


async def test_counters_say_what_was_accepted(bench: Bench) -> None:
    await bench.closed("req_1", "dead", dedupe="d1")
    await bench.accept("req_2", "req_3")
    await bench.accept("req_4", dedupe="d1")

    stats = await bench.inspection.stats()
    assert 3 == stats.totals["accepted"]


async def test_what_ingresses_turned_away_is_counted_by_reason(bench: Bench) -> None:
    await bench.ledger.refused({"waiting": 2, "memory": 1})
    await bench.ledger.refused({"waiting": 3})

    counted = [await bench.counter(f"refused_{reason}") for reason in ("waiting", "memory")]
    assert [5, 1] == counted


async def test_an_id_that_is_taken_back_by_nobody_stays_busy(bench: Bench) -> None:
    await bench.lease("req_1")

    with pytest.raises(Conflict, match="leased"):
        await bench.ledger.drop("req_1")
