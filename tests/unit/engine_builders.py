"""A worker's surroundings, made by hand: a ledger that hands out what it is told to, and jobs that end when told."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from datetime import timedelta
from signal import SIGTERM
from typing import Any, NoReturn

from shared.model.jobs import Claim, Record
from shared.storage.ledger import Ending
from workers.engine import Engine
from workers.settling import Settler


def a_claim(id: str = "req_1", epoch: int = 1, **parts: Any) -> Claim:
    """A lease on a webhook."""
    defaults: dict[str, Any] = {"job": "webhook", "state": "leased", "integration": "linear"}
    return Claim(record=Record(id=id, epoch=epoch, **{**defaults, **parts}), body=b"{}")


class FakeLeases:
    """Hands out *ready*, notes everything, and fails as told."""

    def __init__(self, *ready: Claim) -> None:
        self.ready = deque(ready)
        self.limits: list[int] = []
        self.renewed: list[Sequence[tuple[str, int]]] = []
        self.endings: list[Ending] = []
        self.beats: list[dict[str, str | int]] = []
        self.lost: set[str] = set()
        self.failures: deque[Exception] = deque()
        self.failing: dict[str, Exception] = {}  # method: what it raises
        self.due: float | None = None
        self._news = asyncio.Event()

    def put(self, *claims: Claim) -> None:
        self.ready.extend(claims)
        self._news.set()

    async def claim(
        self, worker: str, limit: int, lease: timedelta = timedelta(), *, alone: bool = True
    ) -> tuple[list[Claim], float | None]:
        self.limits.append(limit)
        if self.failures:
            self._news.set()
            raise self.failures.popleft()
        taken = [self.ready.popleft() for _ in range(min(limit, len(self.ready)))]
        pause, self.due = 0 if self.ready else self.due, None
        return taken, pause

    async def give_back(self, worker: str, but: Sequence[str]) -> int:
        return 0

    async def renew(
        self, leases: Sequence[tuple[str, int]], lease: timedelta = timedelta()
    ) -> set[str]:
        self.renewed.append(leases)
        self._maybe_fail("renew")
        return self.lost

    async def settle(self, endings: Sequence[Ending]) -> list[bool]:
        self._maybe_fail("settle")
        self.endings += endings
        return [True] * len(endings)

    async def beat(self, worker: str, facts: dict[str, str | int], lifetime: timedelta) -> None:
        self._maybe_fail("beat")
        self.beats.append({"worker": worker, **facts})

    async def wakes(self, wake: Callable[[], None]) -> NoReturn:
        wake()
        while True:
            await self._news.wait()
            self._news.clear()
            wake()

    def _maybe_fail(self, method: str) -> None:
        if error := self.failing.get(method):
            raise error


class Jobs:
    """Work that goes on until it is told to end."""

    def __init__(self) -> None:
        self.begun: list[tuple[str, int]] = []
        self.running: list[tuple[str, int]] = []
        self.cancelled: list[tuple[str, int]] = []
        self._ends: dict[tuple[str, int], asyncio.Future[None]] = {}
        self._changed = asyncio.Condition()

    async def carry(self, ctx: dict[str, Any], claim: Claim) -> None:
        lease = (claim.record.id, claim.record.epoch)
        self.begun.append(lease)
        self.running.append(lease)
        self._ends[lease] = asyncio.get_running_loop().create_future()
        await self._tell()
        try:
            await self._ends[lease]
        except asyncio.CancelledError:
            self.cancelled.append(lease)
            raise
        finally:
            self.running.remove(lease)
            await self._tell()

    def end(self, id: str, epoch: int = 1, error: Exception | None = None) -> None:
        ends = self._ends[id, epoch]
        if error:
            ends.set_exception(error)
        else:
            ends.set_result(None)

    def end_all(self) -> None:
        for lease in self.running:
            self.end(*lease)

    async def until(self, **wanted: int) -> None:
        """Wait until so many have begun, are running or were cancelled."""
        async with asyncio.timeout(5), self._changed:
            await self._changed.wait_for(
                lambda: all(len(getattr(self, name)) == n for name, n in wanted.items())
            )

    async def _tell(self) -> None:
        async with self._changed:
            self._changed.notify_all()


def an_engine(
    leases: Any,
    carry: Any,
    *,
    settler: Settler | None = None,
    gates: Any = None,
    **options: Any,
) -> Engine:
    """A worker on *leases* that does *carry* with each claim; it hears of what *settler* writes and *gates* call up."""

    async def start(ctx: dict[str, Any]) -> None:
        ctx.update(ledger=leases, worker="w1", settler=settler, gates=gates)

    async def named_carry(ctx: dict[str, Any], claim: Claim) -> None:
        await carry(ctx, claim)

    named_carry.__qualname__ = "carry"
    return Engine([named_carry], on_startup=start, handle_signals=False, **options)


@asynccontextmanager
async def working(engine: Engine) -> AsyncIterator[asyncio.Task[None]]:
    """The engine at work; stopped and drained behind the block."""
    task = asyncio.create_task(engine.main())
    try:
        yield task
    finally:
        engine.handle_sig(SIGTERM)
        async with asyncio.timeout(10):
            await asyncio.wait([task])
