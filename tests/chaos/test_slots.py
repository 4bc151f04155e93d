"""A fleet uses all of its slots, and few commands for each job; stock arq ends at a hundred."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable
from typing import Any

import msgspec
from arq import func
from arq.connections import ArqRedis, RedisSettings, create_pool

from shared.model.jobs import Claim
from shared.storage.connection import Store, connect
from shared.storage.ledger import Ending, Ledger
from tests.chaos.numbers import told
from tests.chaos.server import Server, a_server
from tests.chaos.sizes import sizes
from tests.contracts.ledger_builders import an_accept
from tests.unit.engine_builders import an_engine, working
from workers.engine import Engine


class Peak:
    """Jobs that take a while; how many ran at the same time, and in all."""

    def __init__(self, seconds: float) -> None:
        self.seconds = seconds
        self.now = self.most = self.done = 0

    @contextlib.asynccontextmanager
    async def one(self):
        self.now += 1
        self.most = max(self.most, self.now)
        await asyncio.sleep(self.seconds)
        yield
        self.now -= 1
        self.done += 1

    async def until(self, count: int) -> None:
        async with asyncio.timeout(50):
            while self.done < count:
                await asyncio.sleep(0.02)


async def commands(store: Store) -> int:
    """Commands that the server has run, those inside of scripts too."""
    stats: dict[str, Any] = await store.redis.info("commandstats")
    return sum(row["calls"] for row in stats.values())


class TestAFleet:
    @sizes((10, 13, 260), (25, 10, 600))
    async def test_uses_every_slot_and_few_commands(self, size: tuple[int, int, int]) -> None:
        workers, slots, jobs = size
        peak = Peak(1.0)
        async with a_server() as server, contextlib.AsyncExitStack() as stack:
            store = await stack.enter_async_context(await connect(server.url))
            await Ledger(store).accept([an_accept(f"req_{n:04}") for n in range(jobs)])
            ledgers = [
                Ledger(await stack.enter_async_context(await connect(server.url)))
                for _ in range(workers)
            ]
            before = await commands(store)
            for ledger in ledgers:
                await stack.enter_async_context(
                    working(an_engine(ledger, carried(ledger, peak), max_jobs=slots))
                )
            await peak.until(jobs)
            each = (await commands(store) - before) / jobs

        told("R28", slots=workers * slots, used=peak.most, commands_per_job=f"{each:.1f}")
        assert peak.most >= 0.95 * workers * slots
        assert each <= 30

    async def test_of_stock_arq_ends_at_a_hundred(self) -> None:
        """The control: as many workers and slots, the class that we extend."""
        workers, slots, jobs = 13, 10, 130
        peak = Peak(1.5)
        async with a_server() as server:
            pool = await arq_pool(server)
            for n in range(jobs):
                await pool.enqueue_job("job", _job_id=f"j{n}")
            running = [stock(server, peak, slots) for _ in range(workers)]
            tasks = [asyncio.create_task(one.async_run()) for one in running]
            await peak.until(jobs)
            for one, task in zip(running, tasks, strict=True):
                task.cancel()
                with contextlib.suppress(asyncio.CancelledError):
                    await task
                await one.close()
                await one.pool.connection_pool.disconnect()
            await pool.aclose()

        told("R28 stock arq (control)", slots=workers * slots, used=peak.most)
        assert peak.most <= 100


def carried(ledger: Ledger, peak: Peak) -> Callable[[Any, Claim], Any]:
    """A job that ends its record itself."""

    async def carry(_: Any, claim: Claim) -> None:
        async with peak.one():
            done = Ending(id=claim.record.id, epoch=claim.record.epoch, end="done")
            await ledger.settle([done])

    return carry


async def arq_pool(server: Server) -> ArqRedis:
    return await create_pool(
        RedisSettings(host="127.0.0.1", port=server.port),
        job_serializer=msgspec.json.encode, job_deserializer=msgspec.json.decode,
    )  # fmt: skip


def stock(server: Server, peak: Peak, slots: int) -> Any:
    """arq's own worker."""

    async def job(_: Any) -> None:
        async with peak.one():
            return

    (worker,) = (one for one in Engine.__mro__[1:] if one.__module__ == "arq.worker")
    return worker(
        [func(job, name="job")], redis_settings=RedisSettings(host="127.0.0.1", port=server.port),
        max_jobs=slots, handle_signals=False, keep_result=0, poll_delay=0.2,
        job_serializer=msgspec.json.encode, job_deserializer=msgspec.json.decode,
    )  # fmt: skip
