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
from typing import TYPE_CHECKING, Any, NoReturn, Protocol

import structlog
from arq.worker import Worker

from shared.errors import StoreUnavailable
from shared.programs import cancelled
from shared.storage.ledger import LEASE, MOST_CRASHES, Ending
from workers.claiming import GROUP, Claiming
from workers.inhand import InHand

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from signal import Signals

    from shared.model.jobs import Claim

log = structlog.get_logger()

SENT = 3  # turns of the loop between two groups: they end in one, that is collected in one, and leaves in one
BEAT = 5.0  # seconds between two beats
DRAIN = 25.0  # seconds a stopping worker gives to what it has begun


class Leases(Protocol):
    """The part of the ledger that hands out work."""

    async def claim(
        self, worker: str, limit: int, lease: timedelta = ..., *, alone: bool = ...
    ) -> tuple[list[Claim], float | None]:
        """Lease up to *limit* records; also the seconds until something is due."""

    async def give_back(self, worker: str, but: Sequence[str]) -> int:
        """Let go of all leases *but* these; returns how many that were."""

    async def renew(
        self, leases: Sequence[tuple[str, int]], lease: timedelta = ...
    ) -> set[str]:
        """Extend leases; return the ids that are lost."""

    async def settle(self, endings: Sequence[Ending]) -> list[bool]:
        """End leases."""

    async def beat(self, worker: str, facts: dict[str, str | int], lifetime: timedelta) -> None:
        """Say that a worker lives."""

    async def wakes(self, wake: Callable[[], None]) -> NoReturn:
        """Call *wake* whenever a ticket became ready."""


