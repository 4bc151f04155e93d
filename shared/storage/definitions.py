"""Published versions of integrations, and the doors that the ingress opens for them."""

from __future__ import annotations

import asyncio
import hashlib
from typing import TYPE_CHECKING, Literal, NamedTuple

import msgspec

from shared.errors import StoreUnavailable
from shared.model.requests import Door
from shared.storage import keys
from shared.storage.heard import heard

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator

    from shared.storage.connection import Store

_PAUSE = 0.2  # seconds between two tries to subscribe


class Published(NamedTuple):
    """One version of one integration."""

    id: str  # int_…, the same for the same name and version
    document: bytes


class DoorChange(NamedTuple):
    """What a cache must forget: one door, one hook, or (after a lost subscription) all."""

    kind: Literal["door", "hook", "all"]
    name: str


class Definitions:
    """Versions of integrations; ingress and workers read nothing else."""

    def __init__(self, store: Store) -> None:
        """Keep them in *store*."""
        self._redis = store.redis

    async def publish(self, document: bytes, name: str, version: str, door: Door) -> str:
        """Make *document* the current version of *name* and open its door; returns the integration's id."""
        integration_id = integration_id_of(name, version)
        home = keys.key("integration", name)
        async with self._redis.pipeline() as together:
            together.hset(home, mapping={f"document:{version}": document, "current": version})
            together.hset(keys.key("integration-ids"), integration_id, _pair(name, version))
            together.sadd(keys.key("integrations"), name)
            together.set(keys.key("door", name), msgspec.json.encode(door))
            together.publish(keys.key("doors"), f"door:{name}")
            await together.execute()
        return integration_id

    async def current(self, name: str) -> Published | None:
        """The current version of *name*."""
        version = await self._redis.hget(keys.key("integration", name), "current")  # type: ignore[misc]
        return await self._version(name, version.decode()) if version else None

    async def by_id(self, integration_id: str) -> bytes | None:
        """The document of one version, also when it is not the current one any more."""
        found = await self._redis.hget(keys.key("integration-ids"), integration_id)  # type: ignore[misc]
        if found is None:
            return None
        name, version = msgspec.json.decode(found, type=tuple[str, str])
        published = await self._version(name, version)
        return published.document if published else None

    async def names(self) -> list[str]:
        """Every integration's name."""
        found = await self._redis.smembers(keys.key("integrations"))  # type: ignore[misc]
        return sorted(name.decode() for name in found)

    async def door(self, name: str) -> Door | None:
        """All the ingress may know of *name*."""
        found = await self._redis.get(keys.key("door", name))
        return msgspec.json.decode(found, type=Door) if found else None

    async def hook(self, webhook_id: str) -> str | None:
        """The integration behind an installation's own webhook URL."""
        found = await self._redis.get(keys.key("hook", webhook_id))
        return found.decode() if found else None

    async def door_changes(self) -> AsyncGenerator[DoorChange, None]:
        """
        Yield what to forget, for as long as the caller listens.

        The first one, and the first after every lost connection, is `all`: what happened in between is
        not known.
        """
        while True:
            try:
                async for message in heard(self._redis, keys.key("doors")):
                    yield (
                        DoorChange("all", "") if message is None else _change(message.decode())
                    )
            except StoreUnavailable:
                await asyncio.sleep(_PAUSE)

    async def _version(self, name: str, version: str) -> Published | None:
        document = await self._redis.hget(keys.key("integration", name), f"document:{version}")  # type: ignore[misc]
        return Published(integration_id_of(name, version), document) if document else None


def integration_id_of(name: str, version: str) -> str:
    """
    The id of one version: the same everywhere and after a re-install.

    >>> integration_id_of("slack", "1.0.0")
    'int_9c6129e5c07c5b55a03d2006'
    """
    return "int_" + hashlib.sha256(f"{name}\0{version}".encode()).hexdigest()[:24]


def _pair(name: str, version: str) -> str:
    return msgspec.json.encode((name, version)).decode()


def _change(message: str) -> DoorChange:
    kind, _, name = message.partition(":")
    return DoorChange("hook" if kind == "hook" else "door", name)
