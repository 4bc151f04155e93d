"""(a) How many requests a second become durable on one core, and what each costs."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from bench.contestants import BARE, doors, ingress
from bench.load import closed
from bench.plan import middle
from bench.store import can_delay, store

if TYPE_CHECKING:
    from bench.plan import Plan


def accept(plan: Plan) -> dict[str, Any]:
    """Side by side, in rounds; of each figure the median."""
    found: dict[str, Any] = {
        "callers": 32, "bodyBytes": 1024, "of": _rounds(plan, doors(plan), 0.0, 32),
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
