"""One at a time: whose turn it is, over a real store."""

from __future__ import annotations

from shared.storage import keys
from shared.storage.connection import Store
from shared.storage.turns import LEASE, Turns


async def lasts(store: Store, place: str) -> int:
    """Milliseconds."""
    return int(await store.redis.pttl(keys.key("turn", place)))


async def test_one_has_it_until_they_drop_it(store: Store) -> None:
    turns = Turns(store)

    assert await turns.take("w1", "a")
    assert not await turns.take("w1", "b")
    assert await turns.take("w2", "b")
    await turns.drop("w1", "b")  # not theirs: nothing happens
    assert not await turns.take("w1", "b")
    await turns.drop("w1", "a")
    assert await turns.take("w1", "b")


async def test_who_has_it_may_have_it_for_longer(store: Store) -> None:
    turns = Turns(store)
    await turns.take("w1", "a")
    await store.redis.pexpire(keys.key("turn", "w1"), 1000)

    assert await turns.take("w1", "a")
    assert 1000 < await lasts(store, "w1") <= LEASE


async def test_it_ends_by_itself(store: Store) -> None:
    await Turns(store).take("register/w:1", "a")

    assert 0 < await lasts(store, "register/w:1") <= LEASE
