"""Whoever runs Waypost hears of a bound before it is reached."""

from __future__ import annotations

from datetime import timedelta

import pytest

from shared.fullness import Bounds, taken, warnings
from shared.model.jobs import STATES, QueueStats, StateLoad
from shared.model.retention import Retention

NOW, DAY = 1_790_000_000_000, 86_400_000
KEPT = Retention(
    ages={"events": timedelta(days=30)},
    bytes={"done": 100, "dead": 100, "parked": 100, "events": 100, "copies": 100},
)
BOUNDS = Bounds(records=10, bytes=1000, retention=KEPT)


def a_queue(held: dict[str, int] | None = None, **counts: int) -> QueueStats:
    """So many bytes and records by state."""
    return QueueStats(
        now=NOW, oldest_ready_age=None, totals={}, last_minute={}, workers=(),
        states={one: StateLoad(count=counts.get(one, 0), bytes=0) for one in STATES},
        held={one: (held or {}).get(one, 0) for one in (*STATES, "events")},
    )  # fmt: skip


def test_an_empty_queue_is_nothing_to_speak_of() -> None:
    assert [] == warnings(a_queue(), {}, BOUNDS)
    assert {0.0} == set(taken(a_queue(), BOUNDS).values())


@pytest.mark.parametrize(
    ("queue", "said"),
    [
        (a_queue(ready=4, waiting=3), "70% of WAYPOST_OPEN_RECORDS is taken"),
        (a_queue({"parked": 60, "leased": 640}), "70% of WAYPOST_OPEN_BYTES is taken"),
        (a_queue({"dead": 70}), "70% of what dead may take is taken"),
        (a_queue({"parked": 99}), "99% of what parked may take is taken"),
        (a_queue({"events": 120}), "120% of what events may take is taken"),
    ],
)
def test_seven_tenths_of_a_bound_are_a_warning(queue: QueueStats, said: str) -> None:
    (sentence,) = warnings(queue, {}, BOUNDS)

    assert sentence.startswith(said)


@pytest.mark.parametrize(
    "queue", [a_queue(ready=6), a_queue({"dead": 69}), a_queue({"done": 100, "ignored": 500})]
)
def test_less_is_none_and_what_is_done_may_be_full(queue: QueueStats) -> None:
    assert [] == warnings(queue, {}, BOUNDS)


def test_events_that_are_nearly_too_old_are_told_by_bot_the_oldest_first() -> None:
    unread = {"shop": NOW - 22 * DAY, "desk": NOW - 29 * DAY, "new": NOW - 20 * DAY}

    assert [
        "bot desk has not read its events for 29 days; the oldest go in 1 days (WAYPOST_RETENTION, events)",
        "bot shop has not read its events for 22 days; the oldest go in 8 days (WAYPOST_RETENTION, events)",
    ] == warnings(a_queue(), unread, BOUNDS)


def test_events_that_are_kept_for_ever_are_never_too_old() -> None:
    bounds = Bounds(records=10, bytes=1000, retention=Retention(ages={}))

    assert [] == warnings(a_queue(), {"shop": 0}, bounds)
