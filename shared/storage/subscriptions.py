"""
What installations have subscribed to at a provider, for webhooks that name nothing else.

A subscription belongs to one installation. Where it is looked up it is an identifier with a prefix, so that what is
parked for it is released when it is announced, and a workspace of the same name is another thing.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from shared.errors import AlreadyBound, Conflict, NotFound
from shared.storage import keys
from shared.storage.installations import scope

if TYPE_CHECKING:
    from collections.abc import Sequence

    from shared.model.installations import Installation
    from shared.secret import Secret
    from shared.storage.connection import Store
    from shared.storage.vault import Vault
    from shared.storage.wire import Part

MOST = 1000  # subscriptions of one installation
MOST_SECRETS = 16  # that are tried where a request does not say which


class Subscriptions:
    """Ids and secrets of subscriptions."""

    def __init__(self, store: Store, vault: Vault) -> None:
        """Keep them in *store*, secrets sealed by *vault*."""
        self._store, self._redis, self._vault = store, store.redis, vault

    async def put(self, home: Installation, id: str, secret: Secret | None = None) -> int:
        """
        Announce one, or give it another *secret*; returns how many parked requests were released.

        Raises:
            AlreadyBound: it is another installation's.
            Conflict: the installation has too many.
            NotFound: the installation is gone.

        """
        said, *rest = await self._run("put", home, id, secret)
        match said:
            case b"ok":
                return int(rest[0])
            case b"taken":
                raise AlreadyBound(rest[0].decode())
            case b"full":
                raise Conflict(f"an installation has at most {MOST} subscriptions")
            case _:
                raise NotFound("the installation no longer exists")

    async def put_first(self, home: Installation, id: str, secret: Secret) -> bool:
        """Give one that was announced its first secret; False when it is unknown or has one."""
        said, *_ = await self._run("first", home, id, secret)
        return bool(said == b"ok")

    async def remove(self, home: Installation, id: str) -> bool:
        """End one; False when there was none."""
        args = [home.integration, id, home.webhook_id]
        return bool(await self._store.scripts.run("unsubscribe", args))

    async def secret(self, home: Installation, id: str) -> Secret | None:
        """The secret of one; None when it has none, or there is no such subscription."""
        sealed = await self._redis.hget(_all_of(home), id)  # type: ignore[misc]
        return await self._opened(home, id, sealed)

    async def secrets(self, home: Installation) -> Sequence[Secret]:
        """The secrets that its subscriptions have, the first few."""
        found = await self._redis.hgetall(_all_of(home))  # type: ignore[misc]
        held = [(id.decode(), sealed) for id, sealed in sorted(found.items()) if sealed]
        opened = [await self._opened(home, *one) for one in held[:MOST_SECRETS]]
        return [one for one in opened if one is not None]

    async def ids(self, home: Installation) -> dict[str, bool]:
        """Its subscriptions, and whether each has a secret."""
        found = await self._redis.hgetall(_all_of(home))  # type: ignore[misc]
        return {id.decode(): bool(sealed) for id, sealed in sorted(found.items())}

    async def _run(
        self, how: str, home: Installation, id: str, secret: Secret | None
    ) -> list[bytes]:
        sealed = b""
        if secret is not None:
            where = _place(home, id)
            sealed = await self._vault.seal(scope(home.webhook_id), where, secret.reveal())
        has = int(secret is not None)
        args: list[Part] = [how, home.integration, id, home.webhook_id, has, sealed, MOST]
        reply: list[bytes] = await self._store.scripts.run("subscribe", args)
        return reply

    async def _opened(self, home: Installation, id: str, sealed: bytes | None) -> Secret | None:
        if not sealed:
            return None
        return await self._vault.open(scope(home.webhook_id), _place(home, id), sealed)


def _all_of(home: Installation) -> str:
    return keys.key("subscriptions", home.webhook_id)


def _place(home: Installation, id: str) -> str:
    return f"{_all_of(home)}:{id}"
