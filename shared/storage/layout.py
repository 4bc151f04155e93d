"""
Which layout the records of a cell have: stamped by the first who starts on it, kept to by all who come later.

A version with another one would work on records whose rules it does not know. It refuses to start instead, unless the
layout is one before ours: that one becomes ours.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from shared.errors import SetupFailed
from shared.storage import keys
from shared.storage.migration import migrate

if TYPE_CHECKING:
    from shared.storage.connection import Store

_BEFORE = (
    "start this version once (waypost up, or a worker): it brings them into its own layout"
)
_OTHER = "run the version that wrote them, or use another store; CHANGELOG.md says which versions share a layout"


async def settle_layout(store: Store) -> None:
    """Give the cell our layout; raises `SetupFailed` where it has one that cannot become ours, or not now."""
    found = await store.redis.get(keys.layout_stamp())
    if (
        found is None
    ):  # a store that is full takes no stamp, and those who empty it must be able to start
        await store.redis.set(keys.layout_stamp(), keys.LAYOUT, nx=True)
        found = await store.redis.get(keys.layout_stamp())
    if found is not None and found.decode() in keys.LAYOUTS_BEFORE:
        await migrate(store, found.decode())
        found = await store.redis.get(keys.layout_stamp())
    _check(found, _OTHER)


async def check_layout(store: Store) -> None:
    """Change nothing; raises `SetupFailed` where the cell has records in another layout than ours."""
    found = await store.redis.get(keys.layout_stamp())
    _check(found, _BEFORE if found and found.decode() in keys.LAYOUTS_BEFORE else _OTHER)


def _check(found: bytes | None, fix: str) -> None:
    if found is None or found.decode() == keys.LAYOUT:
        return
    problem = f"the store holds records in layout {found.decode()}, and this version writes layout {keys.LAYOUT}"
    raise SetupFailed(problem, fix)
