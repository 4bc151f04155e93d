"""Runtime tokens of integrations. The value is shown once; the store keeps its hash."""

from __future__ import annotations

import base64
import hashlib
import hmac
from typing import TYPE_CHECKING

import msgspec
from msgspec import Struct

from shared.clock import Chance, Clock, SystemChance, SystemClock, new_id
from shared.storage import keys

if TYPE_CHECKING:
    from shared.storage.connection import Store

_PREFIX = "wprt_"


class Claims(Struct, frozen=True, kw_only=True, rename="camel"):
    """What a token stands for."""

    id: str
    integration_id: str
    note: str = ""
    created_at: float
    hash: str  # sha256 of the value, hex


class RuntimeTokens:
    """Tokens by which an integration's own server calls us."""

    def __init__(
        self, store: Store, clock: Clock | None = None, chance: Chance | None = None
    ) -> None:
        """Keep hashes in *store*."""
        self._redis = store.redis
        self._clock, self._chance = clock or SystemClock(), chance or SystemChance()

    async def issue(self, integration_id: str, note: str = "") -> tuple[str, str]:
        """Make a token; returns its id and its value, which nobody can read again."""
        random = base64.urlsafe_b64encode(self._chance.token(32)).rstrip(b"=").decode()
        value = _PREFIX + random
        claims = Claims(
            id=new_id("iak", self._clock, self._chance), integration_id=integration_id, note=note,
            created_at=self._clock.now(), hash=hash_of(value),
        )  # fmt: skip
        async with self._redis.pipeline() as together:
            together.set(keys.key("token", claims.hash), msgspec.json.encode(claims))
            together.hset(keys.key("tokens"), claims.id, claims.hash)
            await together.execute()
        return claims.id, value

    async def revoke(self, token_id: str) -> bool:
        """End a token; False when there is none with that id."""
        found = await self._redis.hget(keys.key("tokens"), token_id)  # type: ignore[misc]
        if found is None:
            return False
        async with self._redis.pipeline() as together:
            together.delete(keys.key("token", found.decode()))
            together.hdel(keys.key("tokens"), token_id)
            await together.execute()
        return True


def hash_of(value: str) -> str:
    """All that the store knows of a token, so how long a look-up takes tells nothing about one."""
    return hashlib.sha256(value.encode("utf-8", "replace")).hexdigest()


def claims_of(found: bytes | None, wanted: str) -> Claims | None:
    """The claims that lie under the hash *wanted*, compared once more in constant time."""
    claims = msgspec.json.decode(found, type=Claims) if found else None
    return claims if claims and hmac.compare_digest(claims.hash, wanted) else None
