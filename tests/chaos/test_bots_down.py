"""A bot that is down: it is asked seldom, what waits for it burns nothing, the others go on, and it is back soon."""

from __future__ import annotations

import asyncio
import signal
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import NamedTuple

import pytest
import pytest_asyncio
from aiohttp import web

from shared.model.jobs import Record
from shared.storage.ledger_check import check
from tests.chaos.numbers import told
from tests.chaos.rig import OPEN, Bot, Rig, a_rig
from tests.chaos.sizes import sizes

pytestmark = [
    pytest.mark.asyncio(loop_scope="session"),
    pytest.mark.needs("gcc"),
    pytest.mark.timeout(150),
]

AT_FIRST = 40  # requests for it: so many that it counts as down before all of them have come
BUSY = 0.5  # seconds that a bot takes, so that slots are what limits a worker


class Down(Bot):
    """Answers 503 until it is told to be back; notes who asked."""

    def __init__(self) -> None:
        super().__init__()
        self.status = 503
        self.asks: list[str] = []  # ids of records

    async def _take(self, request: web.Request) -> web.Response:
        self.asks.append(request.headers["webhook-id"].replace("evt_", "req_"))
        return await super()._take(request)


class Size(NamedTuple):
    """How much, and what has to be seen; the suite's machine is busy with other tests."""

    others: int  # requests for others …
    for_it: int  # … and for it, which they meet
    share: float  # of their rate without it, at least
    looks: int  # at half minutes in which it stays down
    moves: bool  # the clock, instead of waiting
    first: float  # seconds until the first one arrives when it is back, at most


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def rig() -> AsyncIterator[Rig]:
    async with a_rig(workers=1) as running:
        yield running
        await running.is_idle()
        assert [] == await check(running.store)


@sizes(Size(100, 25, 0.5, 4, True, 20.0), Size(1000, 250, 0.95, 4, False, 60.0), seconds=300)
async def test_is_asked_seldom_and_the_others_go_on(rig: Rig, size: Size) -> None:
    name = f"r19-{size.others}"
    alone = await rate(rig, [f"{name}-alone-{n}" for n in range(size.others)])
    async with a_bot_that_is_down(rig, name) as (down, texts):
        at_first = len(down.asks)
        more = [f"{name}-more-{n}" for n in range(size.for_it)]
        beside = await rate(
            rig, [f"{name}-beside-{n}" for n in range(size.others)], more, f"team-{name}"
        )
        began = time.monotonic()
        for n in range(size.looks):
            await half_a_minute(rig, n + 1 if size.moves else 0)
        minutes = (time.monotonic() - began + size.moves * size.looks * 31) / 60
        probes, waiting = len(down.asks) - at_first, await open_of(rig, name)
        unasked = [one.attempts for one in waiting if one.id not in down.asks]
        first = await back(rig, down, size.looks + 1 if size.moves else 0)
        await rig.is_idle(within=90)

    told("R19", waiting=len(waiting), asked_at_first=at_first, attempts=sum(one.attempts for one in waiting),
         never_asked=len(unasked), attempts_of_those=sum(unasked), probes=probes, minutes=f"{minutes:.1f}",
         others_alone=f"{alone:.0f}/s", others_beside=f"{beside:.0f}/s", first_after=f"{first:.1f} s")  # fmt: skip
    assert at_first <= 25  # ten or so, then nobody
    assert AT_FIRST + size.for_it == len(waiting)
    assert [0] * len(unasked) == unasked
    assert len(unasked) >= len(waiting) - at_first - probes
    assert sum(one.attempts for one in waiting) <= at_first
    assert 1 <= probes <= 10 * minutes
    assert beside >= size.share * alone
    assert first <= size.first
    assert dict.fromkeys([*texts, *more], 1) == down.texts()


async def test_would_burn_all_of_them_without_its_breaker(rig: Rig) -> None:
    """The control: the same, by a worker that goes on asking."""
    impatient = await rig.alone("worker-impatient", "tests.chaos.impatient")
    try:
        async with a_bot_that_is_down(rig, "r19c") as (down, texts):
            async with asyncio.timeout(30):
                while len(down.asks) < 2 * len(texts):
                    await asyncio.sleep(0.05)
            before = len(down.asks)
            await half_a_minute(rig, 1)
            probes = len(down.asks) - before
            waiting, burnt = (
                await rig.count("waiting"),
                sum(one.attempts for one in await open_of(rig, "r19c")),
            )
            asked = len(down.asks)
            await back(rig, down, 2)
            await rig.is_idle()
    finally:
        await asyncio.to_thread(rig.programs.pop(impatient.name).stop)
        rig.again()

    told(
        "R19 without a breaker (control)",
        asked=asked,
        in_half_a_minute=probes,
        attempts_burnt=burnt,
    )
    assert 0 == waiting
    assert 40 <= burnt <= asked
    assert probes > 10
    assert set(texts) == set(down.texts())


@asynccontextmanager
async def a_bot_that_is_down(rig: Rig, name: str) -> AsyncIterator[tuple[Down, list[str]]]:
    """Some requests for a bot that answers 503; none of them is on its way when the block begins."""
    down = Down()
    await rig.bots.put(name, await down.start())
    await rig.install("chaos", f"team-{name}", bot=name)
    texts = [f"{name}-{n}" for n in range(AT_FIRST)]
    for n, text in enumerate(texts, 1):
        assert 200 == await rig.send(text, team=f"team-{name}")
        if n in {
            12,
            AT_FIRST,
        }:  # so many are asked about at once; the others come when that is known
            async with asyncio.timeout(30):
                while await rig.count("waiting") + await rig.count("retrying") < n:
                    await asyncio.sleep(0.05)
    yield down, texts
    await down.stop()


async def rate(
    rig: Rig, others: list[str], more: list[str] | None = None, team: str = ""
) -> float:
    """How many of the *others* arrive a second, where they all wait already, and *more* of that *team* between them."""
    rig.bot.got.clear()
    rig.bot.delay = BUSY
    for one in rig.workers:
        one.signal(signal.SIGSTOP)
    every = len(others) // len(more) if more else 0
    for n, text in enumerate(others):
        await rig.insist(text)
        if more and n % every == 0:
            await rig.insist(more[n // every], team=team)
    began = time.monotonic()
    rig.again()
    await rig.all_came(others)
    rig.bot.delay = 0.0
    return len(others) / (time.monotonic() - began)


async def half_a_minute(rig: Rig, moved: int) -> None:
    """It passes, the *moved* one since the clock was right unless that is 0; what is asked then has its answer."""
    await (rig.let_pass(31 * moved) if moved else asyncio.sleep(31))
    await asyncio.sleep(1.0)


async def open_of(rig: Rig, bot: str) -> list[Record]:
    """What is for *bot* and not at its end, each once: one that moves meanwhile is seen twice."""
    seen = [one for state in OPEN for one in await rig.records(state) if one.bot == bot]
    return list({one.id: one for one in seen}.values())


async def back(rig: Rig, down: Down, moved: int) -> float:
    """It answers again; seconds until the first event has arrived, *moved* half minutes aside."""
    down.status, began = 200, time.monotonic()
    if moved:
        await rig.let_pass(31 * moved)
    async with asyncio.timeout(70):
        while not down.got:
            await asyncio.sleep(0.05)
    return down.got[0].at - began
