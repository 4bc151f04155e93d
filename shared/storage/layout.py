"""
Which layout the records of a cell have: stamped by the first who starts on it, kept to by all who come later.

The layout stands in the prefix of every key, so a version with another one would find an empty cell, and open a second
ledger beside the first, whose requests nobody would finish. It refuses to start instead.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from shared.errors import SetupFailed
from shared.storage import keys

if TYPE_CHECKING:
    from shared.storage.connection import Store


async def settle_layout(store: Store) -> None:
    """Stamp an empty cell with our layout; raises `SetupFailed` where another one was there first."""
    found = await store.redis.get(keys.layout_stamp())
    if (
        found is None
    ):  # a store that is full takes no stamp, and those who empty it must be able to start
        await store.redis.set(keys.layout_stamp(), keys.LAYOUT, nx=True)
        found = await store.redis.get(keys.layout_stamp())
    if found is not None and found.decode() != keys.LAYOUT:
        raise SetupFailed(
            f"the store holds records in layout {found.decode()}, and this version writes layout {keys.LAYOUT}",
            "run the version that wrote them, or use another store; CHANGELOG.md says which versions share a layout",
        )
