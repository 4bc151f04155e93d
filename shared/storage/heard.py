"""What is said on a channel of the store, for as long as somebody is there to say it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from shared.errors import StoreUnavailable
from shared.storage.client import told_apart

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from shared.storage.client import StoreClient

SILENCE = 5.0  # seconds in which nothing is heard, after which the store is asked whether it is still there


async def heard(redis: StoreClient, channel: str) -> AsyncIterator[dict[str, Any]]:
    """
    Messages on *channel*, the confirmation of each subscription first.

    A line may be dead without being closed, so the store is asked after a silence; when it stays silent,
    `StoreUnavailable` is raised as for every other loss.
    """
    with told_apart():
        async with redis.pubsub() as line:
            await line.subscribe(channel)
            is_asked = False
            while True:
                message = await line.get_message(timeout=SILENCE)
                if message is not None:
                    is_asked = False
                    yield message
                elif is_asked:
                    raise StoreUnavailable("the store says nothing any more")
                else:
                    is_asked = True
                    await line.ping()
