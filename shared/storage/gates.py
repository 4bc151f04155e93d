"""Closed gates, for all workers of a cell."""

from __future__ import annotations

from typing import TYPE_CHECKING

from shared.model.gates import Gate, GateKind
from shared.storage import keys

if TYPE_CHECKING:
    from datetime import timedelta

    from shared.storage.connection import Store


class Gates:
    """Close, open and list; `lua/gates.lua` tells what they do to records."""

    def __init__(self, store: Store) -> None:
        """Keep them in *store*."""
        self._scripts, self._redis = store.scripts, store.redis

    async def close(self, name: str, kind: GateKind, span: timedelta, reason: str) -> None:
        """Close it for *span*; one that is closed for longer stays so."""
        milliseconds = int(span.total_seconds() * 1000)
        await self._scripts.run("gate", ["close", name, kind, milliseconds, reason])

    async def open(self, name: str) -> None:
        """Let what waits behind it go: one, and two more for each that is answered."""
        await self._scripts.run("gate", ["open", name])

    async def release(self, name: str, many: int, *, wake: bool) -> None:
        """Let *many* go that wait for slots behind it, with the next claim; *wake* those who are idle."""
        await self._scripts.run("gate", ["release", name, many, int(wake)])

    async def is_closed(self, name: str) -> bool:
        """Whether it lets nothing through now; one whose time is just up may still be."""
        kind = await self._redis.hget(keys.key("gate", name), "kind")  # type: ignore[misc]
        return kind in {b"pause", b"breaker"}

    async def all(self) -> list[Gate]:
        """Those that are closed or opening, at most a thousand, the next to let something through first."""
        found = await self._scripts.run("gate", ["list", ""])
        return [
            Gate(
                name=name.decode(),
                kind=kind.decode(),
                seconds=left / 1000,
                reason=reason.decode("utf-8", "replace"),
                behind=behind,
            )
            for name, kind, left, reason, behind in found
        ]
