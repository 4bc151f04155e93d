"""What is acknowledged is on disk: power cuts, torn files, a full disk, a copy taken while it works."""

from __future__ import annotations

import asyncio
import os
import random
import shutil
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path

from shared.model.jobs import Accept, Accepted
from shared.storage import keys
from shared.storage.backup import AOF, copied
from shared.storage.connection import Store
from shared.storage.ledger_check import check
from shared.storage.rewrites import without_rewrites
from tests.chaos.numbers import told
from tests.chaos.pressure import Pressure, ledger_on
from tests.chaos.rig import a_rig
from tests.chaos.server import Server, a_server, opened, until
from tests.chaos.sizes import sizes
from tests.contracts.ledger_builders import Bench

Accepts = Callable[[list[Accept]], Awaitable[list[Accepted]]]


class Confirmed:
    """Accepts that are confirmed by `WAITAOF`, as one is told to do on a store that syncs every second."""

    def __init__(self, store: Store) -> None:
        self._store, self._ledger = store, ledger_on(store)

    async def accept(self, accepts: list[Accept]) -> list[Accepted]:
        done = await self._ledger.accept(accepts)
        assert [1, 0] == await self._store.resp.call("WAITAOF", 1, 0, 1500)
        return done


async def cuts(server: Server, times: int, confirmed: bool = False) -> tuple[int, int]:
    """Acknowledged and lost requests over *times* power cuts under load; what is left must be sound."""
    acknowledged = lost = 0
    for cut in range(times):
        pressure = Pressure(f"{cut}x")
        async with opened(server) as store:
            ledger = Confirmed(store) if confirmed else ledger_on(store)
            async with pressure.on(ledger):
                await pressure.until(200 + 67 * (cut % 11))
                server.cut_power()
        await server.start()
        async with opened(server) as store:
            acknowledged += len(pressure.acknowledged)
            lost += len(await pressure.missing(store))
            assert [] == await check(store)
            await store.redis.flushall()
    return acknowledged, lost


class TestAPowerCut:
    @sizes(3, 20)
    async def test_loses_nothing_that_was_acknowledged(self, size: int) -> None:
        async with a_server() as server:
            acknowledged, lost = await cuts(server, size)

        told("R4 always", cuts=size, acknowledged=acknowledged, lost=lost)
        assert (True, 0) == (acknowledged >= 200 * size, lost)

    @sizes(2, 20)
    async def test_loses_some_where_the_store_syncs_every_second(self, size: int) -> None:
        """The control: the same cut, the same load, one setting."""
        async with a_server(appendfsync="everysec") as server:
            acknowledged, lost = await cuts(server, size)

        told("R4 everysec (control)", cuts=size, acknowledged=acknowledged, lost=lost)
        assert lost > 0

    @sizes(3, 20)
    async def test_loses_some_even_where_waitaof_confirmed_them(self, size: int) -> None:
        """Valkey answers it before it has synced; so the promise is not built on it."""
        async with a_server(appendfsync="everysec") as server:
            acknowledged, lost = await cuts(server, size, confirmed=True)

        told(
            "R4 everysec and WAITAOF (control)", cuts=size, acknowledged=acknowledged, lost=lost
        )
        assert lost > 0


class TestATornFile:
    """The last write was cut in the middle, at any byte."""

    @sizes(8, 200)
    async def test_is_read_up_to_the_last_whole_request(
        self, size: int, chance: random.Random
    ) -> None:
        async with a_server() as server:
            async with opened(server) as store:
                await scene(Bench(store))
            found = await torn(server, size, chance)

        told("R5", torn=size, contradictions=sum(map(len, found)))
        assert [[]] * size == found

    async def test_would_show_requests_that_are_stored_in_parts(
        self, chance: random.Random
    ) -> None:
        """The control: each key by a command of its own, as one would without scripts."""
        async with a_server() as server:
            async with opened(server) as store:
                await in_parts(store)
            found = await torn(server, 8, chance)

        assert any(found)


async def scene(bench: Bench) -> None:
    """Some of everything, in many small writes."""
    await bench.install("w1", "w2")
    for n in range(60):
        await bench.accept(f"req_{n}")
        claim = (await bench.claim())[-1]
        await bench.ledger.step("begin", claim.record, "send", b"once")
        if n % 5 == 0:
            await bench.route(claim, ("X", b"x"), ("Y", b"y"))
        else:
            await bench.settle(claim, ("done", "retry", "dead", "ignored")[n % 4])
    await bench.accept(*(f"req_more_{n}" for n in range(40)))


async def in_parts(store: Store) -> None:
    """Requests whose parts follow each other."""
    for n in range(200):
        id = f"req_{n}"
        await store.redis.hset(keys.key("record", id), mapping={"state": "ready", "at": 1, "bytes": 4, "seq": 0})  # type: ignore[misc]  # fmt: skip
        await store.redis.set(keys.key("body", id), b"body")
        await store.redis.zadd(keys.key("state", "ready"), {id: 1})
        await store.redis.zadd(keys.key("queue"), {keys.ticket(id): 1})
        await store.redis.set(f"arq:job:{keys.ticket(id)}", "{}")
        await store.redis.hincrby(keys.key("bytes"), "ready", 4)  # type: ignore[misc]


