"""A worker that may finish no more in a full store than a door may, for a control; a process of its own."""

from __future__ import annotations

from typing import Any

import workers.main
from shared.storage.connection import Store, connect


async def without_leave(url: str, **options: Any) -> Store:
    """An open store, as a door has it."""
    return await connect(url, **{**options, "finishes": False})


if __name__ == "__main__":
    workers.main.connect = without_leave  # type: ignore[attr-defined]
    workers.main.main()
