"""Ends retention, a few records and events at a time."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Protocol

import msgspec
import structlog

from shared.errors import StoreUnavailable

if TYPE_CHECKING:
    from shared.model.retention import Retention, Swept

log = structlog.get_logger()

AT_A_TIME = 500  # of each: some milliseconds of the store's time
PAUSE = 5.0  # seconds, in which a few per cent of what may be kept can come
SHORT_PAUSE = 0.1  # while there is more to remove


class Sweeps(Protocol):
    """The part of the ledger, or of the events, that forgets."""

    async def sweep(self, retention: Retention, most: int = ...) -> Swept:
        """What was done; a number that reaches *most* means that there is more."""


async def sweep_for_ever(retention: Retention, *all_that_forget: Sweeps) -> None:
    """Sweep until cancelled; every worker does, the scripts make it safe."""
    while True:
        found = [await _swept(one, retention) for one in all_that_forget]
        await asyncio.sleep(SHORT_PAUSE if max(found) >= AT_A_TIME else PAUSE)


async def _swept(one: Sweeps, retention: Retention) -> int:
    """The largest number of a kind that went; what went before its time is a warning."""
    try:
        swept = await one.sweep(retention, AT_A_TIME)
    except StoreUnavailable:
        return 0
    numbers: dict[str, int] = msgspec.structs.asdict(swept)
    if swept.forgotten or swept.unread:
        log.warning("ledger.dropped", dead=swept.forgotten, events=swept.unread)
    if any(numbers.values()):
        log.info("ledger.swept", **{name: n for name, n in numbers.items() if n})
    return max(numbers.values())
