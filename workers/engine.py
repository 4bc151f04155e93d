"""
Our arq `Worker`: claims in batches under leases, renews them, and drains.

With `shared/storage/ledger.py` and `workers/main.py` the only code that knows arq. Kept of arq: the settings class, the
registry of functions, the context, signals and the command line. Replaced: everything between "something is due" and
"it is finished" (see docs/decisions/0001). What is overridden is pinned by `tests/contracts/test_arq_contract.py`.
"""

from __future__ import annotations

import asyncio
import contextlib
from datetime import timedelta
from typing import TYPE_CHECKING, Any, Protocol

import structlog
from arq.worker import Worker

from shared.errors import StoreUnavailable
from shared.storage.ledger import LEASE, Ending

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Sequence
    from signal import Signals

    from shared.model.jobs import Claim, Record

log = structlog.get_logger()

BATCH = 64  # records per claim
GROUP = 32  # of them begin at a time, and the store writes how they ended while the next ones work …
SENT = 3  # … turns of the loop later: one in which they end, one in which that is collected, one in which it leaves
DISTANCE = 0.002  # seconds between two claims, unless the first one left something
MOMENT = 0.002  # seconds in which more slots may become free: a claim of a few costs as much as one of many
BEAT = 5.0  # seconds between two beats
DRAIN = 25.0  # seconds a stopping worker gives to what it has begun


class Leases(Protocol):
    """The part of the ledger that hands out work."""

    async def claim(
        self, worker: str, limit: int, lease: timedelta = ..., *, alone: bool = ...
    ) -> tuple[list[Claim], float | None]:
        """Lease up to *limit* records; also the seconds until something is due."""

    async def renew(
        self, leases: Sequence[tuple[str, int]], lease: timedelta = ...
    ) -> set[str]:
        """Extend leases; return the ids that are lost."""

    async def settle(self, endings: Sequence[Ending]) -> list[bool]:
        """End leases."""

    async def beat(self, worker: str, facts: dict[str, str | int], lifetime: timedelta) -> None:
        """Say that a worker lives."""

    def wakes(self) -> AsyncIterator[None]:
        """Yield whenever a ticket became ready."""


