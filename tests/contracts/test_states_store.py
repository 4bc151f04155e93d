"""States: sealed, whole, and gone when idle."""

from __future__ import annotations

import asyncio

import pytest
import pytest_asyncio

from shared.errors import NotFound, SealBroken
from shared.model.installations import Installation
from shared.secret import KeyRing
from shared.storage.connection import Store
from shared.storage.installations import Installations
from shared.storage.states import States
from shared.storage.vault import Vault
from tests.contracts.storage_builders import NOON, FakeClock, an_installation


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock()


@pytest.fixture
def states(store: Store, clock: FakeClock) -> States:
    return States(store, Vault(store, KeyRing.generate()), clock)


@pytest_asyncio.fixture
async def one(store: Store) -> Installation:
    made = an_installation()
    await Installations(store).create(made)
    return made


async def test_a_state_comes_back_with_its_times(
    states: States, one: Installation, clock: FakeClock
) -> None:
    await states.set(one, "integration", "i1", "tokens", {"a": "é", "n": [1, 2.5, None]})
    clock.at += 5
    written = await states.set(one, "integration", "i1", "tokens", {"a": "new"})

    assert written == await states.get(one, "integration", "i1", "tokens")
    assert ({"a": "new"}, NOON, NOON + 5) == (
        written.payload,
        written.created_at,
        written.updated_at,
    )
    assert ("shop", "i1", "integration") == (written.bot_id, written.owner, written.type)


async def test_names_never_meet_across_types_owners_and_installations(
    store: Store, states: States, one: Installation
) -> None:
    other = an_installation(alias="other")
    await Installations(store).create(other)
    places = [
        (one, "user", "a:b", "c"),
        (one, "user", "a", "b:c"),
        (one, "conversation", "a", "c"),
        (other, "user", "a", "c"),
    ]
    for number, place in enumerate(places):
        await states.set(*place, {"n": number})  # type: ignore[arg-type]

    found = [await states.get(*place) for place in places]  # type: ignore[arg-type]
    assert list(range(4)) == [state.payload["n"] for state in found if state]
    assert 4 == len({state.id for state in found if state})


async def test_nothing_readable_lies_in_the_store(
    store: Store, states: States, one: Installation
) -> None:
    await states.set(one, "integration", "i1", "tokens", {"access_token": "xoxb-very-secret"})

    dump = [await store.redis.dump(key) async for key in store.redis.scan_iter()]
    assert not any(b"xoxb" in part or b"access_token" in part for part in dump if part)


async def test_a_sealed_state_opens_in_its_own_place_only(
    store: Store, states: States, one: Installation
) -> None:
    await states.set(one, "integration", "i1", "tokens", {"a": 1})
    sealed = await states.prepared(one, "integration", "i1", "tokens", {"a": 1})
    moved = sealed.key.replace("tokens", "stolen")
    await store.redis.hset(moved, mapping={"payload": sealed.payload, "meta": sealed.meta})  # type: ignore[misc]

    with pytest.raises(SealBroken):
        await states.get(one, "integration", "i1", "stolen")


class TestPatching:
    async def test_the_top_level_is_merged(self, states: States, one: Installation) -> None:
        await states.set(one, "integration", "i1", "s", {"a": {"x": 1}, "b": 1}, expiry=60_000)

        patched = await states.patch(one, "integration", "i1", "s", {"a": {"y": 2}})

        assert ({"a": {"y": 2}, "b": 1}, 60_000) == (patched.payload, patched.expiry)

    async def test_many_at_once_lose_nothing(self, states: States, one: Installation) -> None:
        await states.set(one, "integration", "i1", "s", {})
        await asyncio.gather(
            *(states.patch(one, "integration", "i1", "s", {str(n): n}) for n in range(20))
        )

        found = await states.get(one, "integration", "i1", "s")
        assert found is not None
        assert {str(n): n for n in range(20)} == found.payload

    async def test_what_is_not_there_is_not_made(
        self, states: States, one: Installation
    ) -> None:
        with pytest.raises(NotFound):
            await states.patch(one, "integration", "i1", "s", {"a": 1})
        assert await states.get(one, "integration", "i1", "s") is None


class TestGetOrSet:
    async def test_many_at_once_agree_on_one(self, states: States, one: Installation) -> None:
        results = await asyncio.gather(
            *(states.get_or_set(one, "user", "u1", "s", {"by": n}) for n in range(20))
        )

        assert 1 == len({state.payload["by"] for state, _ in results})
        assert 19 == sum(was_there for _, was_there in results)


class TestIdleTime:
    async def test_a_state_that_nobody_touches_goes(
        self, states: States, one: Installation
    ) -> None:
        await states.set(one, "user", "u1", "s", {"a": 1}, expiry=1)
        await asyncio.sleep(0.02)

        assert await states.get(one, "user", "u1", "s") is None

    async def test_reading_starts_it_over_and_none_ends_it(
        self, store: Store, states: States, one: Installation
    ) -> None:
        await states.set(one, "user", "u1", "s", {"a": 1}, expiry=60_000)
        where = (await states.prepared(one, "user", "u1", "s", {})).key
        await store.redis.pexpire(where, 1000)
        await states.get(one, "user", "u1", "s")
        assert 1000 < await store.redis.pttl(where)

        await states.expiry(one, "user", "u1", "s", None)
        assert -1 == await store.redis.pttl(where)


class TestRemoving:
    async def test_one_goes_and_the_others_stay(
        self, states: States, one: Installation
    ) -> None:
        for name in ("a", "b", "c"):
            await states.set(one, "user", "u1", name, {})

        assert await states.delete(one, "user", "u1", "a")
        assert not await states.delete(one, "user", "u1", "a")
        assert 2 == await states.delete_all(one.webhook_id)
        assert 0 == await states.delete_all(one.webhook_id)
        assert await states.get(one, "user", "u1", "b") is None

    async def test_an_installation_that_is_gone_gets_no_state(
        self, store: Store, states: States, one: Installation
    ) -> None:
        """A worker that was still busy with it must not leave tokens behind."""
        await Installations(store).delete(one.webhook_id)

        with pytest.raises(NotFound):
            await states.set(one, "integration", "i1", "tokens", {"a": 1})
        with pytest.raises(NotFound):
            await states.get_or_set(one, "integration", "i1", "tokens", {"a": 1})
