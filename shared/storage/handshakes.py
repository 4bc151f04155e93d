"""Secrets that came in handshakes, kept until somebody decides about them: the newest, each once."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING

import msgspec

from shared.errors import NotFound
from shared.model.caught import Caught
from shared.storage import keys

if TYPE_CHECKING:
    from collections.abc import Sequence

    from shared.secret import Secret
    from shared.storage.connection import Store
    from shared.storage.vault import Vault

MOST = 100  # of one integration: strangers can send them too
LIFETIME = 30 * 24 * 3600  # seconds after the last one came


class _Row(msgspec.Struct, frozen=True, kw_only=True):
    caught: Caught
    sealed: bytes


class Handshakes:
    """Caught secrets of integrations."""

    def __init__(self, store: Store, vault: Vault) -> None:
        """Keep them in *store*, sealed by *vault*."""
        self._redis, self._vault = store.redis, vault

    async def keep(self, integration: str, caught: Caught, value: Secret) -> str:
        """Keep *value*; what came before under the same place is only brought up to date. Returns its id."""
        made = msgspec.structs.replace(caught, id=_id_of(caught, value))
        before = await self._row(integration, made.id)
        if before is not None and before.caught.accepted:
            made = msgspec.structs.replace(made, accepted=True)
        await self._put(integration, made, value)
        await self._trim(integration)
        return made.id

    async def list(self, integration: str) -> Sequence[Caught]:
        """All of one integration, the newest first."""
        rows = await self._redis.hvals(_all_of(integration))  # type: ignore[misc]
        found = [msgspec.msgpack.decode(row, type=_Row).caught for row in rows]
        return sorted(found, key=lambda one: (-one.at, one.id))

    async def value(self, integration: str, id: str) -> tuple[Caught, Secret]:
        """One with its value, or `NotFound`."""
        row = await self._row(integration, id)
        if row is None:
            raise NotFound(f"no handshake {id[:60]} of {integration} is kept")
        where = _place(integration, id)
        return row.caught, await self._vault.open(_scope(integration), where, row.sealed)

    async def accepted(self, integration: str, id: str) -> Caught:
        """Note that one is in use."""
        caught, value = await self.value(integration, id)
        made = msgspec.structs.replace(caught, accepted=True)
        await self._put(integration, made, value)
        return made

    async def _put(self, integration: str, caught: Caught, value: Secret) -> None:
        where = _place(integration, caught.id)
        sealed = await self._vault.seal(_scope(integration), where, value.reveal())
        row = msgspec.msgpack.encode(_Row(caught=caught, sealed=sealed))
        async with self._redis.pipeline() as together:
            together.hset(_all_of(integration), caught.id, row)  # type: ignore[arg-type]
            together.expire(_all_of(integration), LIFETIME)
            await together.execute()

    async def _row(self, integration: str, id: str) -> _Row | None:
        found = await self._redis.hget(_all_of(integration), id)  # type: ignore[misc]
        return msgspec.msgpack.decode(found, type=_Row) if found else None

    async def _trim(self, integration: str) -> None:
        """Those in use stay longest, then the newest."""
        found = sorted(await self.list(integration), key=lambda one: not one.accepted)
        if surplus := [one.id for one in found[MOST:]]:
            await self._redis.hdel(_all_of(integration), *surplus)  # type: ignore[misc]


def _id_of(caught: Caught, value: Secret) -> str:
    """The same for the same value in the same place; it tells nothing of the value beyond that."""
    place = (caught.source, caught.name, caught.installation, caught.subscription)
    text = "\0".join(place).encode() + b"\0" + value.reveal()
    return f"hsk_{hashlib.sha256(text).hexdigest()[:24]}"


def _all_of(integration: str) -> str:
    return keys.key("handshakes", integration)


def _place(integration: str, id: str) -> str:
    return f"{_all_of(integration)}:{id}"


def _scope(integration: str) -> str:
    return f"integration:{integration}"
