"""Group commit: the requests of one moment go to the ledger in one call, and share one fsync."""

from __future__ import annotations

import asyncio
from collections import deque
from typing import TYPE_CHECKING, Protocol

from shared.errors import StoreUnavailable

if TYPE_CHECKING:
    from collections.abc import Sequence

    from shared.model.jobs import Accept, Accepted

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
        self._waiting: deque[tuple[Accept, asyncio.Future[Accepted]]] = deque()
        self._senders: set[asyncio.Task[None]] = set()

    async def accept(self, one: Accept) -> Accepted:
        """Returns when *one* is durable; raises `StoreUnavailable` when that is not known."""
        stored: asyncio.Future[Accepted] = asyncio.get_running_loop().create_future()
        self._waiting.append((one, stored))
        if len(self._senders) < UNDER_WAY:
            sender = asyncio.create_task(self._send())
            self._senders.add(sender)
            sender.add_done_callback(self._senders.discard)
        return await stored

    async def _send(self) -> None:
        while batch := self._batch():
            try:
                for (_, stored), result in zip(batch, await self._stored(batch), strict=True):
                    if not stored.done():
                        stored.set_result(result)
            except Exception as error:  # noqa: BLE001 - handed to everyone who waits for it
                _fail(batch, error)

    async def _stored(
        self, batch: list[tuple[Accept, asyncio.Future[Accepted]]]
    ) -> list[Accepted]:
        """Once more after an unknown outcome: the script knows its own ids."""
        accepts = [one for one, _ in batch]
        try:
            return await self._ledger.accept(accepts)
        except StoreUnavailable:
            return await self._ledger.accept(accepts)

    def _batch(self) -> list[tuple[Accept, asyncio.Future[Accepted]]]:
        batch: list[tuple[Accept, asyncio.Future[Accepted]]] = []
        size = 0
        while self._waiting and len(batch) < MOST and size < MOST_BYTES:
            batch.append(self._waiting.popleft())
            size += len(batch[-1][0].body)
        return batch


def _fail(batch: list[tuple[Accept, asyncio.Future[Accepted]]], error: Exception) -> None:
    for _, stored in batch:
        if not stored.done():
            stored.set_exception(error)
