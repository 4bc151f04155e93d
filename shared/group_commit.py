"""
Group commit: what comes while a call is under way goes together in the next one, and shares its write to disk.

Nothing that comes is left behind, also in the moment in which the last call comes back: whoever finds that none is
about to leave begins one.
"""

from __future__ import annotations

import asyncio
import functools
import sys
from collections import deque
from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, Generic, TypeVar

if TYPE_CHECKING:
    from collections.abc import Sequence

Item = TypeVar("Item")
Result = TypeVar("Result")

UNDER_WAY = 2  # calls at a time; the second one carries as many as the first, or waits until there are so many
TURNS = 3  # of the loop, until the next call has left: the store shall work while the last one is answered


class GroupCommit(Generic[Item, Result]):
    """Collects items, and writes them together."""

    def __init__(
        self,
        write: Callable[[list[Item]], Awaitable[list[Result]]],
        most: int,
        *,
        most_bytes: int = sys.maxsize,
        size: Callable[[Item], int] | None = None,
    ) -> None:
        """*write* takes *most* items, and no more from *most_bytes* on by *size*; it returns one result for each."""
        self._write, self._most, self._most_bytes, self._size = write, most, most_bytes, size
        self._waiting: deque[tuple[Item, Callable[[Result | Exception], None]]] = deque()
        self._calls: set[asyncio.Task[None]] = set()
        self._under_way, self._is_leaving = 0, False
        self._carried = 0  # by the last call
        self.bytes = 0  # of what waits

    def __len__(self) -> int:
        """How many wait for a call."""
        return len(self._waiting)

    async def commit(self, item: Item) -> Result:
        """Returns when *item* is written; raises what *write* raised."""
        written: asyncio.Future[Result] = asyncio.get_running_loop().create_future()
        self.submit(item, functools.partial(_settle, written))
        return await written

    def submit(self, item: Item, then: Callable[[Result | Exception], None]) -> None:
        """Call *then* when *item* is written, or with what went wrong; never before this has returned."""
        self._waiting.append((item, then))
        if self._size is not None:
            self.bytes += self._size(item)
        self._send()

    def _send(self) -> None:
        """Begin another call where there may be one; it takes what has come until it leaves."""
        if self._is_leaving or self._under_way >= UNDER_WAY:
            return
        is_full = self.bytes >= self._most_bytes
        if self._under_way and len(self._waiting) < self._carried and not is_full:
            return
        self._is_leaving = True
        self._under_way += 1
        call = asyncio.create_task(self._carry())
        self._calls.add(call)
        call.add_done_callback(self._calls.discard)

    async def _carry(self) -> None:
        self._is_leaving, (items, waiting) = False, self._batch()
        self._carried = len(items)
        if self._waiting:
            self._send()  # more than one call takes
        outcomes = await self._outcomes(items)
        self._under_way -= 1
        if self._waiting:
            self._send()
            for _ in range(TURNS):
                await asyncio.sleep(0)
        for then, outcome in zip(waiting, outcomes, strict=True):
            try:
                then(outcome)
            except Exception as error:  # noqa: BLE001 - a bug there must not keep the others waiting
                _report(error)

    async def _outcomes(self, items: list[Item]) -> Sequence[Result | Exception]:
        try:
            results = await self._write(items)
            return [result for result, _ in zip(results, items, strict=True)]
        except Exception as error:  # noqa: BLE001 - handed to everyone who waits for it
            return [error] * len(items)

    def _batch(self) -> tuple[list[Item], list[Callable[[Result | Exception], None]]]:
        items: list[Item] = []
        waiting: list[Callable[[Result | Exception], None]] = []
        size = 0
        while self._waiting and len(items) < self._most and size < self._most_bytes:
            item, then = self._waiting.popleft()
            items.append(item)
            waiting.append(then)
            if self._size is not None:
                size += self._size(item)
        self.bytes -= size
        return items, waiting


def _settle(written: asyncio.Future[Result], outcome: Result | Exception) -> None:
    if written.done():
        return  # its caller went away
    if isinstance(outcome, Exception):
        written.set_exception(outcome)
    else:
        written.set_result(outcome)


def _report(error: Exception) -> None:
    asyncio.get_running_loop().call_exception_handler(
        {"message": "what follows a write broke", "exception": error}
    )
