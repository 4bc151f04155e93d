"""Bots and their events."""

from __future__ import annotations

import asyncio
from datetime import timedelta

import msgspec
import pytest

from shared.model.retention import Retention, Swept
from shared.secret import KeyRing, Secret
from shared.storage import keys
from shared.storage.bots import Bots, Events
from shared.storage.connection import Store
from shared.storage.vault import Vault
from tests.contracts.ledger_builders import Bench, an_ending
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


EVENT = 128  # bytes that are counted beside an event's own


class TestRetentionOfEvents:
    """A stream that nobody reads does not grow for ever, and costs no other bot its events."""

    async def test_unread_ones_end_by_age(self, bench: Bench, events: Events) -> None:
        await events.append(an_event(1))
        month = Retention(ages={"events": timedelta(days=30)})
        early = await events.sweep(month)
        bench.later(timedelta(days=31))

        assert (Swept(), Swept(events=1, unread=1)) == (early, await events.sweep(month))
        assert [] == (await events.read("shop"))[0]
        assert 1 == await bench.counter("dropped_events")

    async def test_read_ones_end_sooner_and_nobody_is_told(
        self, bench: Bench, events: Events
    ) -> None:
        for number in range(3):
            await events.append(an_event(number))
        _, after = await events.read("shop", limit=2)
        await events.read("shop", after)
        bench.later(timedelta(days=8))
        week = Retention(ages={"read": timedelta(days=7), "events": timedelta(days=30)})

        assert Swept(events=2) == await events.sweep(week)
        assert [an_event(2)] == (await events.read("shop"))[0]
        assert 0 == await bench.counter("dropped_events")

    async def test_a_page_is_not_read_before_somebody_reads_on(
        self, bench: Bench, events: Events
    ) -> None:
        """Whoever got it may have died with it."""
        await events.append(an_event())
        await events.read("shop")
        bench.later(timedelta(days=8))

        assert Swept() == await events.sweep(Retention(ages={"read": timedelta(days=7)}))

    @pytest.mark.parametrize("position", ["9999999999999-0", "0-1", "nonsense"])
    async def test_a_position_that_the_stream_never_had_reads_nothing(
        self, bench: Bench, events: Events, position: str
    ) -> None:
        await events.append(an_event())
        await events.read("shop", position)
        bench.later(timedelta(days=8))

        assert Swept() == await events.sweep(Retention(ages={"read": timedelta(days=7)}))

    async def test_by_bytes_the_oldest_go_until_the_rest_fits(
        self, bench: Bench, events: Events
    ) -> None:
        for number in range(5):
            await events.append(an_event(number))
        size = len(msgspec.json.encode(an_event(0))) + EVENT
        two = Retention(ages={}, bytes={"events": 2 * size})

        assert Swept(events=2, unread=2) == await events.sweep(two, most=2)
        assert Swept(events=1, unread=1) == await events.sweep(two)
        assert Swept() == await events.sweep(two)
        assert [an_event(3), an_event(4)] == (await events.read("shop"))[0]

    async def test_by_bytes_what_was_read_goes_first(
        self, bench: Bench, events: Events
    ) -> None:
        for number in range(3):
            await events.append(an_event(number, bot_id="quiet"))
        for number in range(4):
            await events.append(an_event(10 + number))
        _, after = await events.read("quiet", limit=2)
        await events.read("quiet", after)
        size = len(msgspec.json.encode(an_event(10))) + EVENT

        swept = await events.sweep(Retention(ages={}, bytes={"events": 5 * size + 8}))
        assert Swept(events=2) == swept

    async def test_by_bytes_the_longest_stream_goes_first(
        self, bench: Bench, events: Events
    ) -> None:
        """However much comes for a bot that nobody reads."""
        await events.append(an_event(0, bot_id="quiet"))
        for number in range(1, 50):
            await events.append(an_event(number))
        size = len(msgspec.json.encode(an_event(10))) + EVENT
        await events.sweep(Retention(ages={}, bytes={"events": 3 * size}))

        assert [an_event(0, bot_id="quiet")] == (await events.read("quiet"))[0]
        assert [an_event(48), an_event(49)] == (await events.read("shop"))[0]

    async def test_a_reader_goes_on_in_a_stream_that_was_emptied(
        self, bench: Bench, events: Events
    ) -> None:
        await events.append(an_event(1))
        _, after = await events.read("shop")
        await events.sweep(Retention(ages={}, bytes={"events": 0}))
        await events.append(an_event(2))

        assert [an_event(2)] == (await events.read("shop", after))[0]

    async def test_an_event_takes_no_more_than_is_counted(
        self, bench: Bench, events: Events
    ) -> None:
        await bench.accept(*(f"req_{number}" for number in range(1000)))
        told = {"bot": "shop", "event": b"x" * 3000}
        for _ in range(4):
            claims = await bench.claim(250)
            await bench.ledger.settle([an_ending(one, "done", **told) for one in claims])

        took = await bench.redis.memory_usage(keys.key("events", "shop"), samples=0)
        assert took <= 1000 * (3000 + EVENT)

    async def test_the_oldest_that_was_not_read_is_known_by_bot(
        self, bench: Bench, events: Events
    ) -> None:
        for number, bot in enumerate(("shop", "shop", "desk:1")):
            await events.append(an_event(number, bot_id=bot))
            await asyncio.sleep(0.002)
        all_of_them = await bench.inspection.unread()
        _, after = await events.read("shop", limit=1)
        await events.read("shop", after)
        later = await bench.inspection.unread()
        _, end = await events.read("shop", after)
        await events.read("shop", end)

        assert ["desk:1", "shop"] == sorted(all_of_them)
        assert all_of_them["shop"] < later["shop"]
        assert ["desk:1"] == list(await bench.inspection.unread())
