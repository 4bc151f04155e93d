"""What was counted by the ledger, and by the server under it."""

from __future__ import annotations

from typing import Any

from shared.storage import keys
from shared.storage.connection import Store
from tests.chaos.rig import Rig


async def commands(store: Store) -> int:
    """Commands that the server has run, those inside of scripts too."""
    stats: dict[str, Any] = await store.redis.info("commandstats")
    return sum(row["calls"] for row in stats.values())


async def epochs_of(rig: Rig, texts: list[str]) -> list[int]:
    """How often each of the newest records was leased."""
    ids = await rig.store.redis.zrevrange(keys.key("state", "done"), 0, len(texts) - 1)
    found = [await rig.store.redis.hget(keys.key("record", id.decode()), "epoch") for id in ids]  # type: ignore[misc]
    return [int(one) for one in found]


async def counted(rig: Rig, newest: int) -> tuple[int, int]:
    """Attempts and crashes that the *newest* records have counted."""
    attempts = crashes = 0
    for id in await rig.store.redis.zrevrange(keys.key("state", "done"), 0, newest - 1):
        row = await rig.store.redis.hmget(
            keys.key("record", id.decode()), "attempts", "crashes"
        )  # type: ignore[misc]
        attempts, crashes = attempts + int(row[0] or 0), crashes + int(row[1] or 0)
    return attempts, crashes
