"""Who calls the runtime API: a token and an installation, in one look at the store."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from shared.storage.installation_rows import installation_of
from shared.storage.tokens import Claims, claims_of, hash_of

if TYPE_CHECKING:
    from shared.model.installations import Installation
    from shared.storage.connection import Store


class Found(NamedTuple):
    """What there is; whether the two belong together is for the caller to see."""

    claims: Claims | None
    installation: Installation | None


class Callers:
    """Looks up callers."""

    def __init__(self, store: Store) -> None:
        """Look into *store*."""
        self._scripts = store.scripts

    async def find(self, token: str, bot_id: str, alias: str) -> Found:
        """The token's claims, and what *bot_id* has under *alias*."""
        wanted = hash_of(token)
        claims, webhook_id, *rows = await self._scripts.run_fast(
            "caller", [wanted, bot_id, alias]
        )
        if not rows:
            return Found(claims_of(claims, wanted), None)
        row = dict(zip(rows[0][::2], rows[0][1::2], strict=True))
        return Found(claims_of(claims, wanted), installation_of(webhook_id.decode(), row))
