"""How much of each bound is taken, and what an operator should be told before it is reached."""

from __future__ import annotations

from typing import TYPE_CHECKING

from msgspec import Struct

from shared.model.jobs import OPEN

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from shared.model.jobs import QueueStats
    from shared.model.retention import Retention

TOLD = 0.7  # of a bound or of an age
_LOSING = (
    "dead",
    "parked",
    "events",
)  # what nobody has seen goes there; done and ignored may well be full
_DAY = 86_400_000


class Bounds(Struct, frozen=True, kw_only=True):
    """What an operator has set."""

    records: int
    bytes: int
    retention: Retention


def taken(stats: QueueStats, bounds: Bounds) -> dict[str, float]:
    """The part of each bound that is taken: 1.0 is all of it."""
    count = sum(stats.states[state].count for state in OPEN)
    held = sum(stats.held[state] for state in OPEN)
    found = {"open_records": count / bounds.records, "open_bytes": held / bounds.bytes}
    for name, most in bounds.retention.bytes.items():
        if name in stats.held:
            found[name] = stats.held[name] / max(most, 1)
    return found


def warnings(stats: QueueStats, unread: Mapping[str, int], bounds: Bounds) -> list[str]:
    """Sentences, one for each bound that is nearly reached; *unread* tells since when (ms) events of a bot wait."""
    return [*_nearly_full(taken(stats, bounds)), *_nearly_old(stats.now, unread, bounds)]


def _nearly_full(found: Mapping[str, float]) -> Iterator[str]:
    for name, setting in (("open_records", "RECORDS"), ("open_bytes", "BYTES")):
        if found[name] >= TOLD:
            yield f"{found[name]:.0%} of WAYPOST_OPEN_{setting} is taken; beyond it, senders get 503"
    for name in _LOSING:
        if found.get(name, 0.0) >= TOLD:
            yield f"{found[name]:.0%} of what {name} may take is taken (WAYPOST_RETENTION); beyond it, the oldest go"


def _nearly_old(now: int, unread: Mapping[str, int], bounds: Bounds) -> Iterator[str]:
    most = bounds.retention.ages.get("events")
    if most is None:
        return
    limit = most.total_seconds() * 1000
    for bot, since in sorted(unread.items(), key=lambda one: one[1]):
        if (age := now - since) >= TOLD * limit:
            left = max(0.0, limit - age) / _DAY
            yield (
                f"bot {bot} has not read its events for {age / _DAY:.0f} days; "
                f"the oldest go in {left:.0f} days (WAYPOST_RETENTION, events)"
            )
