"""Behind a closed gate: no slot, no attempt, the order kept, and nothing forgotten."""

from __future__ import annotations

from datetime import timedelta

import pytest

from shared.errors import Conflict
from shared.model.gates import Gate
from shared.model.jobs import Claim
from shared.storage.connection import Store
from shared.storage.gates import Gates
from shared.storage.ledger_check import check
from tests.contracts.ledger_builders import Bench, an_ending

BOT, LINE = "bot:shop", "installation:w-1"
FIVE_SECONDS = timedelta(seconds=5)
HALF_A_MINUTE = timedelta(seconds=30)


@pytest.fixture
def bench(store: Store) -> Bench:
    return Bench(store)


@pytest.fixture
def gates(store: Store) -> Gates:
    return Gates(store)


async def _put_behind(bench: Bench, *ids: str, gate: str = BOT) -> list[Claim]:
    """Accept and claim *ids*, and let them wait behind a gate."""
    await bench.accept(*ids)
    claims = await bench.claim()
    for claim in claims:
        assert await bench.settle(claim, "wait", gate=gate, reason="because it is down")
    return claims


async def _answered(bench: Bench, end: str = "done") -> list[str]:
    """Claim what may be claimed and end it; returns the ids."""
    claims = await bench.claim(500)
    await bench.ledger.settle([an_ending(one, end, reason="for the test") for one in claims])
    return [claim.record.id for claim in claims]


class TestABreaker:
    async def test_holds_records_without_counting_an_attempt(
        self, bench: Bench, gates: Gates
    ) -> None:
        await gates.close(BOT, "breaker", HALF_A_MINUTE, "because it is down")
        await _put_behind(bench, "req_1", "req_2")
        record = await bench.record("req_1")

        assert ("waiting", BOT, 0) == (record.state, record.gate, record.attempts)
        assert [] == await bench.claimed_ids()
        assert [] == await check(bench.store)

    async def test_lets_one_through_to_see_and_then_the_next(
        self, bench: Bench, gates: Gates
    ) -> None:
        await gates.close(BOT, "breaker", HALF_A_MINUTE, "because it is down")
        await _put_behind(bench, "req_1", "req_2", "req_3")
        bench.later(31)
        (probe,) = await bench.claim()
        assert await bench.settle(probe, "wait", gate=BOT, reason="down still")
        early = await bench.claimed_ids()
        bench.later(31)
        following = await bench.claimed_ids()

        assert ("req_1", BOT) == (probe.record.id, probe.record.probe)
        assert [] == early
        assert ["req_2"] == following
        assert ["waiting", "waiting"] == await bench.states("req_1", "req_3")
        assert [] == await check(bench.store)  # though the probe is behind what came after it

    async def test_that_opens_lets_all_go_in_their_order(
        self, bench: Bench, gates: Gates
    ) -> None:
        ids = [f"req_{number:04d}" for number in range(450)]
        await gates.close(BOT, "breaker", HALF_A_MINUTE, "because it is down")
        for first in range(0, 450, 50):
            await _put_behind(bench, *ids[first : first + 50])
        await gates.open(BOT)
        going = [id for _ in range(10) for id in await _answered(bench)]

        assert ids == going
        assert [] == await gates.all()
        assert [] == await check(bench.store)

    async def test_is_forgotten_when_nobody_waits_and_its_time_is_up(
        self, bench: Bench, gates: Gates
    ) -> None:
        await gates.close(BOT, "breaker", HALF_A_MINUTE, "because it is down")
        bench.later(31)
        await bench.claim()

        assert [] == await gates.all()

    async def test_whose_probe_dies_with_its_worker_tries_another_time(
        self, bench: Bench, gates: Gates
    ) -> None:
        await gates.close(BOT, "breaker", HALF_A_MINUTE, "because it is down")
        await _put_behind(bench, "req_1")
        bench.later(31)
        await bench.claim()
        bench.after_the_lease()
        (again,) = await bench.claim()

        assert ("req_1", BOT, 1) == (again.record.id, again.record.probe, again.record.crashes)
        assert [] == await check(bench.store)


