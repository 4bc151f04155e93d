"""A store of a layout before becomes one of ours at the first start."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from datetime import timedelta

import pytest
import pytest_asyncio

from shared.errors import SetupFailed
from shared.model.jobs import STATES
from shared.storage import keys, migration
from shared.storage.bots import Events
from shared.storage.client import StoreClient
from shared.storage.connection import Store
from shared.storage.inspection import Filter
from shared.storage.layout import settle_layout
from shared.storage.ledger import Ending
from shared.storage.ledger_check import check
from shared.storage.rows import came
from shared.storage.wire import Part
from tests.contracts.ledger_builders import Bench
from tests.contracts.ledger_scene import a_scene
from tests.contracts.storage_builders import an_event

NEW = ("lanes-open", "events-bytes", "events-since")


@pytest_asyncio.fixture
async def ours(store: Store, monkeypatch: pytest.MonkeyPatch) -> Bench:
    """A store with a record in each state and events of two bots; a migration reads it in small pages."""
    for name, value in {"PAGE": 2, "EVENTS": 2, "TOLD": 1, "LOOK": 0.01}.items():
        monkeypatch.setattr(migration, name, value)
    bench = Bench(store)
    await a_scene(bench)
    for number in range(5):
        await Events(store).append(an_event(number))
    return bench


@pytest_asyncio.fixture(params=keys.LAYOUTS_BEFORE)
async def old(ours: Bench, request: pytest.FixtureRequest) -> Bench:
    """The same store, as an older version would have left it."""
    await make_old(ours.redis, request.param)
    return ours


async def make_old(redis: StoreClient, layout: str) -> None:
    """What layout 4 has joined is apart again; in layout 1 nothing is counted by lane and stream."""
    leases = await redis.zrange(keys.key("state", "leased"), 0, -1, withscores=True)
    await redis.zadd(keys.key("leases"), dict(leases))
    for record in await redis.keys(keys.key("record", "*")):
        how = came(await redis.hget(record, "came"))  # type: ignore[misc]
        for name, value in how._asdict().items():
            if value != "":
                await redis.hsetnx(record, name, value)  # type: ignore[misc]
        await redis.hdel(record, "came")  # type: ignore[misc]
        id = record.decode().rpartition(":")[2]
        await redis.zadd(keys.key("state", "leased"), {id: how.at}, xx=True)
    if layout == "1":
        await redis.delete(*(keys.key(one) for one in NEW))
        await redis.hdel(keys.key("bytes"), "events")  # type: ignore[misc]
    await redis.set(keys.layout_stamp(), layout)


async def test_what_is_in_it_is_counted(old: Bench) -> None:
    before = await check(old.store)
    await settle_layout(old.store)

    assert before, "a control: the ledger of an older version is not sound"
    assert [] == await check(old.store)
    assert keys.LAYOUT.encode() == await old.redis.get(keys.layout_stamp())
    assert [] == await old.redis.keys(keys.key("layout-*"))


async def test_nothing_else_is_changed(old: Bench) -> None:
    before = await old.everything()
    await settle_layout(old.store)
    after = await old.everything()

    changed = {key for key in before.keys() | after if before.get(key) != after.get(key)}
    records = {key for key in before if key.startswith(keys.key("record", ""))}
    indexes = {keys.key("leases"), keys.key("state", "leased")}
    assert records | indexes | {keys.layout_stamp()} <= changed
    assert changed <= records | indexes | {
        keys.layout_stamp(), keys.key("bytes"), *map(keys.key, NEW),
    }  # fmt: skip


@pytest.mark.parametrize("layout", keys.LAYOUTS_BEFORE)
async def test_records_and_leases_are_what_they_were(ours: Bench, layout: str) -> None:
    leases = keys.key("state", "leased")
    before = (await ours.inspection.list(Filter())).records
    ends = await ours.redis.zrange(leases, 0, -1, withscores=True)
    await make_old(ours.redis, layout)
    await settle_layout(ours.store)

    assert {one.state for one in before} == set(STATES)
    assert before == (await ours.inspection.list(Filter())).records
    assert ends == await ours.redis.zrange(leases, 0, -1, withscores=True)


@pytest.mark.parametrize("layout", keys.LAYOUTS_BEFORE)
async def test_work_goes_on(ours: Bench, layout: str) -> None:
    """What was leased ends, and what was ready is claimed as what it is."""
    await make_old(ours.redis, layout)
    await settle_layout(ours.store)
    ended = await ours.ledger.settle([Ending(id="req_leased", epoch=1, end="done")])
    claims, _ = await ours.ledger.claim("w", 100)

    assert [True] == ended
    assert ["linear"] == sorted({one.record.integration for one in claims})
    assert {"req_head", "req_keyed"} <= {one.record.id for one in claims}
    assert [] == await check(ours.store)


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


@pytest.mark.parametrize("notes", [1, 4, 8, 16])
async def test_one_that_is_killed_half_way_is_begun_again(
    old: Bench, notes: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    layout = await old.redis.get(keys.layout_stamp())
    with monkeypatch.context() as first:
        first.setattr(migration, "LEASE", 50)
        killed_after(old.store, notes, first)
        with pytest.raises(Killed):
            await settle_layout(old.store)
    assert layout != keys.LAYOUT.encode()
    assert layout == await old.redis.get(keys.layout_stamp())
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
    layout = (await old.redis.get(keys.layout_stamp())).decode()
    slow = await old.store.scripts.run("layout", ["take", keys.layout_stamp(), layout, 1])
    await asyncio.sleep(0.01)
    await settle_layout(old.store)
    await old.accept("req_later")
    turn = [keys.layout_stamp(), layout, slow]

    assert 0 == await old.store.scripts.run("layout", ["fold", *turn, 1, "req_later"])
    assert 0 == await old.store.scripts.run("layout", ["swap", *turn, keys.LAYOUT, 0])
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
        assert await old.redis.get(keys.layout_stamp()) != keys.LAYOUT.encode()

    async def test_it_is_refused_while_an_ingress_or_an_api_listens(self, old: Bench) -> None:
        async with old.redis.pubsub() as line:
            await line.subscribe(keys.key("inbox", "one"))
            await line.get_message(timeout=1)
            with pytest.raises(SetupFailed, match="an ingress or an api of an older version"):
                await settle_layout(old.store)

        assert await old.redis.get(keys.layout_stamp()) != keys.LAYOUT.encode()

    async def test_one_that_was_stopped_is_waited_for(
        self, old: Bench, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(migration, "SILENCE", 100)
        await old.ledger.beat("old-one", {"slots": 1}, timedelta(seconds=20))
        await settle_layout(old.store)

        assert keys.LAYOUT.encode() == await old.redis.get(keys.layout_stamp())
        assert [] == await check(old.store)
