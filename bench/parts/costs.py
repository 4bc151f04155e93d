"""(e) What a script and a signature cost the worker, per request."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

from bench.contestants import WAYPOST, environment, producer, set_up
from bench.programs import FIRST, finished, python, running
from bench.store import store

if TYPE_CHECKING:
    from bench.plan import Plan

TARGETS = {
    "neither": "hook:unsigned",
    "signature": "hook:bench",
    "script": "unsigned",
    "both": "bench",
}


def costs(plan: Plan) -> dict[str, Any]:
    """The same request four ways: to an installation's own URL or a global one, signed or not."""
    found = {name: _one(plan, name, target) for name, target in TARGETS.items()}
    plain = found["neither"]["cpuUs"]
    return {
        "of": found,
        "signatureUs": round(found["signature"]["cpuUs"] - plain, 1),
        "scriptUs": round(found["script"]["cpuUs"] - plain, 1),
    }


def _one(plan: Plan, name: str, target: str) -> dict[str, float]:
    """A worker that is running already is given everything at once."""
    jobs = plan.count(6_000)
    plan.say(f"costs: {name}")
    with store() as server:
        set_up(server)
        env = environment(server) | {"BENCH_COUNT": str(jobs), "BENCH_RATE": "0"}
        env["BENCH_TARGET"] = target
        log = server.folder / "jobs.log"
        with running(python("waypost", "worker"), core=FIRST, env=env, log=log) as program:
            time.sleep(2.5)
            before = program.cpu(), program.cpu_of_children()
            began = time.monotonic()
            finished(producer(WAYPOST), core=None, env=env, log=log, seconds=120)
            ended = server.closed(jobs)
            used = program.cpu() - before[0]
            scripts = program.cpu_of_children() - before[1]
    return {
        "perSecond": round(jobs / (ended - began)),
        "cpuUs": round(used / jobs * 1e6, 1),
        "scriptWorkersUs": round(scripts / jobs * 1e6, 1),
    }
