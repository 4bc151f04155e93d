"""What is said on a channel of the store, for as long as somebody is there to say it."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

from shared.errors import StoreUnavailable

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from shared.storage.client import StoreClient
    from shared.storage.resp import Line

SILENCE = 5.0  # seconds in which nothing is heard, after which the store is asked whether it is still there


async def heard(redis: StoreClient, channel: str) -> AsyncIterator[bytes | None]:
    """
    Messages on *channel*; None first: from then on none is missed.

    A line may be dead without being closed, so the store is asked after a silence; when it stays silent,
    `StoreUnavailable` is raised as for every other loss.
    """
    assert redis.narrow is not None  # only clients that may block have none
    line = await redis.narrow.line()
    try:
        line.listen(channel)
        while True:
            match await _next(line):
                case [b"message", _, bytes(message)]:
                    yield message
                case [b"subscribe", *_]:
                    yield None
    finally:
        line.close()


async def _next(line: Line) -> list[Any]:
    for is_last in (False, True):
        try:
            async with asyncio.timeout(SILENCE):
                return await line.next()
        except TimeoutError:
            if not is_last:
                line.ask()
    raise StoreUnavailable("the store says nothing any more")
