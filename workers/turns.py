"""One after the other: what two workers at once may not do to one installation."""

from __future__ import annotations

import asyncio
import contextlib
from datetime import timedelta
from typing import TYPE_CHECKING

from tenacity import AsyncRetrying, RetryError, retry_if_result, stop_after_delay, wait_random

from shared.errors import HandlerUnavailable, StoreUnavailable

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from shared.model.jobs import Record
    from workers.tools import Tools

PATIENCE = 10.0  # seconds to wait in place for whoever is at it
PROLONGED = 10.0  # seconds after which a turn, which lasts thirty, is taken anew
_SOON = timedelta(seconds=5)


@contextlib.asynccontextmanager
async def registering(record: Record, webhook_id: str, tools: Tools) -> AsyncIterator[None]:
    """
    The only one for this block that has *webhook_id*'s code set itself up or take itself down.

    Who comes later reads the installation later, so what is done last is what the installation is now. Raises
    `HandlerUnavailable` where another one takes long.
    """
    place, holder = f"register/{webhook_id}", f"{record.id}/{record.epoch}"
    attempts = AsyncRetrying(
        retry=retry_if_result(lambda is_ours: not is_ours),
        stop=stop_after_delay(PATIENCE),
        wait=wait_random(0.05, 0.2),
    )
    try:
        await attempts(tools.turns.take, place, holder)
    except RetryError:
        raise HandlerUnavailable("another registration is under way", _SOON) from None
    prolonging = asyncio.create_task(_prolong(place, holder, tools))
    try:
        yield
    finally:
        prolonging.cancel()
        with contextlib.suppress(StoreUnavailable):  # then it expires
            await tools.turns.drop(place, holder)


async def _prolong(place: str, holder: str, tools: Tools) -> None:
    while True:
        await asyncio.sleep(PROLONGED)
        with contextlib.suppress(StoreUnavailable):
            await tools.turns.take(place, holder)