async def torn(server: Server, times: int, chance: random.Random) -> list[list[str]]:
    """What the checker says after each of *times* cuts at a byte that *chance* draws from the last 64 KB."""
    server.stop()
    whole, found, began = server.folder / "whole", [], time.monotonic()
    shutil.copytree(server.aof, whole)
    for _ in range(times):
        shutil.rmtree(server.aof)
        shutil.copytree(whole, server.aof)
        last = max(server.aof.glob("*.incr.aof"), key=lambda one: one.stat().st_size)
        size = last.stat().st_size
        os.truncate(last, size - chance.randrange(min(size - 1, 64 << 10)))
        await server.start()
        async with opened(server) as store:
            # For the store no time passes: a step that had begun has not hung since the first of the cuts.
            store.scripts.skew_ms = -int(1000 * (time.monotonic() - began))
            found.append(await check(store))
        server.kill()
    return found


class TestAFullDisk:
    async def test_ends_every_2xx_and_keeps_what_had_one(self) -> None:
        async with a_server(aof_use_rdb_preamble="yes") as server:
            pressure = await filled(server)
            server.largest_file = -1
            await server.start()
            async with opened(server) as store:
                lost = await pressure.missing(store)
                sound = await check(store)
                async with pressure.on(ledger_on(store)):
                    await pressure.until(len(pressure.acknowledged) + 50)

        told("R6", acknowledged=len(pressure.acknowledged), lost=len(lost))
        assert ([], []) == (lost, sound)

    async def test_would_lose_what_is_answered_before_it_is_written(self) -> None:
        """The control: an ingress that says yes first, beside one of ours."""
        async with a_rig(workers=0) as rig:
            hasty = rig.ingress("ingress-hasty", "tests.chaos.hasty")
            await hasty.until_it_said("ingress.started")
            first = [await rig.send(f"r6-{to}", to=to) for to in (0, 1)]  # they know the door
            await filled(rig.server)
            ours = await asyncio.gather(*(rig.send(f"r6-ours-{n}", to=0) for n in range(10)))
            theirs = [await rig.send(f"r6-hasty-{n}", to=1) for n in range(10)]
            hasty.kill()
            rig.server.largest_file = -1
            await rig.server.start()
            stored = await of_doors(rig.server)
        accepted = [*first, *ours, *theirs].count(200)

        told(
            "R6 answered before it is written (control)",
            accepted=accepted,
            lost=accepted - stored,
        )
        assert ([200] * 2, [503] * 10, [200] * 10) == (first, ours, theirs)
        assert 1 == stored  # the first one of ours


async def of_doors(server: Server) -> int:
    """How many records came by an ingress, and not by a `Pressure`."""
    async with opened(server) as store:
        ids = await store.redis.zrange(keys.key("state", "ready"), 0, -1)
        found = [await ledger_on(store).show(id.decode()) for id in ids]
    return sum(one is not None and one.integration == "chaos" for one in found)


async def filled(server: Server) -> Pressure:
    """Store until the disk has no space left; nothing may be acknowledged behind that."""
    server.stop()
    server.largest_file = 1 << 20
    await server.start()
    pressure = Pressure()
    async with opened(server) as store, pressure.on(ledger_on(store)):
        await until(lambda: server.has_ended, 20, "its end")
        acknowledged = len(pressure.acknowledged)
        refused = len(pressure.refused)
        await until(lambda: len(pressure.refused) >= refused + 32, 20, "refusals")
        assert acknowledged == len(pressure.acknowledged)
    return pressure


class TestACopyOfTheFolder:
    @sizes(2000, 100_000, seconds=300)
    async def test_taken_while_it_works_brings_everything_back(
        self, size: int, tmp_path: Path
    ) -> None:
        """By what `waypost backup` does: no rewrite meanwhile, and the append-only files up to their ends."""
        pressure = Pressure()
        async with (
            a_server() as server,
            opened(server) as store,
            pressure.on(ledger_on(store), at_once=128),
        ):
            await pressure.until(size)
            before = Pressure()
            before.acknowledged = list(pressure.acknowledged)
            copy = tmp_path / "valkey" / AOF
            copy.mkdir(parents=True)
            async with without_rewrites(store):
                await copied(server.aof, copy)
        async with restored(tmp_path) as again:
            found, missing = await check(again), await before.missing(again)

        assert ([], []) == (missing, found)

    async def test_without_its_append_only_files_brings_nothing_back(
        self, tmp_path: Path
    ) -> None:
        """The control: the folder, but for the part that counts."""
        pressure = Pressure()
        async with a_server() as server, opened(server) as store:
            async with pressure.on(ledger_on(store)):
                await pressure.until(100)
            left_out = shutil.ignore_patterns("appendonlydir", "*.sock")
            shutil.copytree(server.nest.folder, tmp_path / "valkey", ignore=left_out)
        async with restored(tmp_path) as again:
            assert len(pressure.acknowledged) == len(await pressure.missing(again))


@asynccontextmanager
async def restored(folder: Path) -> AsyncIterator[Store]:
    """A store on a copy; says how long it took to read it."""
    server, began = Server(folder), time.monotonic()
    try:
        await server.start()
        took = time.monotonic() - began
        size = sum(one.stat().st_size for one in server.aof.iterdir())
        told(
            "R33",
            megabytes=round(size / 1e6, 1),
            read_in=f"{took:.2f} s",
            per_GB=f"{took / size * 1e9:.0f} s",
        )
        async with opened(server) as store:
            yield store
    finally:
        server.stop()
