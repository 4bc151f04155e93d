"""(a) How many requests a second become durable on one core, and what each costs."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

from bench.contestants import BARE, WAYPOST, doors, ingress
from bench.load import closed
from bench.plan import middle
from bench.store import can_delay, store

if TYPE_CHECKING:
    from bench.plan import Plan

CALLERS, PROCESSES = 32, (1, 2)
UNTIL_ALL_LISTEN = 1.0  # seconds; one that listens on a shared port does not tell of the others


def accept(plan: Plan) -> dict[str, Any]:
    """Side by side, in rounds; of each figure the median."""
    found: dict[str, Any] = {
        "callers": CALLERS, "bodyBytes": 1024, "of": _rounds(plan, doors(plan), 0.0, CALLERS),
        "processes": _processes(plan),
    }  # fmt: skip
    if plan.fsync_delay and can_delay():
        names = [name for name in doors(plan) if name != BARE]
        found["slow"] = {
            "fsyncDelayMs": plan.fsync_delay, "callers": 128,
            "of": _rounds(plan, names, plan.fsync_delay, 128),
        }  # fmt: skip
    return found


def _rounds(
    plan: Plan, names: list[str], delay_ms: float, callers: int
) -> dict[str, dict[str, float]]:
    taken: dict[str, list[dict[str, float]]] = {name: [] for name in names}
    for number in range(1, plan.rounds + 1):
        for name in names:
            disk = f", fsync + {delay_ms:g} ms" if delay_ms else ""
            plan.say(f"accept: {name}, {callers} callers{disk}, round {number}")
            with plan.peer(name):
                taken[name].append(_one(plan, name, delay_ms, callers))
    return {name: middle(rows) for name, rows in taken.items() if rows}


def _processes(plan: Plan) -> dict[str, dict[str, float]]:
    """One and two of Waypost's ingresses on one port, by turns; they and the server go on any core."""
    taken: dict[int, list[dict[str, float]]] = {count: [] for count in PROCESSES}
    for number in range(1, plan.rounds + 1):
        for count, rows in taken.items():
            plan.say(f"accept: {WAYPOST} in {count} processes, not pinned, round {number}")
            with plan.peer(f"{WAYPOST} in {count} processes"):
                rows.append(_unpinned(plan, count))
    return {str(count): middle(rows) for count, rows in taken.items() if rows}


def _unpinned(plan: Plan, count: int) -> dict[str, float]:
    with (
        store(core=None) as server,
        ingress(WAYPOST, server, core=None, processes=count) as (_, port, path),
    ):
        time.sleep(UNTIL_ALL_LISTEN)
        closed(port, path, callers=CALLERS, seconds=plan.warm)
        found = closed(port, path, callers=CALLERS, seconds=max(1.0, plan.seconds / 2))
    return {name: found[name] for name in ("perSecond", "p50Ms", "p99Ms")}


def _one(plan: Plan, name: str, delay_ms: float, callers: int) -> dict[str, float]:
    with store(delay_ms) as server, ingress(name, server) as (program, port, path):
        closed(port, path, callers=callers, seconds=plan.warm)
        before = program.cpu(), server.program.cpu()
        found = closed(port, path, callers=callers, seconds=plan.seconds)
        used = program.cpu() - before[0], server.program.cpu() - before[1]
    return {
        "perSecond": found["perSecond"],
        "p50Ms": found["p50Ms"],
        "p99Ms": found["p99Ms"],
        "cpuUs": round(used[0] / found["requests"] * 1e6, 1),
        "storeCpuUs": round(used[1] / found["requests"] * 1e6, 1),
        "refused": found["refused"],
    }
