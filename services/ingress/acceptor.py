"""Group commit: the requests of one moment go to the ledger in one call, and share one fsync."""

from __future__ import annotations

import asyncio
import functools
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
UNDER_WAY = 2  # calls at a time


class AcceptsMany(Protocol):
    """The part of the ledger that stores requests."""

    async def accept(self, accepts: Sequence[Accept]) -> list[Accepted]:
        """Store all; safe to call again with the same ids."""


class Acceptor:
    """Collects what arrives while calls are under way, and sends it together."""

    def __init__(self, ledger: AcceptsMany) -> None:
        """Store in *ledger*."""
        self._ledger = ledger
        self._waiting: deque[tuple[Accept, Outcome]] = deque()
        self._senders: set[asyncio.Task[None]] = set()
        self._under_way = 0

    async def accept(self, one: Accept) -> Accepted:
        """Returns when *one* is durable; raises `StoreUnavailable` when that is not known."""
        stored: asyncio.Future[Accepted] = asyncio.get_running_loop().create_future()
        self.submit(one, functools.partial(_settle, stored))
        return await stored

    def submit(self, one: Accept, then: Outcome) -> None:
        """Call *then* when *one* is durable, or with what went wrong; never before this has returned."""
        self._waiting.append((one, then))
        if self._under_way < UNDER_WAY:
            self._under_way += 1
            sender = asyncio.create_task(self._send())
            self._senders.add(sender)
            sender.add_done_callback(self._senders.discard)

    async def _send(self) -> None:
        while batch := self._batch():
            for then, outcome in await self._outcomes(batch):
                try:
                    then(outcome)
                except Exception as error:  # noqa: BLE001 - a bug there must not keep the others waiting
                    _report(error)
        self._under_way -= (
            1  # at once: whoever comes from now on finds nobody who would take it along
        )

    async def _outcomes(
        self, batch: list[tuple[Accept, Outcome]]
    ) -> list[tuple[Outcome, Accepted | Exception]]:
        waiting = [then for _, then in batch]
        try:
            stored = await self._stored([one for one, _ in batch])
            return list(zip(waiting, stored, strict=True))
        except Exception as error:  # noqa: BLE001 - handed to everyone who waits for it
            return [(then, error) for then in waiting]

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
