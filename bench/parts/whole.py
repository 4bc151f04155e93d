"""(c) The whole way on both cores: signed request, durable, verified, routed, in the bot's stream."""

from __future__ import annotations

import hmac
import json
import time
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from bench.contenders.waypost_setup import SECRET
from bench.contestants import BULLMQ, WAYPOST, bullmq, doors, environment, ingress
from bench.load import closed, wrk_body
from bench.plan import middle
from bench.programs import finished, python, running
from bench.store import store
from shared.storage import keys

if TYPE_CHECKING:
    from collections.abc import Iterator

    from bench.plan import Plan
    from bench.programs import Program
    from bench.store import Server

STREAMS = {WAYPOST: keys.key("events", "bench"), BULLMQ: "events:bench"}
SHARES = (0.1, 0.5, 0.9)


def whole(plan: Plan) -> dict[str, Any]:
    """First how much each carries, then how fast at parts of that."""
    names = [name for name in doors(plan) if name in STREAMS]
    rows: dict[str, list[dict[str, float]]] = {name: [] for name in names}
    for number in range(1, plan.rounds + 1):
        for name, taken in rows.items():
            plan.say(f"whole: {name}, as much as it carries, round {number}")
            with plan.peer(name):
                taken.append(_capacity(plan, name))
    found = {name: middle(taken) for name, taken in rows.items() if taken}
    visits: dict[str, dict[str, Any]] = {name: {} for name in found}
    for name, row in found.items():
        for share in SHARES:
            with plan.peer(name):
                visits[name][f"{share:.0%}"] = _visits(plan, name, row["perSecond"] * share)
    return {"of": found, "at": visits}


def _capacity(plan: Plan, name: str) -> dict[str, float]:
    """Requests from 64 callers; the time ends when the last event is in the stream."""
    with store(core=None) as server, _system(name, server) as (programs, port, path):
        closed(port, path, callers=64, seconds=1, signature=_signature())
        _settled(server, name)
        before, used = _arrived(server, name), _cpu(programs, server)
        began = time.monotonic()
        told = closed(port, path, callers=64, seconds=plan.seconds, signature=_signature())
        _settled(server, name, before + told["requests"] - told["refused"])
        seconds = time.monotonic() - began - 0.1
        carried, used = _arrived(server, name) - before, _cpu(programs, server) - used
    return {
        "acceptedPerSecond": told["perSecond"],
        "perSecond": round(carried / seconds),
        "cpuUs": round(used / carried * 1e6, 1),
    }


def _visits(plan: Plan, name: str, rate: float) -> dict[str, Any]:
    seconds = max(2.0, 5 * min(plan.scale, 1.0))
    plan.say(f"whole: {name}, {rate:.0f} requests a second for {seconds:.0f} s")
    with store(core=None) as server, _system(name, server) as (_, port, path):
        env = environment(server) | {
            "BENCH_PORT": str(port), "BENCH_PATH": path, "BENCH_RATE": str(rate),
            "BENCH_SECONDS": str(seconds), "BENCH_STREAM": STREAMS[name], "BENCH_SECRET": SECRET,
        }  # fmt: skip
        closed(port, path, callers=4, seconds=1, signature=_signature())
        _settled(server, name)
        server.client.delete(STREAMS[name])
        log = server.folder / "visits.log"
        printed = finished(
            python("visits"), core=None, env=env, log=log, seconds=seconds * 3 + 30
        )
    found: dict[str, Any] = json.loads(printed)
    return {"perSecond": round(rate)} | found


@contextmanager
def _system(name: str, server: Server) -> Iterator[tuple[list[Program], int, str]]:
    """Door and worker, not pinned."""
    carry = python("waypost", "worker") if name == WAYPOST else bullmq("carry")
    env = environment(server) | {"BENCH_SECRET": SECRET}
    with ingress(name, server, core=None) as (door, port, path):
        if name != WAYPOST:
            server.client.hset("installations", "T1", "bench")
        log = server.folder / "worker.log"
        with running(carry, core=None, env=env, log=log) as worker:
            time.sleep(2.0)
            yield [door, worker], port, path


def _signature() -> str:
    return "sha256=" + hmac.new(SECRET.encode(), wrk_body(1024), "sha256").hexdigest()


def _arrived(server: Server, name: str) -> int:
    return int(server.client.xlen(STREAMS[name]))  # type: ignore[arg-type]


def _settled(server: Server, name: str, wanted: int | None = None) -> None:
    """Wait until *wanted* events have come, or no more come."""
    last, since = -1, time.monotonic()
    while time.monotonic() - since < 2.0 and (wanted is None or last < wanted):
        time.sleep(0.1)
        now = _arrived(server, name)
        if now != last:
            last, since = now, time.monotonic()


def _cpu(programs: list[Program], server: Server) -> float:
    return sum(one.cpu() for one in [*programs, server.program])
