"""A fleet uses all of its slots, and few commands for each job; stock arq ends at a hundred."""

from __future__ import annotations

import asyncio
import contextlib
import sys
from collections.abc import Callable
from typing import Any

from arq.connections import RedisSettings, create_pool

from shared.model.jobs import Claim
from shared.storage.connection import Store, connect
from shared.storage.ledger import Ending, Ledger
from shared.storage.ledger_check import check
from tests.chaos.numbers import told
from tests.chaos.server import a_server, opened
from tests.chaos.sizes import sizes
from tests.chaos.tally import commands
from tests.contracts.ledger_builders import BODY, Bench, an_accept
from tests.journeys.system import ROOT
from tests.unit.engine_builders import an_engine, working


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
            contradictions = await check(store)

        told("R28", slots=workers * slots, used=peak.most, commands_per_job=f"{each:.1f}")
        assert peak.most >= 0.95 * workers * slots
        assert each <= 30
        assert [] == contradictions

    async def test_of_stock_arq_ends_at_a_hundred(self) -> None:
        """
        The control: as many workers and slots, the class that we extend.

        A job that runs stays in arq's queue, and a worker reads only the first `queue_read_limit` of it: five times its
        slots, and at least 100 (https://github.com/python-arq/arq/blob/v0.28.0/arq/worker.py#L252).
        """
        async with a_server() as server:
            found = int(await stock_arq("peak", server.port, 25, 10))

        told("R28 stock arq (control)", slots=250, used=found)
        assert 90 <= found <= 100


class TestAJobThatKillsItsWorker:
    """Stock arq's job is the only copy of the work; ours is a ticket."""

    async def test_is_deleted_by_stock_arq_at_its_sixth_start(self) -> None:
        """The control of all drills that kill workers: what was accepted is gone, and nothing tells of it."""
        async with a_server() as server, opened(server) as store:
            pool = await create_pool(RedisSettings(host="127.0.0.1", port=server.port))
            await pool.enqueue_job("deadly", _job_id="j1")
            await pool.aclose()
            for _ in range(6):
                await stock_arq("killed", server.port)
                await store.redis.delete("arq:in-progress:j1")  # five minutes pass
            left = await store.redis.keys("*")

        assert [] == [one for one in left if b"health" not in one]

    async def test_is_kept_with_its_payload_and_its_reason_by_ours(self, store: Store) -> None:
        bench = Bench(store)
        await bench.accept("req_1")
        for _ in range(3):
            assert 1 == len(await bench.claim())
            bench.after_the_lease()
        await bench.claim()
        record = await bench.record("req_1")

        assert ("dead", BODY) == (record.state, await bench.ledger.stored_body("req_1"))
        assert "its worker stopped without an answer 3 times" == record.reason


async def stock_arq(*words: object) -> str:
    """Run `stock_arq.py`; what it prints."""
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-W", "ignore", "-m", "tests.chaos.stock_arq", *map(str, words),
        cwd=ROOT, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.DEVNULL,
    )  # fmt: skip
    out, _ = await process.communicate()
    return out.decode()


def carried(ledger: Ledger, peak: Peak) -> Callable[[Any, Claim], Any]:
    """A job that ends its record itself."""

    async def carry(_: Any, claim: Claim) -> None:
        async with peak.one():
            done = Ending(id=claim.record.id, epoch=claim.record.epoch, end="done")
            await ledger.settle([done])

    return carry
