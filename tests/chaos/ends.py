"""How programs of a rig end while it is under load: killed, stopped, or by themselves at a named place."""

from __future__ import annotations

import asyncio
import random
import signal
import time
from collections.abc import Iterator, Sequence
from itertools import count
from typing import NamedTuple

from tests.chaos.rig import Program, Rig

ON_THE_WAY = (
    "claim.done", "route.before", "route.done", "delivery.before", "delivery.sent",
    "settle.before", "settle.done",
)  # fmt: skip
"""The named places that each webhook passes on its way to a bot's address."""


class End(NamedTuple):
    """Of one program: its exit code, how long after its signal, and where it killed itself, if it did."""

    code: int
    took: float
    place: str


async def replaced(
    rig: Rig, chance: random.Random, times: int, number: int = signal.SIGKILL, *,
    every: float = 1.0, places: Sequence[str] = (),
) -> list[End]:  # fmt: skip
    """
    Every so many seconds one of at least three workers ends by *number*, and another one takes its place.

    Every second newcomer kills itself at one of *places*; where one did since the last time, no other one gets a
    signal. Those that have not come by until the end are killed then.
    """
    ends, began = list[asyncio.Task[End]](), time.monotonic()
    newcomers = _newcomers(rig, chance, f"spare-{number}", places)
    for _ in range(2):
        next(newcomers)
    for n in range(times):
        await asyncio.sleep(max(0.0, began + (n + 1) * every - time.monotonic()))
        for one in _victims(rig, chance):
            ends.append(_ended(rig, one, number))
            next(newcomers)
    for one in [one for one in rig.workers if _place_of(one)]:
        ends.append(_ended(rig, one, number))
        rig.worker(f"{one.name}-again")
    return await asyncio.gather(*ends)


def _newcomers(
    rig: Rig, chance: random.Random, name: str, places: Sequence[str]
) -> Iterator[Program]:
    """Start one more worker at each step; *chance* draws the place of every second one, and how often it comes by."""
    for n in count():
        doomed = f"{chance.choice(places)}@{chance.randint(1, 20)}" if places and n % 2 else ""
        yield rig.worker(f"{name}-{n}", WAYPOST_FAILPOINT=doomed)


def _place_of(worker: Program) -> str:
    return worker.environ.get("WAYPOST_FAILPOINT", "").partition("@")[0]


def _victims(rig: Rig, chance: random.Random) -> list[Program]:
    """Those that have ended by themselves; else one of those that will not, if three are at work."""
    ended = [one for one in rig.workers if one.process.poll() is not None]
    at_work = [one for one in rig.workers if one.said("worker.started")]
    others = [one for one in at_work if not _place_of(one)]
    if ended or len(at_work) < 3:
        return ended
    return chance.sample(others, min(1, len(others)))


def _ended(rig: Rig, worker: Program, number: int) -> asyncio.Task[End]:
    """Send the signal to *worker*, if it has not ended by itself; and forget it."""
    rig.programs.pop(worker.name)
    by_itself, since = worker.process.poll() is not None, time.monotonic()
    if not by_itself:
        worker.signal(number)

    def end() -> End:
        code = worker.process.wait(30)
        return End(code, time.monotonic() - since, _place_of(worker) * by_itself)

    return asyncio.create_task(asyncio.to_thread(end))


async def restarted(victims: list[Program], times: int, every: float) -> None:
    """Every so many seconds one of them, in their order, is killed and started again."""
    began = time.monotonic()
    for n in range(times):
        await asyncio.sleep(max(0.0, began + (n + 1) * every - time.monotonic()))
        victim = victims[n % len(victims)]
        victim.kill()
        victim.launch()
        await victim.until_it_said("ingress.started")


async def held(rig: Rig, name: str, module: str) -> list[str]:
    """What a worker had in hand, alone, when it was killed; others are at work again."""
    one = await rig.alone(f"{name}victim", module)
    rig.bot.holds, before = True, rig.bot.asked
    texts = [f"{name}{n}" for n in range(12)]
    for text in texts:
        await rig.insist(text)
    async with asyncio.timeout(20):
        while rig.bot.asked < before + len(texts):
            await asyncio.sleep(0.02)
    one.kill()
    rig.bot.holds = False
    rig.programs.pop(one.name)
    rig.again()
    return texts
