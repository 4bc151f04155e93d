"""What is said on a channel, and how a listener learns that it hears nothing any more."""

from __future__ import annotations

import asyncio

import pytest

from shared.errors import CommandRefused, StoreUnavailable
from shared.storage import heard as heard_module
from shared.storage.connection import Store
from shared.storage.heard import heard
from shared.storage.wire import Line

CHANNEL = "waypost:{c0}:1:inbox:a"


async def test_the_first_news_is_that_none_is_missed_from_now_on(store: Store) -> None:
    listening = heard(store.redis, CHANNEL)
    first = await anext(listening)
    for message in (b"one", b"", b"\r\n\x00" * 40_000):
        await store.redis.publish(CHANNEL, message)
    rest = [await anext(listening) for _ in range(3)]
    await listening.aclose()

    assert first is None
    assert [b"one", b"", b"\r\n\x00" * 40_000] == rest


async def test_other_channels_are_not_heard(store: Store) -> None:
    listening = heard(store.redis, CHANNEL)
    await anext(listening)
    await store.redis.publish(f"{CHANNEL}b", b"theirs")
    await store.redis.publish(CHANNEL, b"ours")

    assert b"ours" == await anext(listening)
    await listening.aclose()


async def test_a_store_that_goes_away_ends_it(store: Store) -> None:
    listening = heard(store.redis, CHANNEL)
    await anext(listening)
    await store.redis.execute_command("CLIENT", "KILL", "TYPE", "pubsub")

    with pytest.raises(StoreUnavailable, match="was lost"):
        await asyncio.wait_for(anext(listening), 5)


async def test_a_line_that_was_lost_before_anybody_listened_ends_it_at_once(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert store.redis.narrow is not None
    line = await store.redis.narrow.line()
    line.close()
    await line.lost

    async def lost() -> Line:
        return line

    monkeypatch.setattr(store.redis.narrow, "line", lost)
    with pytest.raises(StoreUnavailable, match="was lost"):
        await asyncio.wait_for(anext(heard(store.redis, CHANNEL)), 2)


async def test_a_silence_is_asked_about_and_ends_nothing_while_the_store_is_there(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(heard_module, "SILENCE", 0.02)
    listening = heard(store.redis, CHANNEL)
    await anext(listening)
    waiting = asyncio.ensure_future(anext(listening))
    await asyncio.sleep(0.2)
    assert not waiting.done()

    await store.redis.publish(CHANNEL, b"at last")
    assert b"at last" == await asyncio.wait_for(waiting, 5)
    await listening.aclose()


async def test_a_listener_that_leaves_is_gone_from_the_store(store: Store) -> None:
    listening = heard(store.redis, CHANNEL)
    await anext(listening)
    before = await store.redis.pubsub_numsub(CHANNEL)
    await listening.aclose()
    async with asyncio.timeout(5):
        while (await store.redis.pubsub_numsub(CHANNEL))[0][1]:
            await asyncio.sleep(0.01)

    assert [(CHANNEL.encode(), 1)] == before


async def test_who_may_not_listen_is_told(store: Store) -> None:
    await store.redis.execute_command(
        "ACL", "SETUSER", "deaf", "on", ">secret", "~*", "+@all", "resetchannels"
    )
    try:
        async with Store(store.url.replace("://", "://deaf:secret@")) as deaf:
            await deaf.open()
            with pytest.raises(CommandRefused, match="NOPERM"):
                await anext(heard(deaf.redis, CHANNEL))
    finally:
        await store.redis.execute_command("ACL", "DELUSER", "deaf")
