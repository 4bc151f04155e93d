"""Bots and their events."""

from __future__ import annotations

import asyncio

import pytest

from shared.secret import KeyRing, Secret
from shared.storage.bots import Bots, Events
from shared.storage.connection import Store
from shared.storage.vault import Vault
from tests.contracts.storage_builders import NOON, FakeClock, an_event


class TestBots:
    async def test_a_secret_is_kept_until_another_is_given_and_never_shown(
        self, store: Store
    ) -> None:
        bots = Bots(store, Vault(store, KeyRing.generate()), FakeClock())
        assert not (await bots.put("shop", "https://a.example")).has_secret
        await bots.put("shop", "https://a.example", Secret(b"whsec_1"))
        moved = await bots.put("shop", "https://b.example")

        assert (True, "https://b.example", NOON) == (
            moved.has_secret,
            moved.url,
            moved.created_at,
        )
        assert Secret(b"whsec_1") == await bots.secret("shop")

    async def test_all_are_listed_by_id(self, store: Store) -> None:
        bots = Bots(store, Vault(store, KeyRing.generate()), FakeClock())
        for name in ("shop", "desk"):
            await bots.put(name)

        assert ["desk", "shop"] == [bot.id for bot in await bots.list()]
        assert await bots.get("nobody") is None
        assert await bots.secret("nobody") is None


@pytest.fixture
def events(store: Store) -> Events:
    return Events(store)


class TestEvents:
    async def test_they_are_read_in_order_in_pages(self, events: Events) -> None:
        for number in range(5):
            await events.append(an_event(number))

        first, after = await events.read("shop", limit=3)
        second, after = await events.read("shop", after, limit=3)
        third, end = await events.read("shop", after, limit=3)

        assert [an_event(number) for number in range(5)] == [*first, *second]
        assert ([], after) == (third, end)

    async def test_each_is_stored_once_however_often_it_is_brought(
        self, events: Events
    ) -> None:
        await asyncio.gather(*(events.append(an_event()) for _ in range(10)))

        assert 1 == len((await events.read("shop"))[0])

    async def test_bots_read_their_own_only(self, events: Events) -> None:
        await events.append(an_event(bot_id="shop:1"))

        assert [] == (await events.read("shop"))[0]
        assert 1 == len((await events.read("shop:1"))[0])

    async def test_a_reader_who_waits_gets_the_event_when_it_comes(
        self, events: Events
    ) -> None:
        waiting = asyncio.ensure_future(events.read("shop", wait=10))
        await asyncio.sleep(0.02)
        await events.append(an_event())

        found, after = await asyncio.wait_for(waiting, 5)
        assert [an_event()] == found
        assert ([], after) == await events.read("shop", after)

    async def test_a_reader_waits_no_longer_than_asked_and_keeps_the_place(
        self, events: Events
    ) -> None:
        await events.append(an_event())
        _, after = await events.read("shop")

        assert ([], after) == await asyncio.wait_for(events.read("shop", after, wait=0.01), 5)

    @pytest.mark.parametrize("after", ["", "0", "nonsense", "evt_1", "-", "$", "١-١"])
    async def test_a_position_that_nobody_gave_reads_from_the_start(
        self, events: Events, after: str
    ) -> None:
        await events.append(an_event())

        assert [an_event()] == (await events.read("shop", after))[0]

    async def test_many_who_wait_hold_up_nobody(self, events: Events) -> None:
        waiting = [asyncio.ensure_future(events.read("shop", wait=20)) for _ in range(60)]
        await asyncio.sleep(0.05)
        await asyncio.wait_for(events.append(an_event()), 2)

        results = await asyncio.wait_for(asyncio.gather(*waiting), 10)
        assert 60 == sum(len(found) for found, _ in results)

    async def test_retention_ends_by_age(self, events: Events) -> None:
        await events.append(an_event())

        assert 0 == await events.trim("shop", before=NOON)
        assert 1 == await events.trim("shop", before=NOON * 2)
