"""(b) Jobs a second on one core, commands per job, how soon a job starts, what idling costs, how many run at a time."""

from __future__ import annotations

import time
from contextlib import ExitStack
from typing import TYPE_CHECKING, Any

from bench.contestants import (
    QUEUE,
    TUNED_ARQ,
    WAYPOST,
    environment,
    producer,
    queues,
    set_up,
    worker,
)
from bench.plan import middle
from bench.programs import FIRST, SECOND, finished, running
from bench.store import store
from shared.storage import keys

if TYPE_CHECKING:
    from bench.plan import Plan
    from bench.store import Server

JOBS = {WAYPOST: 40_000, QUEUE: 40_000}
SLOWER = 6_000


def work(plan: Plan) -> dict[str, Any]:
    """Throughput in rounds, then latency, then what only Waypost and arq are asked."""
    taken: dict[str, list[dict[str, float]]] = {name: [] for name in queues(plan)}
    for number in range(1, plan.rounds + 1):
        for name, rows in taken.items():
            plan.say(f"worker: {name}, no-op jobs, round {number}")
            with plan.peer(name):
                rows.append(throughput(plan, name))
    found = {name: middle(rows) for name, rows in taken.items() if rows}
    at50, at_half = {}, {}
    for name, row in found.items():
        with plan.peer(name):
            at50[name] = _latency(plan, name, 50)
            if name in {WAYPOST, QUEUE, TUNED_ARQ}:
                at_half[name] = _latency(plan, name, row["perSecond"] / 2)
    return {
        "of": found,
        "at50": at50,
        "atHalf": at_half,
        "idleCpuPercent": _idle(plan),
        "slots": _slots(plan),
    }


def throughput(plan: Plan, name: str) -> dict[str, float]:
    """A worker that finds everything waiting."""
    count = plan.count(JOBS.get(name, SLOWER))
    with store() as server:
        env = _env(server, name) | {"BENCH_COUNT": str(count), "BENCH_RATE": "0"}
        log = server.folder / "jobs.log"
        finished(producer(name), core=None, env=env, log=log, seconds=120)
        commands, used = server.commands(), server.program.cpu()
        with running(worker(name), core=FIRST, env=env, log=log) as program:
            told = program.told(45)
            time.sleep(0.5)
            commands, used = server.commands() - commands, server.program.cpu() - used
    return {
        "perSecond": told["jobsPerSecond"],
        "cpuUs": told["cpuUsPerJob"],
        "storeCpuUs": round(used / count * 1e6, 1),
        "commands": round(commands / count, 2),
    }


def _latency(plan: Plan, name: str, rate: float) -> dict[str, float]:
    """From enqueued to started, while *rate* jobs a second come evenly."""
    seconds = max(2.0, 8 * min(plan.scale, 1.0))
    count = int(rate * seconds)
    plan.say(f"worker: {name}, {rate:.0f} jobs a second for {seconds:.0f} s")
    with store() as server:
        env = _env(server, name) | {"BENCH_COUNT": str(count), "BENCH_RATE": str(rate)}
        log = server.folder / "jobs.log"
        with running(worker(name), core=FIRST, env=env, log=log) as program:
            time.sleep(2.0)
            with running(producer(name), core=SECOND, env=env, log=log):
                told = program.told(seconds * 3 + 20)
    found: dict[str, float] = told["startedAfter"]
    return {"perSecond": round(rate)} | found


def _idle(plan: Plan) -> float:
    """Processor that a worker without work takes."""
    seconds = max(2.0, 10 * plan.scale)
    plan.say(f"worker: idle for {seconds:.0f} s")
    with store() as server:
        env = _env(server, WAYPOST) | {"BENCH_COUNT": "1"}
        log = server.folder / "jobs.log"
        with running(worker(WAYPOST), core=FIRST, env=env, log=log) as program:
            time.sleep(3.0)
            before = program.cpu()
            time.sleep(seconds)
            return round((program.cpu() - before) / seconds * 100, 2)


def _slots(plan: Plan) -> dict[str, int]:
    """How many of 25 × 10 slots are busy at once, with 500 jobs that hold theirs."""
    workers = 25 if plan.scale >= 1 else 2
    plan.say(f"worker: {workers} workers × 10 slots")
    with store() as server, ExitStack() as stack:
        count = str(workers * 20)
        env = _env(server, WAYPOST) | {"BENCH_COUNT": count, "BENCH_RATE": "0"}
        env |= {"BENCH_SLOTS": "10", "BENCH_HOLD": "1"}
        log = server.folder / "jobs.log"
        for _ in range(workers):
            stack.enter_context(running(worker(WAYPOST), core=None, env=env, log=log))
        _await_workers(server, workers)
        finished(producer(WAYPOST), core=None, env=env, log=log, seconds=60)
        most, until = 0, time.monotonic() + 2.0
        while time.monotonic() < until:
            most = max(most, int(server.client.zcard(_leased())))  # type: ignore[arg-type]
            time.sleep(0.05)
    return {"workers": workers, "slots": workers * 10, "busy": most}


def _await_workers(server: Server, count: int) -> None:
    until = time.monotonic() + 60
    while time.monotonic() < until:
        if int(server.client.zcard(keys.key("workers"))) >= count:  # type: ignore[arg-type]
            return
        time.sleep(0.1)


def _leased() -> str:
    return keys.key("state", "leased")


def _env(server: Server, name: str) -> dict[str, str]:
    if name == WAYPOST:
        set_up(server)
    return environment(server)
