"""Named JSON that integrations keep for an installation, a conversation or a user; sealed at rest."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING, Any, NamedTuple

import msgspec
from msgspec import UNSET, Struct, UnsetType

from shared.clock import Clock, SystemClock
from shared.errors import NotFound
from shared.model.states import StateType, StoredState
from shared.storage import keys

if TYPE_CHECKING:
    from collections.abc import Mapping

    from shared.model.installations import Installation
    from shared.storage.connection import Store
    from shared.storage.vault import Vault
    from shared.storage.wire import Part

Payload = dict[str, Any]


class _Meta(Struct, frozen=True, kw_only=True, rename="camel", omit_defaults=True):
    bot_id: str
    created_at: float
    updated_at: float
    expiry: int | None = None


class _Place(NamedTuple):
    """One state's name, and where it lies."""

    installation: Installation
    type: StateType
    owner: str
    name: str

    @property
    def key(self) -> str:
        # A state of the type `integration` is the installation's own. Its owner is the id of a version, and a new
        # version of the integration must find what the one before it kept.
        owner = "" if self.type == "integration" else self.owner
        return keys.key("state-of", self.installation.webhook_id, self.type, owner, self.name)


class _Found(NamedTuple):
    state: StoredState
    sealed: bytes  # as it lies in the store, to compare with


class SealedState(NamedTuple):
    """A state made ready for the script that activates an installation."""

    key: str
    payload: bytes
    meta: bytes


