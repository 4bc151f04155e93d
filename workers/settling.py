"""Group commit: the endings of one moment go to the ledger in one call."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Protocol

from shared.errors import StoreUnavailable

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from shared.storage.ledger import Ending

MOST = 200  # endings per call
UNDER_WAY = 2  # calls at a time: one is written while the next one is collected
PAUSES = (
    0.1,
    0.2,
    0.4,
    0.8,
    1.6,
    3.2,
)  # seconds between tries while the store is away; a lease lives longer


class SettlesMany(Protocol):
    """The part of the ledger that ends leases."""

    async def settle(self, endings: Sequence[Ending]) -> list[bool]:
        """End leases; False where one was lost."""


def _tell_nobody(_: Sequence[Ending]) -> None:
    """Nobody wants to know."""


class Settler:
    """Collects endings while one call is under way, and sends them together."""

    def __init__(self, ledger: SettlesMany) -> None:
        """End leases in *ledger*."""
        self._ledger = ledger
        self.before: Callable[[Sequence[Ending]], None] = _tell_nobody  # they are written
        self._waiting: list[tuple[Ending, asyncio.Future[bool]]] = []
        self._senders: set[asyncio.Task[None]] = set()
        self._under_way = (
            0  # a sender that is at its end may be among the senders for one more turn
        )

    async def settle(self, ending: Ending) -> bool:
        """True when the ending is written; False when the lease was lost. Raises what the store raised."""
        written: asyncio.Future[bool] = asyncio.get_running_loop().create_future()
        self._waiting.append((ending, written))
        if self._under_way < UNDER_WAY:
            self._under_way += 1
            sender = asyncio.create_task(self._send())
            self._senders.add(sender)
            sender.add_done_callback(self._senders.discard)
        return await written

    async def _send(self) -> None:
        while self._waiting:
            batch, self._waiting = self._waiting[:MOST], self._waiting[MOST:]
            self.before([ending for ending, _ in batch])
            await self._commit(batch)
        self._under_way -= 1

    async def _settled(self, endings: list[Ending]) -> list[bool]:
        """Through a short absence of the store: repeating is safe, and what is done need not be done again."""
        for pause in PAUSES:
            try:
                return await self._ledger.settle(endings)
            except StoreUnavailable:
                await asyncio.sleep(pause)
        return await self._ledger.settle(endings)

    async def _commit(self, batch: list[tuple[Ending, asyncio.Future[bool]]]) -> None:
        try:
            results = await self._settled([ending for ending, _ in batch])
        except Exception as error:  # noqa: BLE001 - handed to everyone who waits for it
            for _, written in batch:
                if not written.done():
                    written.set_exception(error)
            return
        for (_, written), result in zip(batch, results, strict=True):
            if not written.done():
                written.set_result(result)
