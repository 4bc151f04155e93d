"""One installation sends fifty times of what the others send, and more than there are hands: only it has to wait."""

from __future__ import annotations

import asyncio
import random
import time
from collections.abc import Awaitable, Callable
from contextlib import AsyncExitStack
from functools import partial
from typing import Any

import pytest

from shared.model.jobs import Claim
from shared.storage.connection import Store, connect
from shared.storage.ledger import Ledger
from tests.chaos.numbers import told
from tests.chaos.server import Server, a_server
from tests.chaos.sizes import sizes
from tests.contracts.ledger_builders import an_accept, an_ending
from tests.unit.engine_builders import an_engine, working

pytestmark = pytest.mark.needs("gcc")

QUIET = 8  # installations that send once in a while
NOISY = 50  # requests of the other one, to each of theirs
EACH = 2.5  # requests a second of a quiet one
SLOTS = 10  # hands
TAKES = 0.08  # seconds that a request is in one: 125 a second, of which 145 come


class Scene:
    """Requests of several installations, and when each was done."""

    def __init__(self, store: Store) -> None:
        self.ledger = Ledger(store)
        self.stored: dict[str, float] = {}
        self.waits: dict[str, float] = {}

    async def work(self, claim: Claim) -> None:
        await asyncio.sleep(TAKES)
        await self.ledger.settle([an_ending(claim, "done")])
        self.waits[claim.record.id] = time.monotonic() - self.stored[claim.record.id]

    async def send(
        self, name: str, rate: float, seconds: float, lane: str, chance: random.Random
    ) -> None:
        """*rate* a second at random moments, for *seconds*."""
        at, began, number = 0.0, time.monotonic(), 0
        while (at := at + chance.expovariate(rate)) < seconds:
            await asyncio.sleep(max(0.0, began + at - time.monotonic()))
            number += 1
            id = f"req_{name}_{number}"
            self.stored[id] = time.monotonic()
            await self.ledger.accept([an_accept(id, lane=lane)])

    async def all_done(self) -> None:
        async with asyncio.timeout(60):
            while len(self.waits) < len(self.stored):
                await asyncio.sleep(0.02)

    def p99(self, name: str) -> float:
        """Of those whose installation has a *name* that begins so, until they were done."""
        waits = sorted(wait for id, wait in self.waits.items() if id.startswith(f"req_{name}"))
        return waits[int(len(waits) * 0.99)]


async def played(
    server: Server, prefix: str, seconds: float, lane_of: Callable[[str], str],
    chance: random.Random, *, noise: bool,
) -> Scene:  # fmt: skip
    """One engine works while everybody sends; who has which lane is for *lane_of* to say."""
    async with AsyncExitStack() as stack:
        store = await stack.enter_async_context(await connect(server.url))
        scene = Scene(store)

        async def carry(_: Any, claim: Claim) -> None:
            await scene.work(claim)

        await stack.enter_async_context(working(an_engine(scene.ledger, carry, max_jobs=SLOTS)))
        senders: list[Awaitable[None]] = [
            scene.send(f"quiet{n}{prefix}", EACH, seconds, lane_of(f"quiet{n}"), chance)
            for n in range(QUIET)
        ]
        if noise:
            rate = EACH * NOISY
            senders.append(
                scene.send(f"noisy{prefix}", rate, seconds, lane_of("noisy"), chance)
            )
        await asyncio.gather(*senders)
        await scene.all_done()
    return scene


@sizes((2.5, 4), (30.0, 2))
async def test_only_who_sends_fifty_times_as_much_waits(
    size: tuple[float, int], chance: random.Random
) -> None:
    """Twice as long at most; in the suite, where the hands themselves are busy, less than half of the control."""
    seconds, times = size
    first = chance.getrandbits(32)
    again = partial(random.Random, first)
    async with a_server() as server:
        alone = await played(server, "a", seconds, str, again(), noise=False)
        fair = await played(server, "f", seconds, str, again(), noise=True)
        first_come = await played(server, "c", seconds, lambda _: "all", again(), noise=True)

    quiet, beside, control = (one.p99("quiet") for one in (alone, fair, first_come))
    told(
        "R23", seconds=seconds, quiet=sum("quiet" in id for id in fair.waits),
        noisy=sum("noisy" in id for id in fair.waits), p99_alone=f"{quiet:.3f} s",
        p99_beside_it=f"{beside:.3f} s", its_own_p99=f"{fair.p99('noisy'):.2f} s",
        control_one_lane_p99=f"{control:.2f} s",
    )  # fmt: skip
    assert beside <= times * quiet
    assert beside < control / 2
