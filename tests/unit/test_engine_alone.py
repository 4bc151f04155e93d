"""What stopped its workers goes to a worker that has nothing else in hand, as soon as it has not."""

from __future__ import annotations

import asyncio
from datetime import timedelta

from shared.model.jobs import Claim
from tests.unit.engine_builders import FakeLeases, Jobs, a_claim, an_engine, working


class WithSuspects(FakeLeases):
    """Holds *suspects* for who asks alone; what it answers is decided before it may say it."""

    def __init__(self, *ready: Claim) -> None:
        super().__init__(*ready)
        self.suspects: list[Claim] = []
        self.asked_alone: list[bool] = []
        self.may_answer = asyncio.Event()
        self.may_answer.set()

    def say_nothing_for_now(self) -> None:
        self.may_answer.clear()

    def tell_news(self) -> None:
        self.put()

    async def claim(
        self, worker: str, limit: int, lease: timedelta = timedelta(), *, alone: bool = True
    ) -> tuple[list[Claim], float | None]:
        self.asked_alone.append(alone)
        if self.suspects:
            answer: tuple[list[Claim], float | None] = (
                [self.suspects.pop()] if alone else [],
                9.0,
            )
        else:
            answer = await super().claim(worker, limit, lease, alone=alone)
        await self.may_answer.wait()
        return answer

    async def until_asked(self, times: int) -> None:
        async with asyncio.timeout(5):
            while len(self.asked_alone) < times:
                await asyncio.sleep(0.001)


async def test_its_last_job_ends_while_it_is_asking() -> None:
    leases, jobs = WithSuspects(a_claim("req_1")), Jobs()
    async with working(an_engine(leases, jobs.carry)):
        await jobs.until(running=1)
        leases.suspects.append(a_claim("req_2"))
        leases.say_nothing_for_now()
        asked = len(leases.asked_alone)
        leases.tell_news()
        await leases.until_asked(asked + 1)
        jobs.end_all()
        await jobs.until(running=0)
        leases.may_answer.set()
        await jobs.until(begun=2)
        jobs.end_all()

    assert [False, True] == leases.asked_alone[asked:][:2]
    assert [("req_1", 1), ("req_2", 1)] == jobs.begun


async def test_news_come_while_it_is_asking() -> None:
    """The next claim begins when the answer is there and its task is not quite over; it is alone all the same."""
    leases, jobs = WithSuspects(), Jobs()
    leases.say_nothing_for_now()
    async with working(an_engine(leases, jobs.carry)):
        await leases.until_asked(1)
        leases.tell_news()
        await asyncio.sleep(0.02)  # longer than the distance of two claims
        leases.suspects.append(a_claim("req_1"))
        leases.may_answer.set()
        await jobs.until(begun=1)
        jobs.end_all()

    assert all(leases.asked_alone)


async def tried_for_the_last_time(leases: WithSuspects, jobs: Jobs) -> None:
    """An idle worker has begun `req_1`, which may have stopped its workers twice."""
    await asyncio.sleep(0.02)  # it has heard that there is nothing
    leases.suspects.append(a_claim("req_1", crashes=2))
    leases.tell_news()
    await jobs.until(begun=1)


async def test_what_was_left_meanwhile_is_asked_for_when_it_has_ended() -> None:
    leases, jobs = WithSuspects(), Jobs()
    async with working(an_engine(leases, jobs.carry)):
        await tried_for_the_last_time(leases, jobs)
        asked = len(leases.asked_alone)
        leases.ready.append(a_claim("req_2"))  # without news: it was ready before
        jobs.end_all()
        await jobs.until(begun=2)
        jobs.end_all()

    assert [True] == leases.asked_alone[asked:][:1]


async def test_nothing_is_begun_beside_it_whatever_news_come() -> None:
    """That may stop the worker too, and what is tried for the last time would be dead of it."""
    leases, jobs = WithSuspects(), Jobs()
    async with working(an_engine(leases, jobs.carry)):
        await tried_for_the_last_time(leases, jobs)
        leases.put(a_claim("req_2"))
        await asyncio.sleep(0.02)  # longer than the distance of two claims
        beside = list(jobs.begun)
        jobs.end_all()
        await jobs.until(begun=2)
        jobs.end_all()

    assert [("req_1", 1)] == beside
