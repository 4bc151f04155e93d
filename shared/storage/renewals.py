"""When to look at whose tokens next, and which connections were lost without their bot knowing."""

from __future__ import annotations

from typing import TYPE_CHECKING

from shared.model.renewals import Due, Loss
from shared.storage import keys

if TYPE_CHECKING:
    from shared.storage.connection import Store


class Renewals:
    """
    A schedule that no crash can lose: what was claimed comes again unless somebody says otherwise.

    Connecting and losing a connection put an installation to the front, in the script that does it.
    """

    def __init__(self, store: Store) -> None:
        """Keep it in *store*."""
        self._redis, self._scripts = store.redis, store.scripts

    async def claim(self, most: int, hold: float) -> list[Due]:
        """Up to *most* installations whose time has come; they come again after *hold* seconds."""
        reply = await self._scripts.run("renewal", ["claim", most, int(hold * 1000)])
        pairs = zip(reply[::2], reply[1::2], strict=True)
        return [Due(webhook_id=one.decode(), held=int(held)) for one, held in pairs]

    async def later(self, due: Due, at: float) -> None:
        """Look at it next at *at* (seconds since 1970)."""
        await self._scripts.run("renewal", ["later", due.webhook_id, due.held, int(at * 1000)])

    async def drop(self, due: Due) -> None:
        """There is nothing to look at any more, until somebody connects."""
        await self._scripts.run("renewal", ["drop", due.webhook_id, due.held])

    async def lose(self, webhook_id: str, reason: str) -> bool:
        """Note that its user has to connect again; False when that was so before."""
        return bool(await self._scripts.run("lose", [webhook_id, reason]))

    async def untold(self, webhook_id: str) -> Loss | None:
        """How its connection was lost, until `told`."""
        where = keys.key("installation", webhook_id)
        lost, kind, identifier, reason = await self._redis.hmget(
            where, ["lost", "loss", "lost-identifier", "reason"]
        )  # type: ignore[misc]
        if lost is None:
            return None
        texts = [(one or b"").decode() for one in (kind, identifier, reason)]
        return Loss(at=int(lost), kind=texts[0], identifier=texts[1], reason=texts[2])

    async def told(self, webhook_id: str, loss: Loss) -> None:
        """Its bot knows."""
        await self._scripts.run("told", [webhook_id, loss.at])

    async def lost(self) -> int:
        """How many installations wait for their user."""
        return int(await self._redis.scard(keys.key("needs-reauth")))  # type: ignore[misc]
