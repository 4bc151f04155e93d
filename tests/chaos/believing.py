"""A worker whose scripts go by its own clock, for a control; a process of its own."""

from __future__ import annotations

from typing import Any

import workers.main
from shared.clock import SystemClock
from shared.storage.connection import Store, connect


async def by_its_own_clock(url: str, **options: Any) -> Store:
    """An open store that is told what time it is."""
    store = await connect(url, **options)
    seconds, _ = await store.redis.time()
    store.scripts.skew_ms = 1000 * (int(SystemClock().now()) - seconds)
    return store


if __name__ == "__main__":
    workers.main.connect = by_its_own_clock  # type: ignore[attr-defined]
    workers.main.main()
