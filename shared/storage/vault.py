"""
Sealing at rest: one data key per scope, kept in the store, wrapped by the key ring's primary key.

A scope is `installation:WEBHOOKID`, `integration:NAME` or `bot:ID`. Deleting its data key makes
everything that was sealed in it unreadable for good (crypto-shredding).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

from shared.errors import SealBroken
from shared.secret import DataKey, Secret
from shared.sharing import Sharing
from shared.storage import keys

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from shared.storage.connection import Store
    from shared.storage.wire import Part

_MOST_OPEN_KEYS = 1000


class WrapsDataKeys(Protocol):
    """A key ring."""

    def wrap(self, where: str, key: DataKey) -> bytes:
        """Seal a data key with the primary key."""

    def unwrap(self, where: str, wrapped: bytes) -> DataKey:
        """Open it with whichever key of the ring sealed it."""

    def is_current(self, where: str, wrapped: bytes) -> bool:
        """Whether the primary key sealed it."""


class Vault:
    """
    Seals and opens values of a scope.

    The store is asked for the wrapped key each time, so a key that another process made or destroyed is
    never missed; unwrapped keys are remembered by their wrapped form alone.
    """

    def __init__(self, store: Store, ring: WrapsDataKeys) -> None:
        """Keep data keys in *store*, wrapped by *ring*."""
        self._redis, self._resp = store.redis, store.resp
        self._scripts, self._ring = store.scripts, ring
        self._open: dict[bytes, DataKey] = {}

    async def seal(self, scope: str, where: str, plaintext: bytes) -> bytes:
        """Seal *plaintext* for *where* (full storage key and field); makes the scope's data key if need be."""
        place = keys.key("datakey", scope)
        wrapped = await self._resp.call("GET", place)
        if wrapped is None:
            made = self._ring.wrap(place, DataKey.generate())
            await self._scripts.run("put", [place, made, 0, 1])
            wrapped = await self._resp.call("GET", place)
        if wrapped is None:
            raise SealBroken(f"the data key of {scope} was destroyed while it was made")
        return self._unwrapped(place, wrapped).seal(where, plaintext)

    async def open(self, scope: str, where: str, sealed: bytes) -> Secret:
        """What was sealed; raises `SealBroken` when it was moved, altered or its data key was destroyed."""
        return (await self.opener(scope))(where, sealed)

    async def opener(self, scope: str) -> Callable[[str, bytes], Secret]:
        """`open` for several values of *scope*, for one question to the store."""
        place = keys.key("datakey", scope)
        return self._opener(scope, place, await self._resp.call("GET", place))

    async def read(self, scope: str, where: str, *question: Part) -> Secret | None:
        """What the store answers to *question*, opened; in one trip to the store. None where it holds nothing."""
        place = keys.key("datakey", scope)
        sealed, wrapped = await self._resp.calls(question, ("GET", place))
        return None if sealed is None else self._opener(scope, place, wrapped)(where, sealed)

    def _opener(
        self, scope: str, place: str, wrapped: bytes | None
    ) -> Callable[[str, bytes], Secret]:
        if wrapped is None:
            raise SealBroken(f"the data key of {scope} was destroyed")
        return self._unwrapped(place, wrapped).open

    async def forget(self, scope: str) -> bool:
        """Destroy the scope's data key, and with it all that was sealed; False when there was none."""
        return bool(await self._redis.delete(keys.key("datakey", scope)))

    async def rewrap(self) -> int:
        """Wrap every data key with the ring's primary key again; returns how many were."""
        count = 0
        async for place in self._redis.scan_iter(match=keys.key("datakey") + ":*", count=500):
            wrapped = await self._redis.get(place)
            if wrapped is not None and not self._ring.is_current(place.decode(), wrapped):
                key = self._ring.unwrap(place.decode(), wrapped)
                again = self._ring.wrap(place.decode(), key)
                count += await self._scripts.run("swap", [place, wrapped, again, 0])
        return count

    def _unwrapped(self, place: str, wrapped: bytes) -> DataKey:
        if wrapped not in self._open:
            if len(self._open) >= _MOST_OPEN_KEYS:
                self._open.clear()
            self._open[wrapped] = self._ring.unwrap(place, wrapped)
        return self._open[wrapped]


class Secrets:
    """Global secrets of integrations; written once, read only by workers."""

    def __init__(self, store: Store, vault: Vault) -> None:
        """Keep them in *store*, sealed by *vault*."""
        self._redis, self._vault = store.redis, vault
        self._reads = Sharing()

    async def set(self, integration: str, name: str, value: Secret) -> None:
        """Set or replace one."""
        sealed = await self._vault.seal(
            _scope(integration), _place(integration, name), value.reveal()
        )
        await self._redis.hset(keys.key("secret", integration), name, sealed)  # type: ignore[misc, arg-type]

    async def reveal(self, integration: str, name: str) -> Secret | None:
        """One secret, or None when it is not set."""
        return await self._reads.read(
            (integration, name), lambda: self._reveal(integration, name)
        )

    async def _reveal(self, integration: str, name: str) -> Secret | None:
        question = ("HGET", keys.key("secret", integration), name)
        return await self._vault.read(_scope(integration), _place(integration, name), *question)

    async def all(self, integration: str) -> dict[str, Secret]:
        """All that are set."""
        return dict(await self._reads.read(integration, lambda: self._all(integration)))

    async def _all(self, integration: str) -> dict[str, Secret]:
        sealed = await self._redis.hgetall(keys.key("secret", integration))  # type: ignore[misc]
        if not sealed:
            return {}
        opened = await self._vault.opener(_scope(integration))
        named = sorted((name.decode(), value) for name, value in sealed.items())
        return {name: opened(_place(integration, name), value) for name, value in named}

    async def names(self, integration: str) -> Sequence[str]:
        """Which are set."""
        found = await self._redis.hkeys(keys.key("secret", integration))  # type: ignore[misc]
        return sorted(name.decode() for name in found)


def _scope(integration: str) -> str:
    return f"integration:{integration}"


def _place(integration: str, name: str) -> str:
    return f"{keys.key('secret', integration)}:{name}"
