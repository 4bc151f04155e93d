"""The worker's loop, with a ledger made by hand."""

from __future__ import annotations

import asyncio
from datetime import timedelta

import pytest
from structlog.testing import capture_logs

from shared.errors import CommandRefused, StoreUnavailable
from shared.model.jobs import Claim
from shared.storage.ledger import Ending
from tests.unit.engine_builders import FakeLeases, Jobs, a_claim, an_engine, working
from workers import claiming
from workers import engine as engine_module
from workers.claiming import BATCH, GROUP


@pytest.fixture
def leases() -> FakeLeases:
    return FakeLeases()


@pytest.fixture
def jobs() -> Jobs:
    return Jobs()


@pytest.fixture
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """Leases of a few milliseconds, and little patience at the end."""
    for module in (engine_module, claiming):
        monkeypatch.setattr(module, "LEASE", timedelta(seconds=0.03))
    monkeypatch.setattr(engine_module, "DRAIN", 0.05)


async def until_claimed(leases: FakeLeases, times: int) -> None:
    """Wait for so many claims."""
    async with asyncio.timeout(5):
        while len(leases.limits) < times:
            await asyncio.sleep(0)


class TestClaiming:
    async def test_is_in_batches_as_large_as_there_are_free_slots(self, jobs: Jobs) -> None:
        leases = FakeLeases(*(a_claim(f"req_{i}") for i in range(100)))
        async with working(an_engine(leases, jobs.carry, max_jobs=BATCH + 10)):
            await jobs.until(running=BATCH + 10)
            for id, _ in list(jobs.running)[:3]:
                jobs.end(id)
            await jobs.until(begun=BATCH + 13)
            for lease in list(jobs.running):
                jobs.end(*lease)
            await jobs.until(begun=100)
            for lease in list(jobs.running):
                jobs.end(*lease)

        assert [BATCH, 10] == leases.limits[:2]
        assert max(leases.limits) <= BATCH
        assert 100 == len({id for id, _ in jobs.begun})

    async def test_has_the_first_written_while_the_last_of_a_claim_have_not_begun(
        self,
    ) -> None:
        """So the store and the worker are busy at the same time."""
        seen: list[str] = []

        async def carry(ctx: object, claim: Claim) -> None:
            seen.append("begun")
            await asyncio.sleep(0)
            seen.append("written")

        leases = FakeLeases(*(a_claim(f"req_{i}") for i in range(GROUP * 2)))
        async with working(an_engine(leases, carry, max_jobs=GROUP * 2)):
            while seen.count("written") < GROUP * 2:
                await asyncio.sleep(0)

        assert ["begun"] * GROUP == seen[:GROUP]
        assert "written" in seen[: GROUP + 1]

    async def test_waits_a_moment_for_more_slots_where_few_are_free(
        self, jobs: Jobs, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """Quick jobs end in droves, and each claim costs the store a write to disk."""
        monkeypatch.setattr(claiming, "MOMENT", 0.5)  # seconds
        leases = FakeLeases(*(a_claim(f"req_{i}") for i in range(52)))
        async with working(an_engine(leases, jobs.carry, max_jobs=40)):
            await jobs.until(running=40)
            for number in range(12):
                jobs.end(f"req_{number}")
                await asyncio.sleep(0)
            await jobs.until(begun=52)
            jobs.end_all()

        assert 40 == leases.limits[0]
        assert leases.limits[1] >= 10

    async def test_takes_the_few_where_no_more_become_free(self, jobs: Jobs) -> None:
        leases = FakeLeases(*(a_claim(f"req_{i}") for i in range(41)))
        async with working(an_engine(leases, jobs.carry, max_jobs=40)):
            await jobs.until(running=40)
            jobs.end("req_0")
            await jobs.until(begun=41)
            jobs.end_all()

        assert [40, 1] == leases.limits[:2]

    async def test_stops_while_every_slot_is_taken(self, jobs: Jobs) -> None:
        leases = FakeLeases(a_claim("req_1"), a_claim("req_2"), a_claim("req_3"))
        async with working(an_engine(leases, jobs.carry, max_jobs=2)):
            await jobs.until(running=2)
            leases.put(a_claim("req_4"))
            await asyncio.sleep(0.02)
            assert [2] == leases.limits

            jobs.end("req_1")
            await jobs.until(begun=3)
            jobs.end("req_2")
            await jobs.until(begun=4)
            jobs.end("req_3")
            jobs.end("req_4")

    async def test_follows_a_wake_at_once_and_is_not_repeated_without_one(
        self, leases: FakeLeases, jobs: Jobs
    ) -> None:
        async with working(an_engine(leases, jobs.carry)):
            await asyncio.sleep(0.05)
            before = len(leases.limits)
            await asyncio.sleep(0.2)
            assert before == len(leases.limits)

            leases.put(a_claim())
            await jobs.until(running=1)
            jobs.end("req_1")

    async def test_is_for_several_that_come_shortly_after_each_other(
        self, monkeypatch: pytest.MonkeyPatch, leases: FakeLeases, jobs: Jobs
    ) -> None:
        monkeypatch.setattr(claiming, "DISTANCE", 0.2)
        async with working(an_engine(leases, jobs.carry, max_jobs=40)):
            await until_claimed(leases, 1)
            for number in range(20):
                leases.put(a_claim(f"req_{number}"))
                await asyncio.sleep(0.001)
            await jobs.until(running=20)
            assert 2 == len(leases.limits)

            jobs.end_all()

    async def test_comes_by_itself_when_something_is_due(
        self, leases: FakeLeases, jobs: Jobs
    ) -> None:
        async with working(an_engine(leases, jobs.carry)):
            await asyncio.sleep(0.02)
            leases.due = 0.02
            leases.put()
            await asyncio.sleep(0.01)
            leases.ready.append(a_claim())  # nobody is told
            await jobs.until(running=1)
            jobs.end("req_1")

    async def test_is_repeated_after_a_lease_at_the_latest(
        self, quick: None, leases: FakeLeases, jobs: Jobs
    ) -> None:
        """A claim that got lost on its way may lease something after the next one was told that there is nothing."""
        async with working(an_engine(leases, jobs.carry)):
            await asyncio.sleep(0.02)
            leases.ready.append(a_claim())  # and nobody is woken
            await jobs.until(begun=1)
            jobs.end("req_1")

        assert [("req_1", 1)] == jobs.begun

    async def test_is_given_up_in_burst_mode_when_nothing_is_left(self, jobs: Jobs) -> None:
        done: list[str] = []

        async def carry(ctx: object, claim: object) -> None:
            done.append(claim.record.id)  # type: ignore[attr-defined]

        engine = an_engine(
            FakeLeases(*(a_claim(f"req_{i}") for i in range(5))), carry, max_jobs=2, burst=True
        )
        async with asyncio.timeout(5):
            await engine.main()

        assert [f"req_{i}" for i in range(5)] == done
        assert 5 == engine.jobs_complete


class TestAStoreThatIsAway:
    async def test_is_asked_again_until_it_is_back(
        self, leases: FakeLeases, jobs: Jobs
    ) -> None:
        leases.failures.extend([StoreUnavailable("gone")] * 3)
        leases.ready.append(a_claim())
        with capture_logs() as lines:
            async with working(an_engine(leases, jobs.carry)):
                await jobs.until(running=1)
                jobs.end("req_1")

        assert 3 == [line["event"] for line in lines].count("store.unavailable")

    async def test_may_be_away_for_hours(
        self, monkeypatch: pytest.MonkeyPatch, leases: FakeLeases, jobs: Jobs
    ) -> None:
        monkeypatch.setattr(claiming, "DISTANCE", 0.0)
        leases.failures.extend([StoreUnavailable("gone")] * 2000)
        leases.ready.append(a_claim())
        async with working(an_engine(leases, jobs.carry)) as task:
            await jobs.until(running=1)
            jobs.end("req_1")

        assert task.exception() is None

    @pytest.mark.usefixtures("quick")
    async def test_neither_stops_renewing_nor_beating(
        self, leases: FakeLeases, jobs: Jobs
    ) -> None:
        leases.failing = {"renew": StoreUnavailable("gone"), "beat": StoreUnavailable("gone")}
        leases.ready.append(a_claim())
        async with working(an_engine(leases, jobs.carry)) as task:
            await jobs.until(running=1)
            while len(leases.renewed) < 3:
                await asyncio.sleep(0.01)
            jobs.end("req_1")

        assert task.exception() is None
        assert [] == jobs.cancelled


class TestLeases:
    pytestmark = pytest.mark.usefixtures("quick")

    async def test_are_renewed_while_their_jobs_run(
        self, leases: FakeLeases, jobs: Jobs
    ) -> None:
        leases.put(a_claim("req_1", 4), a_claim("req_2", 7))
        async with working(an_engine(leases, jobs.carry)):
            await jobs.until(running=2)
            while len(leases.renewed) < 2:
                await asyncio.sleep(0.005)
            jobs.end("req_1", 4)
            await jobs.until(running=1)
            seen = len(leases.renewed)
            while len(leases.renewed) < seen + 2:
                await asyncio.sleep(0.005)
            jobs.end("req_2", 7)

        assert [("req_1", 4), ("req_2", 7)] == leases.renewed[0]
        assert [("req_2", 7)] == leases.renewed[-1]

    async def test_that_are_lost_stop_their_jobs_and_no_others(
        self, leases: FakeLeases, jobs: Jobs
    ) -> None:
        leases.put(a_claim("req_1"), a_claim("req_2"))
        with capture_logs() as lines:
            async with working(an_engine(leases, jobs.carry)):
                await jobs.until(running=2)
                leases.lost = {"req_1"}
                await jobs.until(cancelled=1)
                jobs.end("req_2")

        assert [("req_1", 1)] == jobs.cancelled
        assert [] == leases.endings
        assert ["req_1"] == [line["record"] for line in lines if line["event"] == "lease.lost"]

    async def test_on_a_record_that_came_back_end_the_former_job_and_hold_for_the_new_one(
        self, leases: FakeLeases, jobs: Jobs
    ) -> None:
        """As after an absence of the store, when this worker is the first to claim what it had lost."""
        leases.put(a_claim("req_1", 1))
        async with working(an_engine(leases, jobs.carry)) as task:
            await jobs.until(running=1)
            leases.put(a_claim("req_1", 2))
            await jobs.until(begun=2, cancelled=1)
            seen = len(leases.renewed)
            while len(leases.renewed) < seen + 2:
                await asyncio.sleep(0.005)
            assert not task.done()
            jobs.end("req_1", 2)

        assert [("req_1", 1)] == jobs.cancelled
        assert [("req_1", 2)] == leases.renewed[-1]

    async def test_news_of_a_former_one_does_not_end_the_new_job(
        self, leases: FakeLeases, jobs: Jobs, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        answer, asked = asyncio.Event(), asyncio.Event()

        async def renew(held: object, lease: object = None) -> set[str]:
            asked.set()
            await answer.wait()
            return {"req_1"} if held == [("req_1", 1)] else set()

        monkeypatch.setattr(leases, "renew", renew)
        leases.put(a_claim("req_1", 1))
        async with working(an_engine(leases, jobs.carry)):
            await asked.wait()
            leases.put(a_claim("req_1", 2))
            await jobs.until(begun=2, running=1)
            answer.set()
            await asyncio.sleep(0.05)
            assert [("req_1", 2)] == jobs.running
            jobs.end("req_1", 2)


class TestABugInAJob:
    async def test_is_logged_with_its_trace_and_frees_the_slot(
        self, leases: FakeLeases, jobs: Jobs
    ) -> None:
        leases.put(a_claim("req_1"), a_claim("req_2"))
        engine = an_engine(leases, jobs.carry, max_jobs=1)
        with capture_logs() as lines:
            async with working(engine):
                await jobs.until(running=1)
                bug = ZeroDivisionError("oops")
                jobs.end("req_1", error=bug)
                await jobs.until(begun=2)
                jobs.end("req_2")

        assert [("req_1", bug)] == [
            (line["record"], line["exc_info"])
            for line in lines
            if line["event"] == "record.broke"
        ]
        assert (1, 1) == (engine.jobs_failed, engine.jobs_complete)
        assert [] == leases.endings


class TestABugInTheEngine:
    @pytest.mark.usefixtures("quick")
    @pytest.mark.parametrize("method", ["renew", "beat"])
    async def test_ends_the_worker_instead_of_crippling_it(
        self, leases: FakeLeases, jobs: Jobs, method: str
    ) -> None:
        """A worker that no longer renews would lose every lease and look alive."""
        leases.failing = {method: CommandRefused("NOPERM no")}
        leases.put(a_claim())
        engine = an_engine(leases, jobs.carry)
        async with asyncio.timeout(5):
            with pytest.raises(CommandRefused):
                await engine.main()

        assert [("req_1", 1)] == jobs.cancelled or [] == jobs.begun

    @pytest.mark.usefixtures("quick")
    async def test_in_claiming_ends_the_worker_after_it_has_drained(
        self, leases: FakeLeases, jobs: Jobs
    ) -> None:
        leases.put(a_claim())
        engine = an_engine(leases, jobs.carry)
        task = asyncio.create_task(engine.main())
        await jobs.until(running=1)
        leases.failures.append(CommandRefused("NOPERM no"))
        leases.put()

        async with asyncio.timeout(5):
            with pytest.raises(CommandRefused):
                await task
        assert [Ending(id="req_1", epoch=1, end="release")] == leases.endings


async def test_a_beat_says_who_and_how_busy(
    leases: FakeLeases, jobs: Jobs, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(engine_module, "BEAT", 0.005)
    leases.put(a_claim())
    async with working(an_engine(leases, jobs.carry, max_jobs=7)):
        await jobs.until(running=1)
        seen = len(leases.beats)
        while len(leases.beats) < seen + 2:
            await asyncio.sleep(0.005)
        busy = leases.beats[-1]
        jobs.end("req_1")

    assert {"worker": "w1", "slots": 7, "busy": 1, "done": 0, "broken": 0} == busy
