"""Published integrations, and what the ingress learns of them."""

from __future__ import annotations

import asyncio

from shared.model.requests import Door
from shared.storage.connection import Store
from shared.storage.definitions import Definitions, DoorChange, integration_id_of

SLACK = Door(name="acme/slack", reply="wait", body_limit=100)


async def test_the_last_published_version_is_the_current_one(store: Store) -> None:
    definitions = Definitions(store)
    old = await definitions.publish(b"old", "acme/slack", "1.0.0", SLACK)
    new = await definitions.publish(b"new", "acme/slack", "1.1.0", SLACK)

    assert (new, b"new") == await definitions.current("acme/slack")
    assert b"old" == await definitions.by_id(old)
    assert SLACK == await definitions.door("acme/slack")
    assert ["acme/slack"] == await definitions.names()


async def test_the_same_name_and_version_is_the_same_integration(store: Store) -> None:
    definitions = Definitions(store)
    first = await definitions.publish(b"one", "slack", "1.0.0", Door(name="slack"))
    second = await definitions.publish(b"two", "slack", "1.0.0", Door(name="slack"))

    assert first == second
    assert b"two" == await definitions.by_id(first)
    assert integration_id_of("slack", "1.0.1") != first


async def test_what_does_not_exist_is_none(store: Store) -> None:
    definitions = Definitions(store)

    assert await definitions.current("nope") is None
    assert await definitions.by_id("int_nope") is None
    assert await definitions.door("nope") is None
    assert await definitions.hook("nope") is None


async def test_listeners_hear_first_that_all_may_have_changed_then_of_each_door(
    store: Store,
) -> None:
    definitions = Definitions(store)
    changes = definitions.door_changes()

    async with asyncio.timeout(5):
        assert DoorChange("all", "") == await anext(changes)
        await definitions.publish(b"x", "acme/slack", "1.0.0", SLACK)
        assert DoorChange("door", "acme/slack") == await anext(changes)
    await changes.aclose()


async def test_a_listener_whose_connection_broke_is_told_to_forget_all(store: Store) -> None:
    definitions = Definitions(store)
    changes = definitions.door_changes()

    async with asyncio.timeout(5):
        await anext(changes)
        following = asyncio.ensure_future(anext(changes))
        await asyncio.sleep(0)
        await store.redis.execute_command("CLIENT", "KILL", "TYPE", "pubsub")
        assert DoorChange("all", "") == await following
    await changes.aclose()