class Engine(Worker):
    """
    A worker that many can run of, on any number of machines.

    `on_startup` puts into `ctx`: ``ledger`` (`Leases`), ``worker`` (its id), ``settler`` and ``gates``, which tell when
    it is time to claim, and what the function `carry` needs.
    """

    async def main(self) -> None:
        """Work until told to stop, then drain."""
        if self.on_startup:
            await self.on_startup(self.ctx)
        self._prepare()
        log.info("worker.started", worker=self.name, slots=self.max_jobs)
        background = [
            asyncio.create_task(one()) for one in (self._listen, self._renew, self._beat)
        ]
        for task in background:
            task.add_done_callback(self._stop)
        try:
            await self._work()
        finally:
            self.allow_pick_jobs = False  # nobody would end what is claimed from now on
            await self._drain()
            await cancelled(background)
            log.info("worker.stopped", worker=self.name, done=self.jobs_complete)
        if self.fault:
            raise self.fault

    def _prepare(self) -> None:
        self.leases: Leases = self.ctx["ledger"]
        self.name: str = self.ctx["worker"]
        self.hand = InHand(self.name)
        self.claims: set[asyncio.Task[None]] = set()
        self.is_unheard = False  # a claim may have leased what we never heard of
        self.claiming = Claiming(self.max_jobs)
        self.nudge = asyncio.Event()
        self.fault: BaseException | None = None
        if settler := self.ctx.get("settler"):
            settler.before = self._decided
        if gates := self.ctx.get("gates"):
            gates.called_up = self._wake

    async def _work(self) -> None:
        while self.allow_pick_jobs:
            self.nudge.clear()
            wait = self._wait()
            if wait == 0:
                self._begin()
            elif self.burst and not self.hand.held and self.claiming.is_idle():
                return
            else:
                with contextlib.suppress(TimeoutError):
                    async with asyncio.timeout(wait):
                        await self.nudge.wait()

    def _wait(self) -> float | None:
        now = asyncio.get_running_loop().time()
        return self.claiming.wait(now, self.hand.working, self.hand.held)

    def _begin(self) -> None:
        now = asyncio.get_running_loop().time()
        alone = self.claiming.is_alone(self.hand.held)
        limit = self.claiming.begin(now, self.hand.working, self.hand.held)
        claim = asyncio.create_task(self._claim(limit, alone=alone))
        self.claims.add(claim)
        claim.add_done_callback(self._claimed)

    async def _claim(self, limit: int, *, alone: bool) -> None:
        """Start what can be claimed."""
        now = asyncio.get_running_loop().time
        try:
            await self._catch_up()
            claims, pause = await self.leases.claim(self.name, limit, alone=alone)
        except StoreUnavailable as error:
            self.is_unheard = True
            self.claiming.failed(limit, now())
            log.warning("store.unavailable", worker=self.name, error=str(error))
            return
        self.claiming.answered(limit, len(claims), pause, now(), alone=alone)
        if any(one.record.crashes >= MOST_CRASHES - 1 for one in claims):
            self.claiming.put_off()
        self.nudge.set()
        for number, claim in enumerate(claims):
            if number and number % GROUP == 0:
                await _turns(SENT)
            self._start(claim)

    async def _catch_up(self) -> None:
        """
        Keep what is in hand, also where its lease ran out while the store was away, and nothing we never heard of.

        What a lost answer told of begins at once then; by the end of its lease it would count as a crash.
        """
        if self.is_unheard:
            await self._renew_once()
        if self.is_unheard and len(self.claims) == 1:  # else others may be on their way to us
            self.is_unheard = False  # until the store is away again
            await self.leases.give_back(self.name, list(self.hand.leases()))

    def _claimed(self, claim: asyncio.Task[None]) -> None:
        self.claims.discard(claim)
        self.nudge.set()
        if not claim.cancelled() and claim.exception():
            self._stop(claim)

    def _decided(self, endings: Sequence[Ending]) -> None:
        """How these end is about to be written: their slots are free, and the next claim leaves together with it."""
        self.hand.decided(endings)
        if any(one.end == "wait" for one in endings):
            self.claiming.wake()  # the next claim tells when they, or their gates, are due
        self._maybe_begin()

    def _start(self, claim: Claim) -> None:
        carry = self.functions["carry"].coroutine
        task = asyncio.create_task(carry(self.ctx, claim), name=claim.record.id)
        self.hand.take(claim.record, task)
        self.claiming.started()
        task.add_done_callback(self._ended)

    def _ended(self, task: asyncio.Task[Any]) -> None:
        self.hand.ended(task)
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
                await self.leases.wakes(self._wake)
            except StoreUnavailable:
                await asyncio.sleep(0.2)

    def _wake(self) -> None:
        self.claiming.wake()
        self._maybe_begin()

    def _maybe_begin(self) -> None:
        """Claim at once where it is time, else see to it that it is looked at again."""
        if self.allow_pick_jobs and self._wait() == 0:
            self._begin()
        else:
            self.nudge.set()

    async def _renew(self) -> None:
        while True:
            await asyncio.sleep(LEASE.total_seconds() / 3)
            with contextlib.suppress(StoreUnavailable):
                await self._renew_once()

    async def _renew_once(self) -> None:
        if held := self.hand.leases():
            self.hand.lost(await self.leases.renew(list(held.items())), held)

    async def _beat(self) -> None:
        while True:
            facts: dict[str, str | int] = {
                "slots": self.max_jobs, "busy": self.hand.working,
                "done": self.jobs_complete, "broken": self.jobs_failed,
            }  # fmt: skip
            with contextlib.suppress(StoreUnavailable):
                await self.leases.beat(self.name, facts, timedelta(seconds=4 * BEAT))
            await asyncio.sleep(BEAT)

    async def _drain(self) -> None:
        """Finish what has begun; give back what takes too long, without counting an attempt."""
        if self.claims:
            await asyncio.wait(self.claims)
        if left := await self.hand.finish(DRAIN):
            with contextlib.suppress(StoreUnavailable):  # then the leases run out
                await self.leases.settle(
                    [Ending(id=one.id, epoch=one.epoch, end="release") for one in left]
                )

    def _stop(self, task: asyncio.Task[None]) -> None:
        """Without its background a worker would look alive and lose every lease. It drains; what broke it ends it."""
        if not task.cancelled():
            self.fault = self.fault or task.exception()
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
