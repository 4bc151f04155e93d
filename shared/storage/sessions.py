"""Console sessions: a browser that showed the admin token once. Only hashes are stored."""

from __future__ import annotations

import hashlib
from datetime import timedelta
from typing import TYPE_CHECKING

from shared.storage import keys

if TYPE_CHECKING:
    from shared.storage.connection import Store

LIFETIME = timedelta(hours=12)


class Sessions:
    """Sessions of the console."""

    def __init__(self, store: Store) -> None:
        """Keep them in *store*."""
        self._store = store

    async def open(self, value: str) -> None:
        """Remember *value*, which only the browser keeps."""
        await self._store.redis.set(_key(value), b"1", ex=LIFETIME)

    async def is_open(self, value: str) -> bool:
        """Whether *value* was opened, not closed, and not too long ago."""
        return bool(value) and bool(await self._store.redis.exists(_key(value)))

    async def close(self, value: str) -> None:
        """Forget *value*."""
        await self._store.redis.delete(_key(value))


def _key(value: str) -> str:
    return keys.key("session", hashlib.sha256(value.encode("utf-8", "replace")).hexdigest())
