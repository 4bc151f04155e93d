"""Whose turn it is to do what only one may do to an installation, and what was begun. All of it expires by itself."""

from __future__ import annotations

from typing import TYPE_CHECKING

from shared.errors import LeaseLost

if TYPE_CHECKING:
    from shared.storage.connection import Store

LEASE = 30_000  # ms
KEPT = 7 * 24 * 3600 * 1000  # ms; an intent outlives every access token it matters for


class Turns:
    """One worker at a time per installation; intents are written and forgotten only by who holds the lease."""

    def __init__(self, store: Store) -> None:
        """Keep them in *store*."""
        self._scripts = store.scripts

    async def take(self, webhook_id: str, holder: str) -> bool:
        """Be the only one for half a minute from now on; False when somebody else is."""
        return await self._run("take", webhook_id, holder, LEASE) == b"taken"

    async def drop(self, webhook_id: str, holder: str) -> None:
        """End the turn early; nothing happens when it is somebody else's by now."""
        await self._run("drop", webhook_id, holder)

    async def begin(self, webhook_id: str, holder: str, name: str, now: float) -> float | None:
        """Note that *name* begins; if it had begun before, when. `LeaseLost` without the turn."""
        since = await self._run("begin", webhook_id, holder, name, repr(now), KEPT)
        return float(since) if since else None

    async def forget(self, webhook_id: str, holder: str, name: str) -> None:
        """It was provably not processed. `LeaseLost` without the turn."""
        await self._run("forget", webhook_id, holder, name)

    async def _run(self, what: str, webhook_id: str, holder: str, *more: str | int) -> bytes:
        reply: bytes = await self._scripts.run("turn", [what, webhook_id, holder, *more])
        if reply == b"lost":
            raise LeaseLost(f"the turn of {webhook_id} is somebody else's")
        return reply
