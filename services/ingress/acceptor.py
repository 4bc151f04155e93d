"""
Accepts go to the ledger together, and as many may wait as it takes in time.

When more comes than the store takes, what waits here would wait longer and longer, until nobody waits for its answer
any more. So it is known here how many may wait, by what the last calls took; one more is better refused at once.
"""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Callable
from typing import TYPE_CHECKING, Protocol

from shared.errors import StoreUnavailable
from shared.group_commit import UNDER_WAY, GroupCommit
from shared.model.jobs import Accept, Accepted

if TYPE_CHECKING:
    from collections.abc import Sequence

Outcome = Callable[[Accepted | Exception], None]

MOST = 256  # requests per call
MOST_BYTES = 1 << 20
PATIENCE = 0.5  # seconds until a request should be on disk
MOST_WAITING = 1024  # whatever the store can do: they take this process's time …
MOST_WAITING_BYTES = 64 << 20  # … and memory
_RECENT = 0.2  # how much the last call counts in the average


class AcceptsMany(Protocol):
    """The part of the ledger that stores requests."""

    async def accept(self, accepts: Sequence[Accept]) -> list[Accepted]:
        """Store all; safe to call again with the same ids."""


class Acceptor:
    """Stores requests in groups, and knows when it is crowded."""

    def __init__(self, ledger: AcceptsMany, patience: float = PATIENCE) -> None:
        """Store in *ledger*; nobody shall wait who may expect to wait longer than *patience* seconds (0: for ever)."""
        self._ledger, self._patience = ledger, patience
        self._seconds = 0.0  # that a call takes, on average
        self._most = MOST_WAITING if patience else sys.maxsize
        self._most_bytes = MOST_WAITING_BYTES if patience else sys.maxsize
        self._group = GroupCommit(self._write, MOST, most_bytes=MOST_BYTES, size=_bytes_of)

    async def accept(self, one: Accept) -> Accepted:
        """Returns when *one* is durable; raises `StoreUnavailable` when that is not known."""
        return await self._group.commit(one)

    def submit(self, one: Accept, then: Outcome) -> None:
        """Call *then* when *one* is durable, or with what went wrong; never before this has returned."""
        self._group.submit(one, then)

    @property
    def is_crowded(self) -> bool:
        """Whether so many wait already that one more would lose patience."""
        return len(self._group) >= self._most or self._group.bytes >= self._most_bytes

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

    async def _write(self, accepts: list[Accept]) -> list[Accepted]:
        """Once more after an unknown outcome: the script knows its own ids."""
        now = asyncio.get_running_loop().time
        began = now()
        try:
            return await self._ledger.accept(accepts)
        except StoreUnavailable:
            return await self._ledger.accept(accepts)
        finally:
            self._learn(now() - began)


def _bytes_of(one: Accept) -> int:
    return len(one.body)
