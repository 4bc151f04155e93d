"""
Waypost: `ingress` and `worker` are the real programs; `noop` is the real worker whose webhook job does nothing.

`produce` stores requests as the ingress does, without HTTP.
"""

from __future__ import annotations

import asyncio
import hmac
import os
import sys
import time
from typing import TYPE_CHECKING, Any

import msgspec
from meter import Meter, paced, payload
from waypost_setup import HOOKS, SECRET

import services.ingress.main
import workers.main
from services.ingress.acceptor import Acceptor
from shared.clock import SystemChance, SystemClock, new_id
from shared.fastloop import use_fast_loop
from shared.model.jobs import Accept, Claim
from shared.model.outcomes import Done, Outcome
from shared.model.requests import RawRequest
from shared.storage.connection import connect
from shared.storage.ledger import Ledger

if TYPE_CHECKING:
    from workers.tools import Tools

CLOCK, CHANCE = SystemClock(), SystemChance()
BODY = ('{"team_id":"T1","text":"' + payload() + '"}').encode()
SIGNATURE = "sha256=" + hmac.new(SECRET.encode(), BODY, "sha256").hexdigest()


async def produce() -> None:
    """Store BENCH_COUNT requests, at BENCH_RATE a second or as fast as it goes."""
    count, rate = int(os.environ["BENCH_COUNT"]), float(os.environ["BENCH_RATE"])
    lanes, target = int(os.environ.get("BENCH_LANES", "1")), os.environ.get("BENCH_TARGET", "")
    async with await connect(os.environ["BENCH_STORE"]) as store:
        acceptor = Acceptor(Ledger(store))
        sent = set[asyncio.Task[object]]()
        for number in range(0, count, 1 if rate else 500):
            if rate:
                await paced(number, rate)
            some = [
                asyncio.create_task(acceptor.accept(one(f"lane{(number + n) % lanes}", target)))
                for n in range(1 if rate else min(500, count - number))
            ]
            sent.update(some)
            if not rate:
                await asyncio.gather(*some)
        await asyncio.gather(*sent)


def one(lane: str, target: str) -> Accept:
    """One request as the ingress stores it; *target* is an integration, or `hook:…` for an installation's URL."""
    id = new_id("req", CLOCK, CHANCE)
    door, name = ("installation", HOOKS[target[5:]]) if ":" in target else ("global", target)
    raw = RawRequest(
        id=id, door=door, name=name, method="POST", path="/", body=BODY,
        headers=(("content-type", "application/json"), ("x-signature", SIGNATURE)),
        received_at=time.time(),
    )  # fmt: skip
    body, integration = msgspec.msgpack.encode(raw), target.removeprefix("hook:")
    return Accept(
        id=id, job="webhook", body=body, lane=lane, integration=integration, dedupe=id,
        installation=name if door == "installation" else "",
    )  # fmt: skip


def counting() -> dict[str, Any]:
    """The real worker with one job, which only counts."""
    meter = Meter()

    async def noop(claim: Claim, _: Tools) -> Outcome:
        raw = msgspec.msgpack.decode(claim.body, type=RawRequest)
        if hold := os.environ.get("BENCH_HOLD"):
            await asyncio.sleep(float(hold))
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
        case _:
            use_fast_loop()
            asyncio.run(produce())


if __name__ == "__main__":
    main()
