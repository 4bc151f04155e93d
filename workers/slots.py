"""
Who may use this worker's slots, so that one slow installation does not take them all.

The rule is that of dynamic thresholds in shared buffers (Choudhury and Hahne, 1998): an installation may hold as many
slots as are free. One that hogs gets a half, two get a third each, and there is always room for somebody else. Handlers
that answer quickly give slots back before anybody misses them, so nearly all may be theirs.

What finds no slot waits behind a gate, and comes back as slots are given back: as many as there is room for, since more
would only be claimed to be put back.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from math import ceil
from typing import TYPE_CHECKING

from shared.breakers import Recent
from shared.errors import GateClosed

if TYPE_CHECKING:
    from shared.clock import Clock
    from workers.gates import Gatekeeper

PAUSE = 1.0  # seconds between two looks at what waits elsewhere
QUICK = 0.1  # seconds that a quick handler takes at most
_KIND = "installation:"  # of the gates
_RECENT = 0.2  # how much the last call counts in the average
_MOST_QUICK = 0.8  # of all slots
_ARRIVES = 0.5  # seconds within which a record that was called up comes, or another worker has taken it


class _Pace:
    """How quick the calls of an installation are, and when records were called up that have not come yet."""

    def __init__(self) -> None:
        self.seconds: float | None = None  # on average
        self.called: deque[float] = deque()

    def note(self, seconds: float) -> None:
        before = seconds if self.seconds is None else self.seconds
        self.seconds = before + _RECENT * (seconds - before)

    def coming(self, now: float) -> int:
        while self.called and self.called[0] <= now - _ARRIVES:
            self.called.popleft()
        return len(self.called)


class Slots:
    """Slots in use, by installation."""

    def __init__(self, total: int, gates: Gatekeeper, clock: Clock) -> None:
        """Share *total* slots; what finds none waits behind a gate of *gates*."""
        self._total, self._gates, self._clock = total, gates, clock
        self._held: dict[str, int] = {}
        self._paces = Recent(_Pace)
        self._turning = asyncio.Lock()

    @asynccontextmanager
    async def of(self, installation: str) -> AsyncIterator[None]:
        """Hold a slot for the block; raises `GateClosed` when the installation has its share already."""
        begun = self._clock.monotonic()
        called = self._paces.of(installation, begun).called
        if called:
            called.popleft()
        held = self._held.get(installation, 0)
        if held and self._room(installation, begun) <= 0:
            await self._turn_away(installation, held)
        self._held[installation] = held + 1
        try:
            yield
        finally:
            now = self._clock.monotonic()
            self._give_back(installation, now - begun, now)
            await self._call_up(installation, now)

    def _room(self, installation: str, now: float) -> int:
        """How many more it may hold: until it holds as many as are free, or nearly all while it is quick."""
        held, free = self._held.get(installation, 0), self._total - sum(self._held.values())
        fair = (free - held + 1) // 2
        average = self._paces.of(installation, now).seconds
        is_quick = average is not None and average < QUICK
        return max(fair, ceil(_MOST_QUICK * self._total) - held if is_quick else 0)

    async def _turn_away(self, installation: str, held: int) -> None:
        gate = _KIND + installation
        reason = f"because {held} of its requests are in work on one worker, which has others to serve"
        async with self._turning:  # who comes second must find the gate in the store
            await self._gates.line_up(gate, reason)
        raise GateClosed(gate, reason)

    def _give_back(self, installation: str, seconds: float, now: float) -> None:
        self._paces.of(installation, now).note(seconds)
        left = self._held[installation] - 1
        if left:
            self._held[installation] = left
        else:
            del self._held[installation]

    async def _call_up(self, installation: str, now: float) -> None:
        """Let those come for whom there is room now, where any wait."""
        gate = _KIND + installation
        if gate not in self._gates.lined_up():
            return
        pace = self._paces.of(installation, now)
        many = self._room(installation, now) - pace.coming(now)
        if many > 0:
            pace.called.extend([now] * many)
            await self._gates.call_up(gate, many)

    async def follow(self) -> None:
        """Take part in what other workers have no slots for, until cancelled."""
        while True:
            await asyncio.sleep(PAUSE)
            await self.take_part()

    async def take_part(self) -> None:
        """Call up one of each installation that waits and holds nothing here; when that one ends, others follow it."""
        for gate in tuple(self._gates.lined_up()):
            if gate.removeprefix(_KIND) not in self._held:
                await self._gates.call_up(gate, 1, for_anybody=True)
