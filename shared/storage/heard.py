"""What is said on a channel of the store, for as long as somebody is there to say it."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, NoReturn

from shared.errors import StoreUnavailable

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable

    from shared.storage.client import StoreClient
    from shared.storage.wire import Line

SILENCE = 5.0  # seconds in which nothing is heard, after which the store is asked whether it is still there
_END = object()


async def listen(
    redis: StoreClient, channel: str, hear: Callable[[bytes | None], None]
) -> NoReturn:
    """
    Call *hear* with each message on *channel*, and with None first: from then on none is missed.

    A line may be dead without being closed, so the store is asked after a silence; when it stays silent,
    `StoreUnavailable` is raised as for every other loss.
    """
    assert redis.narrow is not None  # only clients that may block have none
    line = await redis.narrow.line()
    try:
        line.listen(channel, hear)
        while True:
            if not await _was_heard(line):
                line.ask()
                if not await _was_heard(line):
                    raise StoreUnavailable("the store says nothing any more")
    finally:
        line.close()


async def _was_heard(line: Line) -> bool:
    """Whether anything was said in the time of a silence; raises what ended the line."""
    before = line.heard
    await asyncio.wait({line.lost}, timeout=SILENCE)
    if line.lost.done():
        raise line.refused or StoreUnavailable("the connection to the store was lost")
    return line.heard != before


async def heard(redis: StoreClient, channel: str) -> AsyncIterator[bytes | None]:
    """The same as `listen`, one after the other."""
    said: asyncio.Queue[bytes | object | None] = asyncio.Queue()

    def end(listening: asyncio.Task[NoReturn]) -> None:
        if not listening.cancelled():
            listening.exception()  # told below, where somebody is there to be told
        said.put_nowait(_END)

    listening = asyncio.create_task(listen(redis, channel, said.put_nowait))
    listening.add_done_callback(end)
    try:
        while (message := await said.get()) is not _END:
            yield message  # type: ignore[misc]  # bytes, or None
        await listening
    finally:
        listening.cancel()
