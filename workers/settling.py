"""The endings of one moment go to the ledger in one call, through a short absence of the store."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Protocol

from shared.errors import StoreUnavailable
from shared.group_commit import GroupCommit

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from shared.storage.ledger import Ending

MOST = 200  # endings per call
# Seconds between tries while the store is away; a lease lives longer.
PAUSES = (0.1, 0.2, 0.4, 0.8, 1.6, 3.2)


class SettlesMany(Protocol):
    """The part of the ledger that ends leases."""

    async def settle(self, endings: Sequence[Ending]) -> list[bool]:
        """End leases; False where one was lost."""


def _tell_nobody(_: Sequence[Ending]) -> None:
    """Nobody wants to know."""


class Settler:
    """Ends leases in groups; tells `before` what is about to be written."""

    def __init__(self, ledger: SettlesMany) -> None:
        """End leases in *ledger*."""
        self._ledger = ledger
        self.before: Callable[[Sequence[Ending]], None] = _tell_nobody
        self._group = GroupCommit(self._write, MOST)

    async def settle(self, ending: Ending) -> bool:
        """True when the ending is written; False when the lease was lost. Raises what the store raised."""
        return await self._group.commit(ending)

    async def _write(self, endings: list[Ending]) -> list[bool]:
        """Repeating is safe, and what is done need not be done again; it is told each time, for the claim behind it."""
        for pause in PAUSES:
            self.before(endings)
            try:
                return await self._ledger.settle(endings)
            except StoreUnavailable:
                await asyncio.sleep(pause)
        self.before(endings)
        return await self._ledger.settle(endings)
