"""Doors, remembered for a moment: a webhook costs no look-up while its door is known."""

from __future__ import annotations

import asyncio
from collections import OrderedDict
from typing import TYPE_CHECKING, Generic, Protocol, TypeVar

from shared.errors import StoreUnavailable

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from shared.clock import Clock
    from shared.model.requests import Door

KNOWN, UNKNOWN, MOST = 2.0, 1.0, 10_000  # seconds, seconds, entries
SOON = 1.0  # seconds before the end at which it is asked for again

T = TypeVar("T")
Known = tuple[T | None] | tuple[()]


class Published(Protocol):
    """Where doors are published."""

    async def door(self, name: str) -> Door | None:
        """The door of an integration."""

    async def hook(self, webhook_id: str) -> str | None:
        """The integration of an installation."""


class Doors:
    """Doors as they were at most two seconds ago."""

    def __init__(self, published: Published, clock: Clock) -> None:
        """Ask *published* for what is not remembered."""
        self._doors = _Memory(published.door, clock)
        self._hooks = _Memory(published.hook, clock)

    async def door(self, name: str) -> Door | None:
        """The door of an integration, or None."""
        return await self._doors.get(name)

    async def hook(self, webhook_id: str) -> str | None:
        """The name of the integration that an installation's webhookId belongs to, or None."""
        return await self._hooks.get(webhook_id.lower())

    def known_door(self, name: str) -> Known[Door]:
        """The door, or None, where that is remembered; nothing where somebody has to ask."""
        return self._doors.known(name)

    def known_hook(self, webhook_id: str) -> Known[str]:
        """The name of the installation's integration, in the same way."""
        return self._hooks.known(webhook_id.lower())


class _Memory(Generic[T]):
    def __init__(self, ask: Callable[[str], Awaitable[T | None]], clock: Clock) -> None:
        self._ask, self._clock = ask, clock
        self._held: OrderedDict[str, tuple[float, tuple[T | None]]] = OrderedDict()
        self._asking: dict[str, asyncio.Task[None]] = {}

    def known(self, name: str) -> Known[T]:
        held = self._held.get(name)
        left = held[0] - self._clock.monotonic() if held is not None else 0.0
        if held is None or left <= 0:
            return ()
        if left < SOON and held[1][0] is not None and name not in self._asking:
            self._asking[name] = asyncio.create_task(self._ask_again(name))
        return held[1]

    async def get(self, name: str) -> T | None:
        known = self.known(name)
        return known[0] if known else await self._learn(name)

    async def _ask_again(self, name: str) -> None:
        """What is asked for all the time is known all the time; whoever needs it when it is not is told why."""
        try:
            await self._learn(name)
        except StoreUnavailable:
            pass
        finally:
            del self._asking[name]

    async def _learn(self, name: str) -> T | None:
        asked = self._clock.monotonic()
        found = await self._ask(name)
        self._held[name] = (asked + (KNOWN if found is not None else UNKNOWN), (found,))
        self._held.move_to_end(name)
        if len(self._held) > MOST:
            self._held.popitem(last=False)
        return found
