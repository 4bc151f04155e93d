"""(e) What a script and a signature cost the worker, per request."""

from __future__ import annotations

import time
from statistics import median
from typing import TYPE_CHECKING, Any

from bench.contestants import WAYPOST, environment, producer, set_up
from bench.plan import middle
from bench.programs import FIRST, finished, python, running
from bench.store import store

if TYPE_CHECKING:
    from collections.abc import Sequence

    from bench.plan import Plan
    from bench.programs import Program
    from bench.store import Server

TARGETS = {
    "neither": "hook:unsigned",
    "signature": "hook:bench",
    "script": "unsigned",
    "both": "bench",
}
JOBS, WARM = 8_000, 1_000


def costs(plan: Plan) -> dict[str, Any]:
    """The same request four ways: to an installation's own URL or a global one, signed or not."""
    taken: dict[str, list[dict[str, float]]] = {name: [] for name in TARGETS}
    for number in range(1, plan.rounds + 1):
        plan.say(f"costs: a signature, a script, round {number}")
        for name, row in _round(plan).items():
            taken[name].append(row)
    plain = [row["cpuUs"] for row in taken["neither"]]
    found: dict[str, Any] = {"of": {name: middle(rows) for name, rows in taken.items()}}
    found["spreadUs"] = {}
    for name in ("signature", "script"):
        told = difference(plain, [row["cpuUs"] for row in taken[name]])
        found[f"{name}Us"], found["spreadUs"][name] = told
    return found


def difference(
    plain: Sequence[float], dearer: Sequence[float]
) -> tuple[float | None, float | None]:
    """
    How much *dearer* than *plain*, round by round, and how far the rounds lie apart.

    None where they lie further apart than what they should show; one round shows nothing.
    """
    each = [with_it - without for with_it, without in zip(dearer, plain, strict=True)]
    if len(each) == 1:
        return None, None
    costs, spread = round(median(each), 1), round(max(each) - min(each), 1)
    return costs if costs > spread else None, spread


def _round(plan: Plan) -> dict[str, dict[str, float]]:
    """All four through one worker, which warms up with them, and then there and back, so that none is the first."""
    there = list(TARGETS)
    rows: dict[str, list[dict[str, float]]] = {name: [] for name in TARGETS}
    with store() as server:
        set_up(server)
        env, log = environment(server) | {"BENCH_COUNT": "0"}, server.folder / "jobs.log"
        with running(python("waypost", "worker"), core=FIRST, env=env, log=log) as program:
            time.sleep(2.5)
            closed = 0
            for name in there:
                closed += plan.count(WARM)
                _one(server, program, name, plan.count(WARM), closed)
            for name in [*there, *reversed(there)]:
                closed += plan.count(JOBS)
                rows[name].append(_one(server, program, name, plan.count(JOBS), closed))
    return {name: middle(legs) for name, legs in rows.items()}


def _one(
    server: Server, program: Program, name: str, jobs: int, closed: int
) -> dict[str, float]:
    """
    A worker that is running already finds everything at once; it ends when *closed* in all are.

    It is paused meanwhile: requests that trickled in would make small batches, and those are dearer than a signature.
    """
    before = program.cpu(), program.cpu_of_children()
    with program.paused():
        _store(server, name, jobs)
    began = time.monotonic()
    ended = server.closed(closed)
    used = program.cpu() - before[0]
    scripts = program.cpu_of_children() - before[1]
    return {
        "perSecond": round(jobs / (ended - began)),
        "cpuUs": round(used / jobs * 1e6, 1),
        "scriptWorkersUs": round(scripts / jobs * 1e6, 1),
    }


def _store(server: Server, name: str, jobs: int) -> None:
    env = environment(server) | {"BENCH_COUNT": str(jobs), "BENCH_RATE": "0"}
    env["BENCH_TARGET"] = TARGETS[name]
    log = server.folder / "jobs.log"
    finished(producer(WAYPOST), core=None, env=env, log=log, seconds=120)
