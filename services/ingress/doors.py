"""Doors, remembered for a moment: a webhook costs no look-up while its door is known."""

from __future__ import annotations

from collections import OrderedDict
from typing import TYPE_CHECKING, Generic, Protocol, TypeVar

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from shared.clock import Clock
    from shared.model.requests import Door

KNOWN, UNKNOWN, MOST = 2.0, 1.0, 10_000  # seconds, seconds, entries

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

    def known(self, name: str) -> Known[T]:
        held = self._held.get(name)
        return held[1] if held is not None and held[0] > self._clock.monotonic() else ()

    async def get(self, name: str) -> T | None:
        if known := self.known(name):
            return known[0]
        found = await self._ask(name)
        until = self._clock.monotonic() + (KNOWN if found is not None else UNKNOWN)
        self._held[name] = (until, (found,))
        self._held.move_to_end(name)
        if len(self._held) > MOST:
            self._held.popitem(last=False)
        return found
