"""How the worker's loop ends: told to, or by a job that will not be told."""

from __future__ import annotations

import asyncio
import contextlib
from datetime import timedelta

import pytest
from structlog.testing import capture_logs

from shared.errors import StoreUnavailable
from shared.storage.ledger import Ending
from tests.unit.engine_builders import FakeLeases, Jobs, a_claim, an_engine, working
from workers import engine as engine_module


@pytest.fixture
def leases() -> FakeLeases:
    return FakeLeases()


@pytest.fixture
def jobs() -> Jobs:
    return Jobs()


@pytest.fixture
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """Leases of a few milliseconds, and little patience at the end."""
    monkeypatch.setattr(engine_module, "LEASE", timedelta(seconds=0.03))
    monkeypatch.setattr(engine_module, "DRAIN", 0.05)


class TestStopping:
    async def test_because_its_task_was_cancelled_claims_nothing_new_either(
        self, leases: FakeLeases, jobs: Jobs
    ) -> None:
        leases.put(a_claim("req_1"))
        engine = an_engine(leases, jobs.carry)
        async with working(engine) as task:
            await jobs.until(running=1)
            task.cancel()
            await asyncio.sleep(0.01)  # longer than the distance of two claims
            leases.put(a_claim("req_2"))
            await asyncio.sleep(0.02)
            claimed = [id for id, _ in jobs.begun]
            jobs.end_all()

        assert ["req_1"] == claimed

    async def test_finishes_what_has_begun_and_claims_nothing_new(
        self, leases: FakeLeases, jobs: Jobs
    ) -> None:
        leases.put(a_claim("req_1"))
        engine = an_engine(leases, jobs.carry)
        with capture_logs() as lines:
            async with working(engine) as task:
                await jobs.until(running=1)
                engine.handle_sig(2)  # type: ignore[arg-type]
                leases.put(a_claim("req_2"))
                await asyncio.sleep(0.02)
                assert not task.done()
                jobs.end("req_1")

        assert [("req_1", 1)] == jobs.begun
        assert [] == leases.endings
        assert 1 == engine.jobs_complete
        assert {"worker.started", "worker.stopping", "worker.stopped"} <= {
            x["event"] for x in lines
        }

    @pytest.mark.usefixtures("quick")
    async def test_gives_back_what_takes_too_long_without_counting_an_attempt(
        self, leases: FakeLeases, jobs: Jobs
    ) -> None:
        leases.put(a_claim("req_1", 3), a_claim("req_2"))
        async with working(an_engine(leases, jobs.carry)):
            await jobs.until(running=2)
            jobs.end("req_2")

        assert [("req_1", 3)] == jobs.cancelled
        assert [Ending(id="req_1", epoch=3, end="release")] == leases.endings

    @pytest.mark.usefixtures("quick")
    async def test_goes_on_renewing_while_it_drains(
        self, leases: FakeLeases, jobs: Jobs, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(engine_module, "DRAIN", 5)
        leases.put(a_claim("req_1"))
        engine = an_engine(leases, jobs.carry)
        async with working(engine):
            await jobs.until(running=1)
            engine.handle_sig(15)  # type: ignore[arg-type]
            seen = len(leases.renewed)
            while len(leases.renewed) < seen + 2:
                await asyncio.sleep(0.005)
            jobs.end("req_1")

    @pytest.mark.usefixtures("quick")
    async def test_ends_cleanly_when_the_store_is_away(
        self, leases: FakeLeases, jobs: Jobs
    ) -> None:
        """The leases run out by themselves."""
        leases.failing = {"settle": StoreUnavailable("gone")}
        leases.put(a_claim())
        async with working(an_engine(leases, jobs.carry)) as task:
            await jobs.until(running=1)

        assert task.exception() is None

    async def test_before_anything_began_is_fine(self, leases: FakeLeases, jobs: Jobs) -> None:
        engine = an_engine(leases, jobs.carry)
        engine.handle_sig(15)  # type: ignore[arg-type]
        async with asyncio.timeout(5):
            await engine.main()

        assert [] == leases.limits

    async def test_closes_what_was_opened(self, leases: FakeLeases, jobs: Jobs) -> None:
        closed: list[object] = []

        async def stop(ctx: dict[str, object]) -> None:
            closed.append(ctx["ledger"])

        engine = an_engine(leases, jobs.carry, on_shutdown=stop, burst=True)
        await engine.main()
        await engine.close()

        assert [leases] == closed


class TestACancellationThatIsSwallowed:
    """As by `asyncio.wait_for` before Python 3.12, in which redis-py sends."""

    async def test_is_repeated_for_the_background(self, leases: FakeLeases, jobs: Jobs) -> None:
        deaf = asyncio.Event()

        async def beat(*_: object) -> None:
            try:
                await asyncio.sleep(60)
            except asyncio.CancelledError:
                deaf.set()

        leases.beat = beat  # type: ignore[method-assign, assignment]
        async with working(an_engine(leases, jobs.carry)) as task:
            await asyncio.sleep(0.02)

        assert deaf.is_set()
        assert task.exception() is None

    @pytest.mark.usefixtures("quick")
    async def test_is_repeated_for_a_job(self, leases: FakeLeases) -> None:
        begun = asyncio.Event()

        async def stubborn(ctx: object, claim: object) -> None:
            begun.set()
            with contextlib.suppress(asyncio.CancelledError):
                await asyncio.sleep(60)
            await asyncio.sleep(60)

        leases.put(a_claim())
        async with working(an_engine(leases, stubborn)) as task:
            await begun.wait()

        assert task.exception() is None
        assert ["release"] == [one.end for one in leases.endings]
