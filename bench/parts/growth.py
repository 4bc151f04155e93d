"""(d) What grows with what waits, who works, who has installed it, and how large a body is."""

from __future__ import annotations

import json
from contextlib import ExitStack
from typing import TYPE_CHECKING, Any

from bench.contestants import WAYPOST, environment, ingress, producer, set_up, worker
from bench.load import closed
from bench.programs import FIRST, finished, python, running
from bench.store import store

if TYPE_CHECKING:
    from bench.plan import Plan

DEPTHS = (1_000, 10_000, 100_000, 1_000_000)
WORKERS = (1, 2, 4, 8)
INSTALLATIONS = (1, 10, 100, 1000)
BODIES = (1_000, 10_000, 100_000, 1_000_000)


def growth(plan: Plan) -> dict[str, Any]:
    """Each alone."""
    depths = [depth for depth in DEPTHS if depth <= plan.deepest]
    large = BODIES if plan.scale >= 0.1 else BODIES[:1]
    several = WORKERS if plan.scale >= 1 else WORKERS[:2]
    return {
        "depth": {
            str(depth): _depth(plan, depth, last=depth == depths[-1]) for depth in depths
        },
        "workers": {str(count): _workers(plan, count) for count in several},
        "installations": {str(count): _lanes(plan, count) for count in INSTALLATIONS},
        "bodies": {str(size): _body(plan, size) for size in large},
    }


def _depth(plan: Plan, depth: int, *, last: bool) -> dict[str, float]:
    """Bodies of 2 KB; for the deepest also how long the server needs to start again after a kill."""
    plan.say(f"growth: {depth} requests of 2 KB wait")
    with store() as server:
        env = environment(server) | {"BENCH_DEPTH": str(depth), "BENCH_BODY": "2048"}
        log = server.folder / "depth.log"
        command = python("waypost_depth")
        printed = finished(command, core=FIRST, env=env, log=log, seconds=300)
        found: dict[str, float] = json.loads(printed)
        if last:
            plan.say("growth: the server starts again after a kill")
            found["restartSeconds"] = server.killed_and_started()
    return found


def _workers(plan: Plan, count: int) -> dict[str, float]:
    """No-op jobs on both cores; the workers are told to begin by the jobs."""
    plan.say(f"growth: {count} workers")
    jobs = plan.count(40_000)
    with store(core=None) as server, ExitStack() as stack:
        set_up(server)
        env = environment(server) | {"BENCH_COUNT": str(jobs), "BENCH_RATE": "0"}
        log = server.folder / "jobs.log"
        finished(producer(WAYPOST), core=None, env=env, log=log, seconds=120)
        for _ in range(count):
            stack.enter_context(running(worker(WAYPOST), core=None, env=env, log=log))
        begun = server.closed(1)
        ended = server.closed(jobs)
    return {"perSecond": round(jobs / (ended - begun))}


def _lanes(plan: Plan, count: int) -> dict[str, float]:
    """No-op jobs of so many installations, which take turns."""
    plan.say(f"growth: {count} installations")
    jobs = plan.count(20_000)
    with store() as server:
        set_up(server)
        env = environment(server) | {"BENCH_COUNT": str(jobs), "BENCH_RATE": "0"}
        env["BENCH_LANES"] = str(count)
        log = server.folder / "jobs.log"
        finished(producer(WAYPOST), core=None, env=env, log=log, seconds=120)
        used = server.program.cpu()
        with running(worker(WAYPOST), core=FIRST, env=env, log=log) as program:
            told = program.told(120)
            used = server.program.cpu() - used
    return {"perSecond": told["jobsPerSecond"], "storeCpuUs": round(used / jobs * 1e6, 1)}


def _body(plan: Plan, size: int) -> dict[str, float]:
    plan.say(f"growth: bodies of {size} bytes")
    with store() as server, ingress(WAYPOST, server) as (program, port, path):
        used = program.cpu()
        found = closed(port, path, callers=16, seconds=max(1.0, plan.seconds / 2), body=size)
        used = program.cpu() - used
    return {
        "perSecond": found["perSecond"],
        "megabytesPerSecond": round(found["perSecond"] * size / 1e6, 1),
        "p99Ms": found["p99Ms"],
        "cpuUs": round(used / found["requests"] * 1e6, 1),
    }
