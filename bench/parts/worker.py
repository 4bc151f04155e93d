"""(b) Jobs a second on one core, commands per job, how soon a job starts, what idling costs, how many run at a time."""

from __future__ import annotations

import time
from contextlib import ExitStack
from typing import TYPE_CHECKING, Any

from bench.contenders.waypost_setup import SECRET
from bench.contestants import (
    DOOR_OF,
    QUEUE,
    TUNED_ARQ,
    WAYPOST,
    environment,
    ingress,
    producer,
    queues,
    set_up,
    worker,
)
from bench.plan import middle
from bench.programs import FIRST, SECOND, Failed, finished, python, running
from bench.store import store
from shared.storage import keys

if TYPE_CHECKING:
    from bench.plan import Plan
    from bench.store import Server

JOBS = {WAYPOST: 40_000, QUEUE: 40_000}
SLOWER = 4_000
ARQ_WORKERS = "bench:workers"  # how many of arq's have started


def work(plan: Plan) -> dict[str, Any]:
    """Throughput in rounds, then latency, then what only Waypost and arq are asked."""
    taken: dict[str, list[dict[str, float]]] = {name: [] for name in queues(plan)}
    for number in range(1, plan.rounds + 1):
        for name, rows in taken.items():
            plan.say(f"worker: {name}, no-op jobs, round {number}")
            with plan.peer(name):
                rows.append(throughput(plan, name))
    found = {name: middle(rows) for name, rows in taken.items() if rows}
    at_half = {}
    for name in [one for one in (WAYPOST, QUEUE, TUNED_ARQ) if one in found]:
        with plan.peer(name):
            at_half[name] = latency(
                plan, name, found[name]["perSecond"] / 2, through_door=False
            )
    return {
        "of": found,
        "receivedAt50": _received(plan, list(found)),
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


def _received(plan: Plan, names: list[str]) -> dict[str, dict[str, float]]:
    """How soon a request is with its handler at 50 a second, in rounds: through the door of those who have one."""
    taken: dict[str, list[dict[str, float]]] = {name: [] for name in names}
    for _ in range(plan.rounds):
        for name, rows in taken.items():
            with plan.peer(name):
                rows.append(latency(plan, name, 50, through_door=name in DOOR_OF))
    return {name: middle(rows) for name, rows in taken.items() if rows}


def latency(plan: Plan, name: str, rate: float, *, through_door: bool) -> dict[str, float]:
    """
    From received to started, while *rate* requests a second come evenly *through_door*; else from when a job is made.

    Whoever makes them, door or producer, shares a core with the server, so that the worker has its own.
    """
    seconds = max(2.0, 5 * min(plan.scale, 1.0))
    plan.say(f"worker: {name}, {rate:.0f} a second for {seconds:.0f} s")
    with store() as server, ExitStack() as stack:
        if through_door:
            door = ingress(DOOR_OF[name], server, core=SECOND)
            _, port, path = stack.enter_context(door)
            env = environment(server) | {"BENCH_PORT": str(port), "BENCH_PATH": path}
            env["BENCH_SECRET"], sender = SECRET, python("knocks")
        else:
            env, sender = _env(server, name), producer(name)
        env |= {"BENCH_COUNT": str(int(rate * seconds)), "BENCH_RATE": str(rate)}
        log = server.folder / "jobs.log"
        program = stack.enter_context(running(worker(name), core=FIRST, env=env, log=log))
        time.sleep(2.0)
        stack.enter_context(running(sender, core=SECOND, env=env, log=log))
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
    """How many of 25 × 10 slots are busy at once, beside those of arq."""
    workers = 25 if plan.scale >= 1 else 2
    found = {"workers": workers, "slots": workers * 10, "busy": _busy(plan, WAYPOST, workers)}
    if plan.peers:
        with plan.peer(TUNED_ARQ):
            found["busyOfArq"] = _busy(plan, TUNED_ARQ, workers)
    return found


def _busy(plan: Plan, name: str, workers: int) -> int:
    """The most at once, with twice as many jobs as slots, each of which holds its own for three seconds."""
    plan.say(f"worker: {name}, {workers} workers × 10 slots")
    with store() as server, ExitStack() as stack:
        env = _env(server, name) | {"BENCH_COUNT": str(workers * 20), "BENCH_RATE": "0"}
        env |= {"BENCH_SLOTS": "10", "BENCH_HOLD": "3"}
        log = server.folder / "jobs.log"
        for _ in range(workers):
            stack.enter_context(running(worker(name), core=None, env=env, log=log))
        _await_workers(server, workers)
        finished(producer(name), core=None, env=env, log=log, seconds=60)
        most, until = 0, time.monotonic() + 2.0
        while time.monotonic() < until:
            most = max(most, BUSY[name](server))
            time.sleep(0.05)
    return most


def _leased(server: Server) -> int:
    return int(server.client.zcard(keys.key("state", "leased")))  # type: ignore[arg-type]


def _in_progress(server: Server) -> int:
    return sum(1 for _ in server.client.scan_iter("arq:in-progress:*", count=1000))


BUSY = {WAYPOST: _leased, TUNED_ARQ: _in_progress}


def _await_workers(server: Server, count: int) -> None:
    """Waypost's workers are listed in the store, and arq's count themselves there as they start."""
    until = time.monotonic() + 60
    while time.monotonic() < until:
        ours = int(server.client.zcard(keys.key("workers")))  # type: ignore[arg-type]
        if ours + int(server.client.get(ARQ_WORKERS) or 0) >= count:  # type: ignore[arg-type]
            return
        time.sleep(0.1)
    raise Failed(f"{count} workers have not started within 60 s")


def _env(server: Server, name: str) -> dict[str, str]:
    if name == WAYPOST:
        set_up(server)
    return environment(server)
