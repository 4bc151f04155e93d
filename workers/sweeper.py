"""Ends retention, a few records at a time."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Protocol

import structlog

from shared.errors import StoreUnavailable

if TYPE_CHECKING:
    from shared.model.retention import Retention

log = structlog.get_logger()

AT_A_TIME = 500  # records: some milliseconds of the store's time
PAUSE = 5.0  # seconds, in which a few per cent of what may be kept can come
SHORT_PAUSE = 0.1  # while there is more to remove


class Sweeps(Protocol):
    """The part of the ledger that forgets."""

    async def sweep(self, retention: Retention, most: int = ...) -> tuple[int, int]:
        """Returns how many were removed, and how many parked ones are dead now."""


async def sweep_for_ever(ledger: Sweeps, retention: Retention) -> None:
    """Sweep until cancelled; every worker does, the script makes it safe."""
    while True:
        try:
            removed, unmatched = await ledger.sweep(retention, AT_A_TIME)
        except StoreUnavailable:
            removed = unmatched = 0
        if removed or unmatched:
            log.info("ledger.swept", removed=removed, unmatched=unmatched)
        await asyncio.sleep(PAUSE if max(removed, unmatched) < AT_A_TIME else SHORT_PAUSE)
