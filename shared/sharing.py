"""
One read for all who ask the same in one turn of the event loop.

Nothing is remembered: whoever asks later asks the store. A shared read leaves when the turn is over, so it begins after
everything that any of those who share it has seen, and ends before any of them goes on, as a read of their own would.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Hashable
from typing import Any, TypeVar

T = TypeVar("T")


class Sharing:
    """Reads of one kind of thing."""

    def __init__(self) -> None:
        """Nothing is asked yet."""
        self._asked: dict[Hashable, list[asyncio.Future[Any]]] = {}

    async def read(self, key: Hashable, load: Callable[[], Awaitable[T]]) -> T:
        """What *load* returns, or raises, to whoever was first in this turn to ask for *key*."""
        others = self._asked.get(key)
        if others is None:
            return await self._first(key, load)
        answer: asyncio.Future[T] = asyncio.get_running_loop().create_future()
        others.append(answer)
        try:
            return await answer
        except _Abandoned:
            return await self.read(key, load)

    async def _first(self, key: Hashable, load: Callable[[], Awaitable[T]]) -> T:
        if not self._asked:
            asyncio.get_running_loop().call_soon(self._asked.clear)
        others = self._asked[key] = []
        try:
            found = await load()
        except BaseException as error:
            # Whoever was cancelled leaves the others to ask anew.
            told = error if isinstance(error, Exception) else _Abandoned()
            for one in others:
                if not one.done():
                    one.set_exception(told)
            raise
        for one in others:
            if not one.done():
                one.set_result(found)
        return found


class _Abandoned(Exception):
    """Who read for all was cancelled."""
