"""Events that are held back until their time has come."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

from shared.errors import Conflict, NotFound
from shared.model.events import Event
from shared.storage import keys

if TYPE_CHECKING:
    from collections.abc import Sequence

    from shared.storage.connection import Store
    from shared.storage.wire import Part

MOST = 1000  # that one installation holds back


class Later:
    """What an installation holds back goes with it; the store's clock decides."""

    def __init__(self, store: Store) -> None:
        """Keep them in *store*."""
        self._redis, self._scripts = store.redis, store.scripts

    async def put(self, event: Event, due: int) -> None:
        """
        Hold *event* back until *due* (ms since 1970); again: until then.

        Raises:
            Conflict: the installation holds too many back.
            NotFound: the installation is gone.

        """
        args: list[Part] = [
            "put",
            event.webhook_id,
            event.id,
            due,
            msgspec.json.encode(event),
            MOST,
        ]
        said = await self._scripts.run("later", args)
        if said == 0:
            raise Conflict(f"{MOST} events wait for their time already")
        if said == -1:
            raise NotFound("the installation no longer exists")

    async def holds(self, webhook_id: str, event_id: str) -> bool:
        """Whether its time is still to come."""
        where = keys.key("later-of", webhook_id)
        return bool(await self._redis.hexists(where, event_id))  # type: ignore[misc]

    async def due(self, most: int = 100) -> Sequence[Event]:
        """Whose time has come, the longest due first; they stay until they are `gone`."""
        found = await self._scripts.run("later", ["due", most])
        return [msgspec.json.decode(one, type=Event) for one in found[2::3]]

    async def gone(self, event: Event) -> None:
        """*event* is on its way."""
        await self._scripts.run("later", ["gone", event.webhook_id, event.id])
