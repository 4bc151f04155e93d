"""
Waypost: `ingress` and `worker` are the real programs; `noop` is the real worker whose webhook job does nothing.

`setup` publishes what the doors need; `produce` stores requests as the ingress does, without HTTP.
"""

from __future__ import annotations

import asyncio
import os
import sys
import time
from typing import TYPE_CHECKING, Any

import msgspec
from meter import Meter, paced, payload

import services.ingress.main
import workers.main
from services.cli import keyfiles
from services.ingress.acceptor import Acceptor
from shared.clock import SystemChance, SystemClock, new_id
from shared.config import Settings
from shared.model.jobs import Accept, Claim
from shared.model.outcomes import Done, Outcome
from shared.model.requests import Door, RawRequest
from shared.storage.connection import connect
from shared.storage.definitions import Definitions
from shared.storage.ledger import Ledger

if TYPE_CHECKING:
    from workers.tools import Tools

CLOCK, CHANCE = SystemClock(), SystemChance()


async def setup() -> None:
    """Keys in the data folder, and a door that no worker needs to know."""
    settings = Settings.from_env(os.environ)
    settings.data_dir.mkdir(parents=True, exist_ok=True)
    keyfiles.ensure(settings)
    async with await connect(settings.redis_url) as store:
        door = Door(name="bench", delivery_id="x-delivery")
        await Definitions(store).publish(b"{}", "bench", "1.0.0", door)


async def produce() -> None:
    """Store BENCH_COUNT requests, at BENCH_RATE a second or as fast as it goes."""
    count, rate = int(os.environ["BENCH_COUNT"]), float(os.environ["BENCH_RATE"])
    async with await connect(os.environ["BENCH_STORE"]) as store:
        acceptor = Acceptor(Ledger(store))
        for number in range(0, count, 1 if rate else 500):
            if rate:
                await paced(number, rate)
            await asyncio.gather(*(acceptor.accept(one()) for _ in range(1 if rate else 500)))


def one(body: bytes = b"") -> Accept:
    """One request as the ingress stores it."""
    id = new_id("req", CLOCK, CHANCE)
    raw = RawRequest(
        id=id, door="global", name="bench", method="POST", path="/",
        body=body or payload().encode(), received_at=time.time(),
    )  # fmt: skip
    body = msgspec.msgpack.encode(raw)
    return Accept(id=id, job="webhook", body=body, lane="bench", integration="bench", dedupe=id)


def counting() -> dict[str, Any]:
    """The real worker with one job, which only counts."""
    meter = Meter()

    async def noop(claim: Claim, _: Tools) -> Outcome:
        raw = msgspec.msgpack.decode(claim.body, type=RawRequest)
        if os.environ.get("BENCH_HOLD"):
            await asyncio.sleep(2)
        meter.started(raw.received_at)
        return Done()

    return {"webhook": noop}


def main() -> None:
    """Run what the first argument names."""
    match sys.argv[1]:
        case "ingress":
            services.ingress.main.main()
        case "worker":
            workers.main.main()
        case "noop":
            workers.main.all_jobs = counting  # type: ignore[assignment]
            workers.main.WorkerSettings.max_jobs = int(os.environ.get("BENCH_SLOTS", "100"))
            workers.main.main()
        case "setup":
            asyncio.run(setup())
        case _:
            asyncio.run(produce())


if __name__ == "__main__":
    main()
