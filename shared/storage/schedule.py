"""Which installations asked to be registered again and again, and when their next time is."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import timedelta

    from shared.storage.connection import Store


class Schedule:
    """One period per installation; times are the store's, and all of it goes with the installation."""

    def __init__(self, store: Store) -> None:
        """Keep it in *store*."""
        self._scripts = store.scripts

    async def every(self, webhook_id: str, period: timedelta | None) -> bool:
        """Register it again after each *period*, None: no more; False when there is no such installation."""
        ms = int(period.total_seconds() * 1000) if period else 0
        return bool(await self._scripts.run("schedule", ["every", webhook_id, ms]))

    async def due(self, most: int = 100) -> Sequence[tuple[str, int]]:
        """Whose time has come, the longest due first, with that time in ms; they stay until `passed`."""
        found = await self._scripts.run("schedule", ["due", most])
        pairs = zip(found[::2], found[1::2], strict=True)
        return [(webhook_id.decode(), int(due)) for webhook_id, due in pairs]

    async def passed(self, webhook_id: str, due: int) -> bool:
        """That time has come and gone; False when somebody else has said so already."""
        return bool(await self._scripts.run("schedule", ["passed", webhook_id, due]))
