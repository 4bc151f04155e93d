"""How full the store is: before it is so full that workers could not finish, the door takes nothing new."""

from __future__ import annotations

import asyncio
import contextlib
from typing import TYPE_CHECKING

import structlog

from shared.errors import StoreUnavailable

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Mapping
    from typing import Any

log = structlog.get_logger()

PAUSE = 1.0  # seconds between two looks
FULL = 0.9  # of its maxmemory; the rest is for finishing


class Pressure:
    """One look a second, so that a request costs nothing."""

    def __init__(self, memory: Callable[[], Awaitable[Mapping[str, Any]]]) -> None:
        """*memory* tells `used_memory` and `maxmemory` in bytes (0: no bound); so far nothing is refused."""
        self._memory, self.is_full = memory, False

    async def follow(self) -> None:
        """Look until cancelled; a store that does not answer is noticed by accepting itself."""
        while True:
            with contextlib.suppress(StoreUnavailable):
                await self.look()
            await asyncio.sleep(PAUSE)

    async def look(self) -> None:
        """Learn how full the store is."""
        facts = await self._memory()
        used, most = int(facts.get("used_memory", 0)), int(facts.get("maxmemory", 0))
        is_full = most > 0 and used >= FULL * most
        if is_full != self.is_full:
            log.warning("store.pressure", full=is_full, used=used, maxmemory=most)
        self.is_full = is_full
