"""Installations: one alias on one bot, changed whole or not at all, gone with all that belongs to them."""

from __future__ import annotations

import asyncio

import pytest

from shared.errors import Conflict, NotFound, SealBroken, SetupFailed
from shared.model.installations import Account, Installation
from shared.secret import KeyRing
from shared.storage import keys
from shared.storage.bots import Bots
from shared.storage.connection import Store
from shared.storage.definitions import Definitions
from shared.storage.installations import Installations
from shared.storage.states import States
from shared.storage.vault import Vault
from tests.contracts.storage_builders import NOON, an_installation


@pytest.fixture
def vault(store: Store) -> Vault:
    return Vault(store, KeyRing.generate())


@pytest.fixture
def installations(store: Store, vault: Vault) -> Installations:
    return Installations(store, vault)


async def bind(
    store: Store, one: Installation, identifier: str, ownership: str = "exclusive"
) -> None:
    await store.scripts.run(
        "bind", [one.integration, identifier, one.webhook_id, ownership, "1"]
    )


async def test_an_installation_and_its_secret_fields_are_read_at_once(store: Store) -> None:
    installations = Installations(store, Vault(store, KeyRing.generate()))
    sealed = await installations.sealed("w1", b'{"token":"x"}')
    await installations.create(an_installation(webhook_id="w1"), sealed)
    await installations.create(an_installation(webhook_id="w2", alias="other"))

    (first, secret), (second, none) = (
        await installations.opened("w1"),
        await installations.opened("w2"),
    )

    assert await installations.by_webhook_id("w1") == first
    assert b'{"token":"x"}' == secret.reveal()
    assert ("w2", None) == (second.webhook_id, none)
    assert await installations.opened("nobody") is None


async def test_what_was_created_is_found_by_id_alias_and_hook(
    store: Store, installations: Installations
) -> None:
    made = an_installation(
        configuration_type="manual", configuration={"team": "T1"}, account=Account(id="T1")
    )
    await installations.create(made)

    found = await installations.by_webhook_id(made.webhook_id)

    assert found is not None
    assert found.updated_at > NOON
    assert made == Installation(
        **{
            name: getattr(found, name)
            for name in made.__struct_fields__
            if name != "updated_at"
        }
    )
    assert found == await installations.by_alias("shop", "slack")
    assert "slack" == await Definitions(store).hook(made.webhook_id)


async def test_an_alias_is_taken_once_however_many_ask_at_once(
    installations: Installations,
) -> None:
    tries = [installations.create(an_installation()) for _ in range(20)]
    results = await asyncio.gather(*tries, return_exceptions=True)

    assert 1 == results.count(None)
    assert 19 == sum(isinstance(result, Conflict) for result in results)
    await installations.create(an_installation(bot_id="desk"))


async def test_some_parts_change_and_the_others_stay(installations: Installations) -> None:
    one = an_installation()
    await installations.create(one, b"sealed")

    await installations.update(
        one.webhook_id, enabled=False, status="registered", status_reason="", connection="connected",
        account=Account(id="T1", name="Acme", scopes=("chat",)), configuration={"a": 1},
    )  # fmt: skip

    found = await installations.by_webhook_id(one.webhook_id)
    assert found is not None
    assert (False, "registered", "connected") == (found.enabled, found.status, found.connection)
    assert ("slack", {"a": 1}) == (found.alias, found.configuration)
    assert Account(id="T1", name="Acme", scopes=("chat",)) == found.account
    assert b"sealed" == await installations.sealed_configuration(one.webhook_id)


async def test_changes_at_once_lose_nothing(installations: Installations) -> None:
    one = an_installation()
    await installations.create(one)
    await asyncio.gather(
        *(installations.update(one.webhook_id, configuration={"n": n}) for n in range(20)),
        installations.update(one.webhook_id, integration_id="int_2"),
    )

    found = await installations.by_webhook_id(one.webhook_id)
    assert found is not None
    assert "int_2" == found.integration_id


async def test_changing_what_is_gone_or_may_not_change_is_refused(
    installations: Installations,
) -> None:
    one = an_installation()
    with pytest.raises(NotFound):
        await installations.update(one.webhook_id, enabled=True)
    await installations.create(one)
    for part in ("alias", "identifier", "webhook_id"):
        with pytest.raises(TypeError, match=part):
            await installations.update(one.webhook_id, **{part: "x"})