class States:
    """
    States of installations. Writing one of an installation that is gone raises `NotFound`.

    *expiry* is idle time in milliseconds: a state that nobody reads or writes for so long goes.
    """

    def __init__(self, store: Store, vault: Vault, clock: Clock | None = None) -> None:
        """Keep them in *store*, sealed by *vault*."""
        self._store, self._redis = store, store.redis
        self._vault, self._clock = vault, clock or SystemClock()

    async def get(
        self, installation: Installation, type: StateType, owner: str, name: str
    ) -> StoredState | None:
        """One state."""
        found = await self._found(_Place(installation, type, owner, name))
        return found.state if found else None

    async def set(
        self, installation: Installation, type: StateType, owner: str, name: str,
        payload: Mapping[str, Any], *, expiry: int | None = None,
    ) -> StoredState:  # fmt: skip
        """Replace the whole payload, and its expiry."""
        place = _Place(installation, type, owner, name)
        meta = self._meta(place, None, expiry)
        created = await self._put(place, "any", b"", dict(payload), meta)
        meta = msgspec.structs.replace(meta, created_at=float(created or meta.created_at))
        return _state(place, dict(payload), meta)

    async def patch(
        self, installation: Installation, type: StateType, owner: str, name: str,
        payload: Mapping[str, Any], *, expiry: int | UnsetType | None = UNSET,
    ) -> StoredState:  # fmt: skip
        """Merge the top level into what is there; `NotFound` when nothing is. Keeps the expiry unless given."""
        place = _Place(installation, type, owner, name)
        while True:
            found = await self._needed(place)
            merged = {**found.state.payload, **payload}
            kept = found.state.expiry if isinstance(expiry, UnsetType) else expiry
            meta = self._meta(place, found, kept)
            if await self._put(place, "same", found.sealed, merged, meta):
                return _state(place, merged, meta)

    async def exchange(
        self, installation: Installation, type: StateType, owner: str, name: str,
        expected: Mapping[str, Any], payload: Mapping[str, Any],
    ) -> bool:  # fmt: skip
        """Replace the payload if it still is *expected*; False when somebody else was first."""
        place = _Place(installation, type, owner, name)
        found = await self._found(place)
        if found is None or found.state.payload != dict(expected):
            return False
        meta = self._meta(place, found, found.state.expiry)
        return bool(await self._put(place, "same", found.sealed, dict(payload), meta))

    async def get_or_set(
        self, installation: Installation, type: StateType, owner: str, name: str,
        payload: Mapping[str, Any], *, expiry: int | None = None,
    ) -> tuple[StoredState, bool]:  # fmt: skip
        """The state, made from *payload* when there was none, and whether there was one."""
        place = _Place(installation, type, owner, name)
        while True:
            if found := await self._found(place):
                return found.state, True
            meta = self._meta(place, None, expiry)
            if await self._put(place, "absent", b"", dict(payload), meta):
                return _state(place, dict(payload), meta), False

    async def expiry(
        self,
        installation: Installation,
        type: StateType,
        owner: str,
        name: str,
        milliseconds: int | None,
    ) -> StoredState:
        """Change the idle time; None keeps it for good. `NotFound` when there is no such state."""
        place = _Place(installation, type, owner, name)
        while True:
            found = await self._needed(place)
            meta = self._meta(place, found, milliseconds)
            if await self._put(place, "same", found.sealed, found.state.payload, meta):
                return _state(place, found.state.payload, meta)

    async def delete(
        self, installation: Installation, type: StateType, owner: str, name: str
    ) -> bool:
        """Remove one; False when there was none."""
        where = _Place(installation, type, owner, name).key
        async with self._redis.pipeline() as together:
            together.delete(where)
            together.srem(keys.key("states-of", installation.webhook_id), where)
            removed = await together.execute()
        return bool(removed[0])

    async def cleared(
        self, installation: Installation, type: StateType, owner: str, name: str
    ) -> StoredState:
        """Remove one, and tell what is there now: an empty payload that nobody can read back."""
        await self.delete(installation, type, owner, name)
        place = _Place(installation, type, owner, name)
        return _state(place, {}, self._meta(place, None, None))

    async def delete_of(self, installation: Installation, type: StateType, owner: str) -> int:
        """Remove every state of one conversation or user; returns how many there were."""
        start = _Place(installation, type, owner, "").key.encode()
        index = keys.key("states-of", installation.webhook_id)
        found = await self._redis.smembers(index)  # type: ignore[misc]
        theirs = [place for place in found if place.startswith(start)]
        if theirs:
            async with self._redis.pipeline() as together:
                together.delete(*theirs)
                together.srem(index, *theirs)
                await together.execute()
        return len(theirs)

    async def delete_all(self, webhook_id: str) -> int:
        """Remove every state of an installation; returns how many there were."""
        index = keys.key("states-of", webhook_id)
        places = await self._redis.smembers(index)  # type: ignore[misc]
        return int(await self._redis.delete(*places, index)) - 1 if places else 0

    async def prepared(
        self,
        installation: Installation,
        type: StateType,
        owner: str,
        name: str,
        payload: Mapping[str, Any],
    ) -> SealedState:
        """Seal a state without writing it, for a script that writes it with other things."""
        place = _Place(installation, type, owner, name)
        meta = self._meta(place, await self._found(place), None)
        return SealedState(
            place.key, await self._seal(place, dict(payload)), msgspec.json.encode(meta)
        )

    async def _found(self, place: _Place) -> _Found | None:
        flat = await self._store.resp.call("HGETALL", place.key)
        row = dict(zip(flat[::2], flat[1::2], strict=True))
        if b"payload" not in row:
            return None
        meta = msgspec.json.decode(row[b"meta"], type=_Meta)
        if b"created" in row:  # older than this payload, which was put without looking
            meta = msgspec.structs.replace(meta, created_at=float(row[b"created"]))
        if meta.expiry:
            await self._store.resp.call("PEXPIRE", place.key, meta.expiry)
        opened = await self._vault.open(_scope(place), f"{place.key}:payload", row[b"payload"])
        return _Found(
            _state(place, msgspec.json.decode(opened.reveal()), meta), row[b"payload"]
        )

    async def _needed(self, place: _Place) -> _Found:
        found = await self._found(place)
        if found is None:
            raise NotFound(f"there is no state {place.name} of {place.type} {place.owner}")
        return found

    async def _put(
        self, place: _Place, condition: str, expected: bytes, payload: Payload, meta: _Meta
    ) -> bytes:
        """When it was made first, in seconds; empty where it was not as expected."""
        webhook_id = place.installation.webhook_id
        sealed = await self._seal(place, payload)
        encoded, created = msgspec.json.encode(meta), repr(meta.created_at)
        where: list[Part] = [webhook_id, place.key, condition, expected]
        reply = await self._store.scripts.run_fast(
            "state_put", [*where, sealed, encoded, meta.expiry or 0, created]
        )
        if reply == -1:
            raise NotFound(f"there is no installation {webhook_id}")
        return bytes(reply or b"")

    async def _seal(self, place: _Place, payload: Payload) -> bytes:
        return await self._vault.seal(
            _scope(place), f"{place.key}:payload", msgspec.json.encode(payload)
        )

    def _meta(self, place: _Place, before: _Found | None, expiry: int | None) -> _Meta:
        now = self._clock.now()
        created = before.state.created_at if before else now
        return _Meta(
            bot_id=place.installation.bot_id, created_at=created, updated_at=now, expiry=expiry
        )


def _scope(place: _Place) -> str:
    return f"installation:{place.installation.webhook_id}"


def _state(place: _Place, payload: Payload, meta: _Meta) -> StoredState:
    return StoredState(
        id="state_" + hashlib.sha256(place.key.encode()).hexdigest()[:26],
        type=place.type,
        name=place.name,
        payload=payload,
        bot_id=meta.bot_id,
        owner=place.owner,
        created_at=meta.created_at,
        updated_at=meta.updated_at,
        expiry=meta.expiry,
    )
