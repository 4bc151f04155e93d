"""Ends retention, a few records at a time."""

from __future__ import annotations

import asyncio
from datetime import timedelta
from typing import TYPE_CHECKING, Protocol

import structlog

from shared.errors import StoreUnavailable

if TYPE_CHECKING:
    from collections.abc import Mapping

log = structlog.get_logger()

RETENTION: Mapping[str, timedelta] = {
    "done": timedelta(hours=24),
    "ignored": timedelta(hours=24),
    "dead": timedelta(days=30),
    "parked": timedelta(days=7),
}
PAUSE = 30.0  # seconds


class Sweeps(Protocol):
    """The part of the ledger that forgets."""

    async def sweep(
        self, retention: Mapping[str, timedelta], most: int = ...
    ) -> tuple[int, int]:
        """Returns how many were removed, and how many parked ones are dead now."""


async def sweep_for_ever(ledger: Sweeps) -> None:
    """Sweep until cancelled; every worker does, the script makes it safe."""
    while True:
        try:
            removed, unmatched = await ledger.sweep(RETENTION, 500)
        except StoreUnavailable:
            removed = unmatched = 0
        if removed or unmatched:
            log.info("ledger.swept", removed=removed, unmatched=unmatched)
        await asyncio.sleep(PAUSE if removed < 500 else 0.2)