class TestAPause:
    async def test_ends_by_itself(self, bench: Bench, gates: Gates) -> None:
        await gates.close(BOT, "pause", HALF_A_MINUTE, "because it asked")
        await _put_behind(bench, "req_1", "req_2")
        early = await bench.claimed_ids()
        bench.later(31)

        assert [] == early
        assert ["req_1", "req_2"] == [id for _ in range(2) for id in await _answered(bench)]

    async def test_is_not_shortened_and_does_not_soften_a_breaker(
        self, bench: Bench, gates: Gates
    ) -> None:
        await gates.close(BOT, "breaker", timedelta(seconds=60), "because it is down")
        await gates.close(BOT, "pause", timedelta(seconds=5), "because it asked")
        (gate,) = await gates.all()

        assert ("breaker", BOT) == (gate.kind, gate.name)
        assert 55 < gate.seconds <= 60

    async def test_tells_a_worker_how_long_to_sleep(self, bench: Bench, gates: Gates) -> None:
        await gates.close(BOT, "pause", HALF_A_MINUTE, "because it asked")
        _, pause = await bench.ledger.claim("w1", 10)

        assert pause is not None
        assert 25 < pause <= 30

    async def test_that_was_opened_by_hand_is_over(self, bench: Bench, gates: Gates) -> None:
        """What closes it afterwards says for how long."""
        await gates.close(BOT, "pause", timedelta(hours=1), "because an operator closed it")
        await gates.open(BOT)
        await gates.close(BOT, "pause", HALF_A_MINUTE, "because it asked")
        (gate,) = await gates.all()

        assert gate.seconds <= 30


class TestAGateThatOpens:
    """What waited is no herd: the target shows with each answer that it can take more."""

    @pytest.fixture
    async def opening(self, bench: Bench, gates: Gates) -> Bench:
        await gates.close(BOT, "pause", HALF_A_MINUTE, "because it asked")
        await _put_behind(bench, *(f"req_{number:02}" for number in range(40)))
        bench.later(31)
        return bench

    async def test_lets_one_go_then_twice_as_many_while_they_are_answered(
        self, opening: Bench
    ) -> None:
        going = [len(await _answered(opening)) for _ in range(7)]

        assert [1, 2, 4, 8, 16, 9, 0] == going
        assert [] == await check(opening.store)

    async def test_lets_none_follow_one_that_was_not_answered(self, opening: Bench) -> None:
        (first,) = await opening.claim()
        assert await opening.settle(first, "retry", delay=HALF_A_MINUTE, reason="502")
        following = await opening.claimed_ids()
        opening.later(1.1)

        assert [] == following
        assert 1 == len(await opening.claim())

    async def test_goes_on_when_the_worker_of_the_one_dies(self, opening: Bench) -> None:
        assert 1 == len(await opening.claim())
        opening.later(1.1)

        assert 1 == len(await opening.claim())

    async def test_that_closes_again_holds_what_has_not_gone(
        self, opening: Bench, gates: Gates
    ) -> None:
        (first,) = await opening.claim()
        await gates.close(BOT, "breaker", HALF_A_MINUTE, "because it is down")
        assert await opening.settle(first, "wait", gate=BOT, reason="because it is down")
        held = await opening.claimed_ids()
        opening.later(31)

        assert [] == held
        assert ["req_00"] == await opening.claimed_ids()

    async def test_is_forgotten_with_the_last_one(self, opening: Bench, gates: Gates) -> None:
        for _ in range(7):
            await _answered(opening)
        opening.later(1.1)
        await opening.claim()

        assert [] == await gates.all()


