"""
Group commit: the requests of one moment go to the ledger in one call, and share one fsync.

When more comes than the store takes, what waits here would wait longer and longer, until nobody waits for its answer
any more. So it is known here how many may wait, by what the last calls took; one more is better refused at once.
"""

from __future__ import annotations

import asyncio
import functools
import sys
from collections import deque
from collections.abc import Callable
from typing import TYPE_CHECKING, Protocol

from shared.errors import StoreUnavailable
from shared.model.jobs import Accept, Accepted

if TYPE_CHECKING:
    from collections.abc import Sequence

Outcome = Callable[[Accepted | Exception], None]

MOST = 256  # requests per call
MOST_BYTES = 1 << 20
UNDER_WAY = 2  # calls at a time; the second one only when it cannot be larger, since each costs a write to disk
TURNS = 3  # of the loop, until the next call has left: the store shall work while the last one is answered
PATIENCE = 0.5  # seconds until a request should be on disk
MOST_WAITING = 1024  # whatever the store can do: they take this process's time …
MOST_WAITING_BYTES = 64 << 20  # … and memory
_RECENT = 0.2  # how much the last call counts in the average


class AcceptsMany(Protocol):
    """The part of the ledger that stores requests."""

    async def accept(self, accepts: Sequence[Accept]) -> list[Accepted]:
        """Store all; safe to call again with the same ids."""


class Acceptor:
    """Collects what arrives while calls are under way, and sends it together."""

    def __init__(self, ledger: AcceptsMany, patience: float = PATIENCE) -> None:
        """Store in *ledger*; nobody shall wait who may expect to wait longer than *patience* seconds (0: for ever)."""
        self._ledger, self._patience = ledger, patience
        self._seconds = 0.0  # that a call takes, on average
        self._most = MOST_WAITING if patience else sys.maxsize
        self._most_bytes = MOST_WAITING_BYTES if patience else sys.maxsize
        self._bytes = 0  # of the bodies that wait
        self._waiting: deque[tuple[Accept, Outcome]] = deque()
        self._calls: set[asyncio.Task[None]] = set()
        self._under_way, self._is_leaving = 0, False

    @property
    def is_crowded(self) -> bool:
        """Whether so many wait already that one more would lose patience."""
        return len(self._waiting) >= self._most or self._bytes >= self._most_bytes

    async def accept(self, one: Accept) -> Accepted:
        """Returns when *one* is durable; raises `StoreUnavailable` when that is not known."""
        stored: asyncio.Future[Accepted] = asyncio.get_running_loop().create_future()
        self.submit(one, functools.partial(_settle, stored))
        return await stored

    def submit(self, one: Accept, then: Outcome) -> None:
        """Call *then* when *one* is durable, or with what went wrong; never before this has returned."""
        self._waiting.append((one, then))
        self._bytes += len(one.body)
        self._send()

    def _send(self) -> None:
        """Begin another call where there may be one; it takes what has come until it leaves."""
        is_full = len(self._waiting) >= MOST or self._bytes >= MOST_BYTES
        if self._is_leaving or self._under_way >= (UNDER_WAY if is_full else 1):
            return
        self._is_leaving = True
        self._under_way += 1
        call = asyncio.create_task(self._carry())
        self._calls.add(call)
        call.add_done_callback(self._calls.discard)

    async def _carry(self) -> None:
        self._is_leaving, batch = False, self._batch()
        if self._waiting:
            self._send()  # more than one call takes
        outcomes = await self._outcomes(batch)
        self._under_way -= 1
        if self._waiting:
            self._send()
            for _ in range(TURNS):
                await asyncio.sleep(0)
        for then, outcome in outcomes:
            try:
                then(outcome)
            except Exception as error:  # noqa: BLE001 - a bug there must not keep the others waiting
                _report(error)

    def _learn(self, seconds: float) -> None:
        """
        A call took so long; who waits needs one of their own, and those of all who came before.

        One call's worth may always wait, so that the store has something to do.
        """
        self._seconds += _RECENT * (seconds - self._seconds)
        if self._patience and self._seconds:
            in_time = max(1.0, (self._patience / self._seconds - 1) * UNDER_WAY)
            self._most = min(MOST_WAITING, int(in_time * MOST))
            self._most_bytes = min(MOST_WAITING_BYTES, int(in_time * MOST_BYTES))

    async def _outcomes(
        self, batch: list[tuple[Accept, Outcome]]
    ) -> list[tuple[Outcome, Accepted | Exception]]:
        waiting = [then for _, then in batch]
        now = asyncio.get_running_loop().time
        began = now()
        try:
            stored = await self._stored([one for one, _ in batch])
            return list(zip(waiting, stored, strict=True))
        except Exception as error:  # noqa: BLE001 - handed to everyone who waits for it
            return [(then, error) for then in waiting]
        finally:
            self._learn(now() - began)

    async def _stored(self, accepts: list[Accept]) -> list[Accepted]:
        """Once more after an unknown outcome: the script knows its own ids."""
        try:
            return await self._ledger.accept(accepts)
        except StoreUnavailable:
            return await self._ledger.accept(accepts)

    def _batch(self) -> list[tuple[Accept, Outcome]]:
        batch: list[tuple[Accept, Outcome]] = []
        size = 0
        while self._waiting and len(batch) < MOST and size < MOST_BYTES:
            batch.append(self._waiting.popleft())
            size += len(batch[-1][0].body)
        self._bytes -= size
        return batch


def _settle(stored: asyncio.Future[Accepted], outcome: Accepted | Exception) -> None:
    if stored.done():
        return  # its caller went away
    if isinstance(outcome, Exception):
        stored.set_exception(outcome)
    else:
        stored.set_result(outcome)


def _report(error: Exception) -> None:
    loop = asyncio.get_running_loop()
    loop.call_exception_handler(
        {"message": "an accepted request was not answered", "exception": error}
    )
