"""Who changed what. Never holds a value that is secret."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import msgspec
from msgspec import Struct

from shared.storage import keys

if TYPE_CHECKING:
    from collections.abc import Mapping

    from shared.storage.connection import Store

_KEPT = 100_000  # entries, about


class AuditEntry(Struct, frozen=True, kw_only=True, rename="camel"):
    """One change."""

    id: str
    at: int  # ms since 1970, by the store's clock
    actor: str
    action: str  # past tense, as in `secret.set`
    subject: str
    detail: dict[str, Any]


class Audit:
    """A list that only grows, up to a length that a person could never read."""

    def __init__(self, store: Store) -> None:
        """Keep it in *store*."""
        self._redis, self._scripts = store.redis, store.scripts

    async def entry(
        self, actor: str, action: str, subject: str, detail: Mapping[str, Any]
    ) -> None:
        """Write one change down."""
        told = msgspec.json.encode(dict(detail))
        await self._scripts.run("audit", [actor, action, subject, told, _KEPT])

    async def tail(self, limit: int = 100) -> list[AuditEntry]:
        """The last changes, newest first."""
        rows = await self._redis.xrevrange(keys.key("audit"), count=limit)
        return [_entry(row_id.decode(), fields) for row_id, fields in rows]


def _entry(row_id: str, fields: dict[bytes, bytes]) -> AuditEntry:
    return AuditEntry(
        id=row_id,
        at=int(row_id.partition("-")[0]),
        actor=fields[b"actor"].decode(),
        action=fields[b"action"].decode(),
        subject=fields[b"subject"].decode(),
        detail=msgspec.json.decode(fields[b"detail"]),
    )