class Engine(Worker):
    """
    A worker that many can run of, on any number of machines.

    `on_startup` puts into `ctx`: ``ledger`` (`Leases`), ``worker`` (its id) and what the function `carry` needs.
    """

    async def main(self) -> None:
        """Work until told to stop, then drain."""
        if self.on_startup:
            await self.on_startup(self.ctx)
        self.leases: Leases = self.ctx["ledger"]
        self.name: str = self.ctx["worker"]
        self.held: dict[str, tuple[Record, asyncio.Task[Any]]] = {}
        self.nudge = asyncio.Event()
        self.claimed = -DISTANCE  # when that was begun
        log.info("worker.started", worker=self.name, slots=self.max_jobs)
        background = [
            asyncio.create_task(one()) for one in (self._listen, self._renew, self._beat)
        ]
        for task in background:
            task.add_done_callback(self._stop)
        try:
            await self._work()
        finally:
            await self._drain()
            await _cancel(background)
            log.info("worker.stopped", worker=self.name, done=self.jobs_complete)
        for task in background:
            if not task.cancelled():
                await task  # what broke it is what ends us

    async def _work(self) -> None:
        failures = 0
        while self.allow_pick_jobs:
            self.nudge.clear()
            try:
                pause = await self._claim()
                failures = 0
            except StoreUnavailable as error:
                failures += 1
                pause = min(0.1 * 2 ** min(failures, 5), 3.0)
                log.warning("store.unavailable", worker=self.name, error=str(error))
            if self.burst and not self.held and pause != 0:
                return
            await self._rest(pause)

    async def _claim(self) -> float | None:
        """Start what can be claimed; returns how long to rest, None for until nudged."""
        await self._more_room()
        free = self._free()
        if free <= 0:
            return None
        self.claimed = asyncio.get_running_loop().time()
        claims, pause = await self.leases.claim(
            self.name, min(free, BATCH), alone=not self.held
        )
        for number, claim in enumerate(claims):
            if number and number % GROUP == 0:
                await _turns(SENT)
            self._start(claim)
        return pause

    async def _more_room(self) -> None:
        """Where few slots are free, wait for more, but no longer than a moment."""
        wanted = min(GROUP, self.max_jobs // 4)
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(MOMENT):
                while 0 < self._free() < wanted and self.allow_pick_jobs:
                    self.nudge.clear()
                    await self.nudge.wait()

    def _free(self) -> int:
        return self.max_jobs - len(self.held)

    async def _rest(self, pause: float | None) -> None:
        if pause == 0:
            await asyncio.sleep(0)
            return
        # A claim that was given up may still be on its way, and lease after the next one was told of nothing.
        longest = LEASE.total_seconds()
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(longest if pause is None else min(pause, longest)):
                await self.nudge.wait()
        # What comes in the meantime comes along: a claim of one costs the store nearly as much as one of many.
        left = self.claimed + DISTANCE - asyncio.get_running_loop().time()
        if left > 0:
            await asyncio.sleep(left)

    def _start(self, claim: Claim) -> None:
        id = claim.record.id
        if id in self.held:
            self._lose(id)  # it came back to us before we heard that it was lost
        carry = self.functions["carry"].coroutine
        task = asyncio.create_task(carry(self.ctx, claim), name=id)
        self.held[id] = (claim.record, task)
        task.add_done_callback(self._ended)

    def _lose(self, id: str) -> None:
        log.warning("lease.lost", record=id, worker=self.name)
        self.held[id][1].cancel()

    def _ended(self, task: asyncio.Task[Any]) -> None:
        if self.held.get(task.get_name(), (None, None))[1] is task:
            del self.held[task.get_name()]
        self.nudge.set()
        if task.cancelled():
            return
        if error := task.exception():
            # A bug, or the store went away. The lease runs out and the record comes back a counted number of times.
            self.jobs_failed += 1
            log.error("record.broke", record=task.get_name(), exc_info=error)
        else:
            self.jobs_complete += 1

    async def _listen(self) -> None:
        while True:
            try:
                async for _ in self.leases.wakes():
                    self.nudge.set()
            except StoreUnavailable:
                self.nudge.set()
            await asyncio.sleep(0.2)

    async def _renew(self) -> None:
        while True:
            await asyncio.sleep(LEASE.total_seconds() / 3)
            with contextlib.suppress(StoreUnavailable):
                await self._renew_once()

    async def _renew_once(self) -> None:
        held = {record.id: record.epoch for record, _ in self.held.values()}
        for lost in await self.leases.renew(list(held.items())) if held else ():
            if lost in self.held and self.held[lost][0].epoch == held[lost]:
                self._lose(lost)

    async def _beat(self) -> None:
        while True:
            facts: dict[str, str | int] = {
                "slots": self.max_jobs, "busy": len(self.held),
                "done": self.jobs_complete, "broken": self.jobs_failed,
            }  # fmt: skip
            with contextlib.suppress(StoreUnavailable):
                await self.leases.beat(self.name, facts, timedelta(seconds=4 * BEAT))
            await asyncio.sleep(BEAT)

    async def _drain(self) -> None:
        """Finish what has begun; give back what takes too long, without counting an attempt."""
        tasks = [task for _, task in self.held.values()]
        if tasks:
            await asyncio.wait(tasks, timeout=DRAIN)
        left = list(self.held.values())
        await _cancel([task for _, task in left])
        if left:
            with contextlib.suppress(StoreUnavailable):  # then the leases run out
                await self.leases.settle(
                    [Ending(id=r.id, epoch=r.epoch, end="release") for r, _ in left]
                )

    def _stop(self, task: asyncio.Task[None]) -> None:
        """Without its background a worker would look alive and lose every lease, so it drains and ends."""
        if not task.cancelled():
            self.allow_pick_jobs = False
            self.nudge.set()

    def handle_sig(self, signum: Signals) -> None:
        """Stop claiming; `main` drains and returns."""
        log.info("worker.stopping", worker=self.ctx.get("worker", ""), signal=int(signum))
        self.allow_pick_jobs = False
        if hasattr(self, "nudge"):
            self.nudge.set()

    handle_sig_wait_for_completion = handle_sig

    async def close(self) -> None:
        """Let go of what `on_startup` opened."""
        if self.on_shutdown:
            await self.on_shutdown(self.ctx)


async def _turns(count: int) -> None:
    for _ in range(count):
        await asyncio.sleep(0)


async def _cancel(tasks: Sequence[asyncio.Task[Any]]) -> None:
    """
    Cancel until it is heard.

    Before Python 3.12 `asyncio.wait_for`, in which redis-py sends, may swallow a cancellation:
    https://github.com/python/cpython/issues/86296
    """
    running = {task for task in tasks if not task.done()}
    while running:
        for task in running:
            task.cancel()
        _, running = await asyncio.wait(running, timeout=0.2)
