"""What is turned away, counted by reason. Nobody scrapes an ingress, so the store is told, now and then."""

from __future__ import annotations

import asyncio
from collections import Counter
from typing import TYPE_CHECKING

import structlog

from shared.errors import StoreUnavailable

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Mapping

log = structlog.get_logger()

PAUSE = 5.0  # seconds; on a store that has too much to do, each write costs it a sync


async def follow(
    refused: Counter[str], to: Callable[[Mapping[str, int]], Awaitable[None]]
) -> None:
    """Tell *to* what *refused* has counted, until cancelled."""
    while True:
        await asyncio.sleep(PAUSE)
        await tell(refused, to)


async def tell(
    refused: Counter[str], to: Callable[[Mapping[str, int]], Awaitable[None]]
) -> None:
    """Pass on what was counted, and count from nothing; where the store does not answer, it is told the next time."""
    if not refused:
        return
    counts = dict(refused)
    refused.clear()
    log.warning("ingress.refused", **counts)
    try:
        await to(counts)
    except StoreUnavailable:
        refused.update(counts)