async def test_pages_hold_each_installation_once_newest_first(
    installations: Installations,
) -> None:
    """Ten in the same millisecond, so that the cursor has to tell them apart."""
    made = [an_installation(alias=f"a{n}", created_at=NOON + n // 10) for n in range(25)]
    for one in made:
        await installations.create(one)
    await installations.create(an_installation(bot_id="desk", integration="github"))

    found: list[Installation] = []
    cursor, pages = "", 0
    while cursor or not pages:
        page, cursor = await installations.list(bot="shop", cursor=cursor, limit=7)
        found += page
        pages += 1

    assert 4 == pages
    expected = sorted(made, key=lambda one: (one.created_at, one.webhook_id), reverse=True)
    assert [one.webhook_id for one in expected] == [one.webhook_id for one in found]
    assert 1 == len((await installations.list(integration="github"))[0])


async def test_the_owners_of_an_identifier_are_known(
    store: Store, installations: Installations
) -> None:
    pair = [an_installation(alias=alias) for alias in ("one", "two")]
    for one in pair:
        await installations.create(one)
        await bind(store, one, "T:1", "share")

    assert sorted(one.webhook_id for one in pair) == await installations.owners_of(
        "slack", "T:1"
    )
    assert [] == await installations.owners_of("slack", "T")


async def test_a_sole_owner_comes_with_its_bot(
    store: Store, vault: Vault, installations: Installations
) -> None:
    await Bots(store, vault).put("shop:1", url="https://bot.test/")
    first = an_installation(alias="one", bot_id="shop:1")
    second = an_installation(alias="two", bot_id="nobody's")
    await installations.create(first)
    await bind(store, first, "T:1", "share")
    alone = await installations.sole_owner("slack", "T:1")
    await installations.create(second)
    await bind(store, second, "T:1", "share")
    named = await installations.sole_owner("slack", "T:1", second.webhook_id)

    assert alone is not None
    assert alone[1] is not None
    assert (first.webhook_id, "shop:1") == (alone[0].webhook_id, alone[1].id)
    assert "https://bot.test/" == alone[1].url
    assert named == (await installations.by_webhook_id(second.webhook_id), None)
    assert await installations.sole_owner("slack", "T:1") is None
    assert await installations.sole_owner("slack", "T:1", "somebody") is None
    assert await installations.sole_owner("slack", "T") is None


class TestSecretFields:
    async def test_they_come_back_for_this_installation_alone(
        self, installations: Installations
    ) -> None:
        one, other = an_installation(), an_installation(alias="other")
        sealed = await installations.sealed(one.webhook_id, b'{"token":"t"}')
        await installations.create(one, sealed)
        await installations.create(other, sealed)

        revealed = await installations.secret_configuration(one.webhook_id)
        assert revealed is not None
        assert b'{"token":"t"}' == revealed.reveal()
        with pytest.raises(SealBroken):
            await installations.secret_configuration(other.webhook_id)

    async def test_a_program_without_keys_can_only_see_that_they_are_sealed(
        self, store: Store
    ) -> None:
        with pytest.raises(SetupFailed, match="holds no keys"):
            await Installations(store).sealed("w1", b"x")


class TestUninstalling:
    async def test_everything_that_belongs_to_it_goes(
        self, store: Store, installations: Installations, vault: Vault
    ) -> None:
        one = an_installation()
        await installations.create(one, await installations.sealed(one.webhook_id, b"{}"))
        await bind(store, one, "T1")
        await States(store, vault).set(
            one, "integration", one.webhook_id, "credentials", {"token": "t"}
        )

        assert await installations.delete(one.webhook_id)

        assert await installations.by_webhook_id(one.webhook_id) is None
        assert [] == await installations.owners_of("slack", "T1")
        assert ([], "") == await installations.list()
        left = [key.decode() async for key in store.redis.scan_iter()]
        assert [keys.key("unbound", "slack", "T1")] == [
            key for key in left if "totals" not in key
        ]
        await installations.create(an_installation())

    async def test_a_second_time_is_no_error(self, installations: Installations) -> None:
        assert not await installations.delete("gone")

    async def test_listeners_hear_of_the_hook(
        self, store: Store, installations: Installations
    ) -> None:
        changes = Definitions(store).door_changes()
        one = an_installation()
        async with asyncio.timeout(5):
            await anext(changes)
            await installations.create(one)
            await installations.delete(one.webhook_id)
            heard = [await anext(changes), await anext(changes)]
        await changes.aclose()

        assert [("hook", one.webhook_id)] * 2 == heard
