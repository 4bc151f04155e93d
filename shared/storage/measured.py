"""What all processes have counted, summed up by sample; it only grows."""

from __future__ import annotations

from typing import TYPE_CHECKING

from shared.storage import keys

if TYPE_CHECKING:
    from collections.abc import Mapping

    from shared.storage.connection import Store


class Measured:
    """The sums."""

    def __init__(self, store: Store) -> None:
        """Keep them in *store*."""
        self._redis, self._key = store.redis, keys.key("measured")

    async def add(self, more: Mapping[str, float]) -> None:
        """Add to each of them, to all at once."""
        pipe = self._redis.pipeline(transaction=True)
        for sample, value in more.items():
            pipe.hincrbyfloat(self._key, sample, value)
        await pipe.execute()

    async def all(self) -> dict[str, float]:
        """Them, as they are."""
        found: dict[bytes, bytes] = await self._redis.hgetall(self._key)  # type: ignore[misc]
        return {sample.decode(): float(value) for sample, value in found.items()}
