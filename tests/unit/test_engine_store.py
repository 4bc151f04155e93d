"""The worker on a real store: nothing lost, nothing done twice, nothing waited for."""

from __future__ import annotations

import asyncio
import os
import signal
from collections import Counter
from collections.abc import Sequence
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from shared.clock import SystemChance, SystemClock
from shared.errors import StoreUnavailable
from shared.model.jobs import Claim
from shared.model.outcomes import Done, Outcome
from shared.programs import cancelled
from shared.storage.connection import Store, connect
from shared.storage.embedded import EmbeddedValkey
from shared.storage.ledger import Ledger
from shared.storage.ledger_check import check
from tests.contracts.ledger_builders import Bench
from tests.unit.engine_builders import FakeLeases, Jobs, an_engine, working
from workers import engine as engine_module
from workers.engine import Engine
from workers.journey import Journey
from workers.settling import Settler


class Handled:
    """A job that is done at once, and counts."""

    def __init__(self) -> None:
        self.times: Counter[str] = Counter()

    async def job(self, claim: Claim) -> Outcome:
        self.times[claim.record.id] += 1
        await asyncio.sleep(0)
        return Done()

    def engine(self, ledger: Ledger, **options: Any) -> Engine:
        settler = Settler(ledger)
        journey = Journey(
            jobs={"webhook": self.job}, settler=settler, answers=None, clock=SystemClock(),  # type: ignore[arg-type]
            chance=SystemChance(), address_of=lambda _: None,
        )  # fmt: skip
        return an_engine(
            ledger, lambda _, claim: journey.carry(claim), settler=settler, **options
        )


@pytest.fixture
def bench(store: Store) -> Bench:
    return Bench(store)


async def _until_all_done(bench: Bench, number: int) -> None:
    async with asyncio.timeout(20):
        while (await bench.inspection.stats()).states["done"].count < number:
            await asyncio.sleep(0.02)


async def test_an_idle_worker_begins_as_soon_as_a_request_is_accepted(bench: Bench) -> None:
    jobs = Jobs()
    async with working(an_engine(bench.ledger, jobs.carry)):
        await asyncio.sleep(0.05)
        await bench.accept("req_1")
        await jobs.until(running=1)
        jobs.end("req_1")


async def test_many_workers_do_each_request_once(bench: Bench) -> None:
    handled = Handled()
    ids = [f"req_{n:03}" for n in range(300)]
    async with (
        working(handled.engine(bench.ledger, max_jobs=7)),
        working(handled.engine(bench.ledger, max_jobs=20)),
        working(handled.engine(bench.ledger)),
    ):
        for start in range(0, 300, 50):
            await bench.accept(*ids[start : start + 50])
        await _until_all_done(bench, 300)

    assert Counter(ids) == handled.times
    assert [] == await check(bench.store)


async def test_every_slot_of_every_worker_is_used(bench: Bench) -> None:
    """Also beyond a hundred at a time, where stock arq ends."""
    jobs = Jobs()
    await bench.accept(*(f"req_{n}" for n in range(130)))
    engines = [an_engine(bench.ledger, jobs.carry, max_jobs=65) for _ in range(2)]
    async with working(engines[0]), working(engines[1]):
        await jobs.until(running=130)
        for lease in list(jobs.running):
            jobs.end(*lease)


class LosesAnswers(Ledger):
    """What its first claim leases, nobody hears of."""

    lost = 1

    async def claim(self, *args: Any, **options: Any) -> tuple[list[Claim], float | None]:
        claimed = await super().claim(*args, **options)
        if claimed[0] and self.lost:
            self.lost -= 1
            raise StoreUnavailable("the connection was lost: outcome unknown")
        return claimed


async def test_a_claim_whose_answer_is_lost_is_no_crash_of_what_it_leased(
    bench: Bench, store: Store
) -> None:
    """Else three of them would end what was never begun, and each costs it the time of a lease."""
    jobs = Jobs()
    async with working(an_engine(LosesAnswers(store), jobs.carry, max_jobs=2)):
        await bench.accept("req_1")
        await jobs.until(running=1)
        await bench.accept("req_2")
        await jobs.until(running=2)
        jobs.end_all()

    assert [("req_1", 2), ("req_2", 1)] == jobs.begun
    assert 0 == (await bench.record("req_1")).crashes


class Gives(FakeLeases):
    """Notes how often it is given something back."""

    given = 0

    async def give_back(self, worker: str, but: Sequence[str]) -> int:
        self.given += 1
        return await super().give_back(worker, but)


