"""Sealing at rest: one data key per scope, made once, gone for good."""

from __future__ import annotations

import asyncio

import pytest

from shared.errors import SealBroken
from shared.secret import KeyRing, Secret
from shared.storage import keys
from shared.storage.connection import Store
from shared.storage.vault import Secrets, Vault


async def test_what_was_sealed_opens_in_its_scope_and_place_only(store: Store) -> None:
    vault = Vault(store, KeyRing.generate())
    sealed = await vault.seal("installation:w1", "key:field", b"token")
    await vault.seal("installation:w2", "key:field", b"other")

    assert b"token" == (await vault.open("installation:w1", "key:field", sealed)).reveal()
    for scope, where in (("installation:w1", "key:other"), ("installation:w2", "key:field")):
        with pytest.raises(SealBroken):
            await vault.open(scope, where, sealed)


async def test_processes_that_start_at_once_agree_on_one_key(store: Store) -> None:
    ring = KeyRing.generate()
    vaults = [Vault(store, ring) for _ in range(20)]
    sealed = await asyncio.gather(
        *(vault.seal("integration:slack", "f", b"x") for vault in vaults)
    )

    for one in sealed:
        assert b"x" == (await Vault(store, ring).open("integration:slack", "f", one)).reveal()


async def test_forgetting_shreds_also_for_a_process_that_had_the_key_open(store: Store) -> None:
    ring = KeyRing.generate()
    here, there = Vault(store, ring), Vault(store, ring)
    sealed = await here.seal("installation:w1", "f", b"token")

    assert await there.forget("installation:w1")
    assert not await there.forget("installation:w1")
    with pytest.raises(SealBroken, match="was destroyed"):
        await here.open("installation:w1", "f", sealed)


async def test_what_is_sealed_after_forgetting_opens_everywhere(store: Store) -> None:
    ring = KeyRing.generate()
    here, there = Vault(store, ring), Vault(store, ring)
    await here.seal("integration:slack", "f", b"old")
    await there.forget("integration:slack")
    sealed = await here.seal("integration:slack", "f", b"new")

    assert b"new" == (await there.open("integration:slack", "f", sealed)).reveal()


async def test_after_a_rotation_the_old_key_of_the_ring_can_go(store: Store) -> None:
    ring = KeyRing.generate()
    vault = Vault(store, ring)
    sealed = {
        f"integration:i{n}": await vault.seal(f"integration:i{n}", "f", b"x") for n in range(3)
    }
    both = ring.rotated("k2")

    assert 3 == await Vault(store, both).rewrap()
    assert 0 == await Vault(store, both).rewrap()
    only = Vault(store, both.without("k1"))
    for scope, value in sealed.items():
        assert b"x" == (await only.open(scope, "f", value)).reveal()


class TestSecrets:
    async def test_all_of_an_integration_are_read_at_once(self, store: Store) -> None:
        secrets = Secrets(store, Vault(store, KeyRing.generate()))
        await secrets.set("slack", "B", Secret(b"2"))
        await secrets.set("slack", "A", Secret(b"1"))

        found = await secrets.all("slack")

        assert [("A", b"1"), ("B", b"2")] == [
            (name, one.reveal()) for name, one in found.items()
        ]
        assert {} == await secrets.all("linear")

    async def test_they_are_set_replaced_and_listed_by_name(self, store: Store) -> None:
        secrets = Secrets(store, Vault(store, KeyRing.generate()))
        await secrets.set("slack", "CLIENT_SECRET", Secret(b"one"))
        await secrets.set("slack", "CLIENT_SECRET", Secret(b"two"))
        await secrets.set("slack", "CLIENT_ID", Secret(b"id"))

        assert Secret(b"two") == await secrets.reveal("slack", "CLIENT_SECRET")
        assert ["CLIENT_ID", "CLIENT_SECRET"] == await secrets.names("slack")
        assert await secrets.reveal("slack", "NOPE") is None
        assert [] == await secrets.names("github")

    async def test_one_copied_to_another_name_does_not_open(self, store: Store) -> None:
        secrets = Secrets(store, Vault(store, KeyRing.generate()))
        await secrets.set("slack", "A", Secret(b"a"))
        where = keys.key("secret", "slack")
        await store.redis.hset(where, "B", await store.redis.hget(where, "A"))  # type: ignore[misc]

        with pytest.raises(SealBroken):
            await secrets.reveal("slack", "B")
