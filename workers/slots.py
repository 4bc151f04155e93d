"""
Who may use this worker's slots, so that one slow installation does not take them all.

The rule is that of dynamic thresholds in shared buffers (Choudhury and Hahne, 1998): an installation may hold as many
slots as are free. One that hogs gets a half, two get a third each, and there is always room for somebody else. Handlers
that answer quickly give slots back before anybody misses them, so nearly all may be theirs.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import timedelta
from typing import TYPE_CHECKING

from shared.errors import GateClosed

if TYPE_CHECKING:
    from shared.clock import Clock
    from workers.gates import Gatekeeper

QUICK = 0.1  # seconds that a quick handler takes at most
PAUSE = timedelta(seconds=0.5)  # until what found no slot comes again
_RECENT = 0.2  # how much the last call counts in the average
_MOST_QUICK = 0.8  # of all slots


class Slots:
    """Slots in use, by installation."""

    def __init__(self, total: int, gates: Gatekeeper, clock: Clock) -> None:
        """Share *total* slots; what finds none waits behind a gate of *gates*."""
        self._total, self._gates, self._clock = total, gates, clock
        self._held: dict[str, int] = {}
        self._seconds: dict[str, float] = {}  # what a call takes, on average

    @asynccontextmanager
    async def of(self, installation: str) -> AsyncIterator[None]:
        """Hold a slot for the block; raises `GateClosed` when the installation has its share already."""
        held = self._held.get(installation, 0)
        if held and not self._may_have_more(installation, held):
            await self._turn_away(installation, held)
        self._held[installation] = held + 1
        begun = self._clock.monotonic()
        try:
            yield
        finally:
            self._give_back(installation, self._clock.monotonic() - begun)

    def _may_have_more(self, installation: str, held: int) -> bool:
        is_quick = self._seconds.get(installation, QUICK) < QUICK
        free = self._total - sum(self._held.values())
        return held < free or (is_quick and held < _MOST_QUICK * self._total)

    async def _turn_away(self, installation: str, held: int) -> None:
        gate = f"installation:{installation}"
        reason = f"because {held} of its requests are in work on one worker, which has others to serve"
        if self._gates.closed(gate) is None:
            await self._gates.pause(gate, PAUSE, reason)
        raise GateClosed(gate, reason)

    def _give_back(self, installation: str, seconds: float) -> None:
        left = self._held[installation] - 1
        before = self._seconds.get(installation, seconds)
        self._seconds[installation] = before + _RECENT * (seconds - before)
        if left:
            self._held[installation] = left
        else:
            del self._held[installation]