async def test_nothing_is_given_back_while_another_claim_is_on_its_way() -> None:
    """What that one has leased would be taken from the worker just as it begins."""
    leases = Gives()
    engine = an_engine(leases, Jobs().carry)
    engine.ctx.update(ledger=leases, worker="w1")
    engine._prepare()
    engine.is_unheard = True
    ours, other = (asyncio.create_task(asyncio.sleep(60)) for _ in range(2))
    engine.claims |= {ours, other}
    await engine._catch_up()
    meanwhile, still = leases.given, engine.is_unheard
    engine.claims.discard(other)
    await engine._catch_up()
    await cancelled([ours, other])

    assert (0, True) == (meanwhile, still)
    assert (1, False) == (leases.given, engine.is_unheard)


class Away(Ledger):
    """Claims nothing for once."""

    is_away = False

    async def claim(self, *args: Any, **options: Any) -> tuple[list[Claim], float | None]:
        if self.is_away:
            self.is_away = False
            raise StoreUnavailable("nothing was sent")
        return await super().claim(*args, **options)


async def test_a_store_that_was_away_for_longer_than_a_lease_takes_no_work_from_its_worker(
    bench: Bench, store: Store
) -> None:
    jobs, ledger = Jobs(), Away(store)
    async with working(an_engine(ledger, jobs.carry, max_jobs=2)):
        await bench.accept("req_1")
        await jobs.until(running=1)
        ledger.is_away = True
        bench.after_the_lease()
        await bench.accept("req_2")
        await jobs.until(running=2)
        jobs.end_all()

    assert [("req_1", 1), ("req_2", 1)] == jobs.begun
    assert 0 == (await bench.record("req_1")).crashes


async def test_a_retry_comes_back_by_itself_when_it_is_due(bench: Bench) -> None:
    claim = await bench.lease("req_1")
    jobs = Jobs()
    async with working(an_engine(bench.ledger, jobs.carry)):
        await asyncio.sleep(0.05)
        await bench.settle(claim, "retry", delay=timedelta(seconds=0.1))
        await jobs.until(running=1)
        jobs.end("req_1", 2)


async def test_a_job_whose_lease_was_lost_is_stopped_and_writes_nothing(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(engine_module, "LEASE", timedelta(seconds=0.06))  # how often it renews
    jobs = Jobs()
    await bench.accept("req_1")
    async with working(an_engine(bench.ledger, jobs.carry, max_jobs=1)):
        await jobs.until(running=1)
        bench.after_the_lease()
        (heir,) = await bench.claim(worker="w2")
        await jobs.until(cancelled=1)

    record = await bench.record("req_1")
    assert ("leased", 2, "w2") == (record.state, record.epoch, heir.record.worker)


async def test_a_stopping_worker_hands_over_at_once_and_counts_nothing(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(engine_module, "DRAIN", 0.05)
    slow, quick = Jobs(), Jobs()
    await bench.accept("req_1")
    async with working(an_engine(bench.ledger, slow.carry)):
        await slow.until(running=1)
    async with working(an_engine(bench.ledger, quick.carry)):
        await quick.until(running=1)
        quick.end("req_1", 2)

    record = await bench.record("req_1")
    assert (0, 0, 2) == (record.attempts, record.crashes, record.epoch)
    assert [("req_1", 1)] == slow.cancelled


async def test_a_bug_in_a_job_brings_the_record_round_a_counted_number_of_times(
    bench: Bench,
) -> None:
    async def broken(ctx: object, claim: object) -> None:
        raise ZeroDivisionError

    await bench.accept("req_1")
    for _ in range(5):
        engine = an_engine(bench.ledger, broken, burst=True)
        await engine.main()
        bench.after_the_lease()

    record = await bench.record("req_1")
    assert ("dead", 3, 0, 3) == (record.state, record.crashes, record.attempts, record.epoch)
    assert [] == await check(bench.store)


async def test_a_killed_store_loses_nothing_and_stops_no_worker(tmp_path: Path) -> None:
    """
    What was accepted before, and what is accepted after, is done; no attempt is counted.

    Records whose claim was not heard any more come back once their leases ran out, as after one crash.
    """
    async with (
        EmbeddedValkey(tmp_path / "valkey") as server,
        await connect(server.url) as store,
    ):
        bench, handled = Bench(store), Handled()
        async with working(handled.engine(bench.ledger, max_jobs=5)) as task:
            await bench.accept(*(f"req_{n}" for n in range(100)))
            assert server.pid is not None
            os.kill(server.pid, signal.SIGKILL)
            await _accepted_at_last(bench, "req_after")
            await _until_all_done(bench, 101)
            assert not task.done()

        records = [await bench.record(id) for id in handled.times]
        assert 101 == len(records)
        assert {(0, 0), (0, 1)} >= {(one.attempts, one.crashes) for one in records}
        assert [] == await check(store)


async def _accepted_at_last(bench: Bench, id: str) -> None:
    async with asyncio.timeout(20):
        while True:
            try:
                await bench.accept(id)
            except StoreUnavailable:
                await asyncio.sleep(0.05)
            else:
                return
