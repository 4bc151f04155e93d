"""A store of the layout before becomes one of ours at the first start."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from datetime import timedelta

import pytest
import pytest_asyncio

from shared.errors import SetupFailed
from shared.storage import keys, migration
from shared.storage.bots import Events
from shared.storage.connection import Store
from shared.storage.layout import settle_layout
from shared.storage.ledger_check import check
from shared.storage.resp import Part
from tests.contracts.ledger_builders import Bench
from tests.contracts.ledger_scene import a_scene
from tests.contracts.storage_builders import an_event

NEW = ("lanes-open", "events-bytes", "events-since")


@pytest_asyncio.fixture
async def old(store: Store, monkeypatch: pytest.MonkeyPatch) -> Bench:
    """A store of layout 1 with a record in each state and events of two bots; read in small pages."""
    for name, value in {"PAGE": 2, "EVENTS": 2, "TOLD": 1, "LOOK": 0.01}.items():
        monkeypatch.setattr(migration, name, value)
    bench = Bench(store)
    await a_scene(bench)
    for number in range(5):
        await Events(store).append(an_event(number))
    await _make_old(store)
    return bench


async def _make_old(store: Store) -> None:
    await store.redis.delete(*(keys.key(one) for one in NEW))
    await store.redis.hdel(keys.key("bytes"), "events")  # type: ignore[misc]
    await store.redis.set(keys.layout_stamp(), "1")


async def test_what_is_in_it_is_counted(old: Bench) -> None:
    before = await check(old.store)
    await settle_layout(old.store)

    assert before, "a control: without its counters the ledger is not sound"
    assert [] == await check(old.store)
    assert keys.LAYOUT.encode() == await old.redis.get(keys.layout_stamp())
    assert [] == await old.redis.keys(keys.key("layout-*"))


async def test_nothing_else_is_changed(old: Bench) -> None:
    before = await old.everything()
    await settle_layout(old.store)
    after = await old.everything()

    changed = {key for key in before.keys() | after if before.get(key) != after.get(key)}
    assert {keys.layout_stamp(), keys.key("bytes"), *map(keys.key, NEW)} == changed


async def test_a_store_without_anything_in_it_is_stamped(store: Store) -> None:
    await store.redis.set(keys.layout_stamp(), "1")
    await settle_layout(store)

    assert keys.LAYOUT.encode() == await store.redis.get(keys.layout_stamp())
    assert [] == await check(store)


class Killed(Exception):
    """The end of a process."""


def killed_after(store: Store, notes: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """From now on the store's scripts end after so many *notes* of a migration."""
    run, left = store.scripts.run, iter(range(notes))

    async def some(name: str, args: Sequence[Part]) -> object:
        if name == "layout" and args[0] != "take" and next(left, None) is None:
            raise Killed
        return await run(name, args)

    monkeypatch.setattr(store.scripts, "run", some)


@pytest.mark.parametrize("notes", [1, 4, 8, 12])
async def test_one_that_is_killed_half_way_is_begun_again(
    old: Bench, notes: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as first:
        first.setattr(migration, "LEASE", 50)
        killed_after(old.store, notes, first)
        with pytest.raises(Killed):
            await settle_layout(old.store)
    assert b"1" == await old.redis.get(keys.layout_stamp())
    await settle_layout(old.store)

    assert [] == await check(old.store)
    assert keys.LAYOUT.encode() == await old.redis.get(keys.layout_stamp())


async def test_of_many_that_start_one_migrates_and_the_others_wait(
    old: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    took = []
    run = old.store.scripts.run

    async def seen(name: str, args: Sequence[Part]) -> object:
        said = await run(name, args)
        took.extend([said] if args[0] == "take" and said > 0 else [])
        return said

    monkeypatch.setattr(old.store.scripts, "run", seen)
    await asyncio.gather(*(settle_layout(old.store) for _ in range(5)))

    assert [1] == took
    assert [] == await check(old.store)


async def test_who_was_too_slow_writes_nothing_over_what_another_one_did(
    old: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It stood still for longer than its turn, another one finished, and work went on."""
    slow = await old.store.scripts.run(
        "layout", ["take", keys.layout_stamp(), keys.LAYOUT_BEFORE, 1]
    )
    await asyncio.sleep(0.01)
    await settle_layout(old.store)
    await old.accept("req_later")
    late = ["swap", keys.layout_stamp(), keys.LAYOUT_BEFORE, slow, keys.LAYOUT, 0]

    assert 0 == await old.store.scripts.run("layout", late)
    assert [] == await check(old.store)


class TestWhileTheOlderVersionRuns:
    async def test_it_is_refused_once_a_worker_beats(self, old: Bench) -> None:
        """One that was stopped does not say so, so a beat from before is waited out."""

        async def beats() -> None:
            while True:
                await old.ledger.beat("old-one", {"slots": 1}, timedelta(seconds=20))
                await asyncio.sleep(0.02)

        beating = asyncio.create_task(beats())
        with pytest.raises(
            SetupFailed, match="worker old-one of an older version is at work"
        ) as refused:
            await settle_layout(old.store)
        beating.cancel()

        assert refused.value.fix.startswith("stop all programs of the older version first")
        assert b"1" == await old.redis.get(keys.layout_stamp())

    async def test_it_is_refused_while_an_ingress_or_an_api_listens(self, old: Bench) -> None:
        async with old.redis.pubsub() as line:
            await line.subscribe(keys.key("inbox", "one"))
            await line.get_message(timeout=1)
            with pytest.raises(SetupFailed, match="an ingress or an api of an older version"):
                await settle_layout(old.store)

        assert b"1" == await old.redis.get(keys.layout_stamp())

    async def test_one_that_was_stopped_is_waited_for(
        self, old: Bench, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(migration, "SILENCE", 100)
        await old.ledger.beat("old-one", {"slots": 1}, timedelta(seconds=20))
        await settle_layout(old.store)

        assert keys.LAYOUT.encode() == await old.redis.get(keys.layout_stamp())
        assert [] == await check(old.store)
