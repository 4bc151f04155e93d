"""What the figures must show, and whether they do."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from msgspec import Struct

from bench.contestants import ARQ, BARE, BULLMQ, QUEUE, TUNED_ARQ, WAYPOST

if TYPE_CHECKING:
    from collections.abc import Callable

Found = dict[str, Any]


class Bar(Struct, frozen=True):
    """One promise: what is compared, the bound, and how the figure is found."""

    part: str
    what: str
    bound: str  # ≥ or ≤, and a number
    of: Callable[[Found], float]

    def met(self, value: float) -> bool:
        """Whether *value* keeps the bound."""
        limit = float(self.bound[1:].split()[0])
        return value >= limit if self.bound[0] == "≥" else value <= limit

    def told(self, value: float) -> str:
        """
        *value* as people read it: in two decimals, or in as many as show on which side of the bound it lies.

        >>> bar = Bar("worker", "p50", "≤2 ms", lambda _: 0.0)
        >>> [bar.told(value) for value in (1.998, 2.0, 2.005, 2.0004)]
        ['2', '2', '2.005', '2.0004']
        """
        digits = 2
        while self.met(round(value, digits)) != self.met(value):
            digits += 1
        text = f"{value:.{digits}f}"
        return text.rstrip("0").rstrip(".")


def _ratio(part: str, name: str, figure: str = "perSecond", *, slow: bool = False) -> Any:
    def of(found: Found) -> float:
        rows = found[part]["slow"]["of"] if slow else found[part]["of"]
        return float(rows[WAYPOST][figure] / rows[name][figure])

    return of


def _deepest(found: Found) -> Found:
    depths: Found = found["growth"]["depth"]
    return dict(depths[max(depths, key=int)])


def _grown(found: Found) -> float:
    first, last = (
        found["growth"]["depth"][min(found["growth"]["depth"], key=int)],
        _deepest(found),
    )
    return float(max(last[name] / first[name] for name in ("acceptUs", "claimUs", "settleUs")))


BARS = (
    Bar("accept", f"durable accepts per core, of {BARE}", "≥0.45 ×", _ratio("accept", BARE)),
    Bar("accept", f"durable accepts per core, of {ARQ}", "≥3.5 ×", _ratio("accept", ARQ)),
    Bar("accept", f"durable accepts per core, of {BULLMQ}", "≥1.1 ×", _ratio("accept", BULLMQ)),
    Bar("accept", f"the same where an fsync takes 2 ms longer, of {ARQ}", "≥2.5 ×", _ratio("accept", ARQ, slow=True)),
    Bar("worker", f"no-op jobs per core, of {QUEUE}, concurrency 100", "≥1.2 ×", _ratio("worker", QUEUE)),
    Bar("worker", f"no-op jobs per core, of {TUNED_ARQ}", "≥8 ×", _ratio("worker", TUNED_ARQ)),
    Bar("worker", "commands per job at saturation", "≤6", lambda f: f["worker"]["of"][WAYPOST]["commands"]),
    Bar("worker", "p50 from received to started at 50 a second, through the door, ms", "≤2 ms", lambda f: f["worker"]["receivedAt50"][WAYPOST]["p50Ms"]),
    Bar("worker", "p99 of it, ms", "≤5 ms", lambda f: f["worker"]["receivedAt50"][WAYPOST]["p99Ms"]),
    Bar("worker", "processor of an idle worker, %", "≤0.5 %", lambda f: f["worker"]["idleCpuPercent"]),
    Bar("worker", "slots in use, of 25 workers × 10", "≥250", lambda f: f["worker"]["slots"]["busy"]),
    Bar("whole", f"the whole way on two cores, of {BULLMQ}", "≥1.2 ×", _ratio("whole", BULLMQ)),
    Bar("whole", f"processor per event, of {BULLMQ}", "≤0.8 ×", _ratio("whole", BULLMQ, "cpuUs")),
    Bar("growth", "dearest of accept, claim and settle at the deepest, of a thousand", "≤2.5 ×", _grown),
    Bar("growth", "bytes per waiting request of 2 KB", "≤3277", lambda f: _deepest(f)["bytesPerRecord"]),
    Bar("growth", "seconds to start again with all of them, after a kill", "≤15 s", lambda f: _deepest(f)["restartSeconds"]),
)  # fmt: skip


def kept(found: Found) -> list[tuple[Bar, float]]:
    """Each bar whose parts and peers were measured, with its figure."""
    told = []
    for bar in BARS:
        try:
            told.append((bar, float(bar.of(found))))
        except (KeyError, ZeroDivisionError):
            continue  # this part, or this peer, was not measured
    return told