class TestALineForSlots:
    """Its worker says how many may come."""

    @pytest.fixture
    async def line(self, bench: Bench, gates: Gates) -> Bench:
        await gates.close(LINE, "slots", FIVE_SECONDS, "because it has its share")
        await _put_behind(bench, "req_1", "req_2", "req_3", "req_4", gate=LINE)
        return bench

    async def test_lets_as_many_go_as_there_are_slots(self, line: Bench, gates: Gates) -> None:
        early = await line.claimed_ids()
        await gates.release(LINE, 2, wake=False)
        going = await _answered(line)

        assert ([], ["req_1", "req_2"]) == (early, going)
        assert [] == await line.claimed_ids()
        assert [] == await check(line.store)

    async def test_lets_one_go_now_and_then_though_its_worker_is_gone(
        self, line: Bench
    ) -> None:
        line.later(1.1)

        assert (["req_1"], []) == (await line.claimed_ids(), await line.claimed_ids())

    async def test_stands_for_a_while_though_nobody_is_left(
        self, line: Bench, gates: Gates
    ) -> None:
        """Workers believe that it does: what they turn away meanwhile must find it."""
        await gates.release(LINE, 9, wake=False)
        (first, *_) = await line.claim()
        line.later(2)
        await line.claim()
        await line.settle(first, "wait", gate=LINE, reason="because it has its share")
        state = await line.states("req_1")
        line.later(5)
        await _answered(line)
        line.later(1.1)
        await _answered(line)

        assert ["waiting"] == state
        assert [] == await gates.all()

    async def test_gives_way_to_an_operator_and_does_not_soften_what_is_closed(
        self, line: Bench, gates: Gates
    ) -> None:
        await gates.close(LINE, "pause", HALF_A_MINUTE, "because an operator closed it")
        await gates.close(LINE, "slots", FIVE_SECONDS, "because it has its share")
        await gates.release(LINE, 4, wake=False)
        (gate,) = await gates.all()

        assert "pause" == gate.kind
        assert [] == await line.claimed_ids()


async def test_a_probe_that_is_sent_again_by_hand_is_none_any_more(
    bench: Bench, gates: Gates
) -> None:
    await gates.close(BOT, "breaker", HALF_A_MINUTE, "because it is down")
    await _put_behind(bench, "req_1")
    bench.later(31)
    (probe,) = await bench.claim()
    await bench.settle(probe, "dead", reason="410")
    await bench.ledger.replay("req_1")
    (again,) = await bench.claim()

    assert (BOT, "") == (probe.record.probe, again.record.probe)


class TestARecordBehindAGate:
    async def test_that_is_no_longer_closed_comes_back_soon_and_free_of_charge(
        self, bench: Bench
    ) -> None:
        await _put_behind(bench, "req_1")
        bench.later(1.5)
        (claim,) = await bench.claim()

        assert ("req_1", 0) == (claim.record.id, claim.record.attempts)
        assert [] == await check(bench.store)

    async def test_that_waits_for_its_turn_at_none_comes_back_then_and_free_of_charge(
        self, bench: Bench
    ) -> None:
        claim = await bench.lease("req_1")
        await bench.settle(claim, "wait", reason="few retries", delay=timedelta(seconds=40))
        bench.later(39)
        early = await bench.claimed_ids()
        bench.later(2)
        (again,) = await bench.claim()

        assert [] == early
        assert ("req_1", 0) == (again.record.id, again.record.attempts)

    async def test_can_be_dropped_but_not_replayed(self, bench: Bench, gates: Gates) -> None:
        await gates.close(BOT, "breaker", HALF_A_MINUTE, "because it is down")
        await _put_behind(bench, "req_1", "req_2")
        with pytest.raises(Conflict):
            await bench.ledger.replay("req_1")
        await bench.ledger.drop("req_1")
        await gates.open(BOT)

        assert ["req_2"] == await bench.claimed_ids()
        assert [] == await check(bench.store)

    async def test_keeps_its_journal_and_its_place_in_an_order(
        self, bench: Bench, gates: Gates
    ) -> None:
        await bench.park("A", "req_1", "req_2")
        await bench.install("w-1")
        await bench.bind("w-1", "A")
        (first,) = await bench.claim()
        await bench.ledger.step("begin", first.record, "look")
        await gates.close(BOT, "breaker", HALF_A_MINUTE, "because it is down")
        await bench.settle(first, "wait", gate=BOT, reason="because it is down")
        held = (await bench.states("req_1", "req_2"), await check(bench.store))
        await gates.open(BOT)
        (again,) = await bench.claim()
        await bench.settle(again, "done")

        assert (["waiting", "waiting"], []) == held
        assert "req_1" == again.record.id
        assert ["req_2"] == await bench.claimed_ids()


async def test_gates_are_listed_with_what_waits(bench: Bench, gates: Gates) -> None:
    await gates.close(BOT, "breaker", HALF_A_MINUTE, "because it is down")
    await _put_behind(bench, "req_1", "req_2")
    (gate,) = await gates.all()

    assert isinstance(gate, Gate)
    assert ("because it is down", 2) == (gate.reason, gate.behind)
