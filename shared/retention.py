"""How long, and how much, of what is no longer on its way is kept: the setting as an operator writes it."""

from __future__ import annotations

import re
from datetime import timedelta

from shared.configvalues import SIZES, Unreadable
from shared.model.retention import Retention

DEFAULT = (
    "done=24h,ignored=24h,dead=30d,parked=7d,waiting=3d,read=7d,events=30d,"
    "done=512MB,ignored=128MB,dead=512MB,parked=256MB,events=512MB,copies=256MB"
)
# What ends, when and how: done, ignored and dead records are removed; what was parked or has waited too long becomes
# dead; of bots' events those that were read go first; copies are the delivery keys of done records that are gone.
AGED = ("done", "ignored", "dead", "parked", "waiting", "read", "events")
BOUNDED = ("done", "ignored", "dead", "parked", "events", "copies")
_SECONDS = {"s": 1, "m": 60, "h": 3600, "d": 86400}
_PART = re.compile(r"([a-z]+)\s*=\s*([0-9]{1,9})\s*([a-zA-Z]{1,2})")


def retention(text: str) -> Retention:
    """
    Read spans and sizes by state; what is not written keeps its default.

    >>> found = retention("done=2h, done=1GB")
    >>> found.ages["done"], found.ages["parked"], found.bytes["done"]
    (datetime.timedelta(seconds=7200), datetime.timedelta(days=7), 1073741824)
    """
    ages: dict[str, timedelta] = {}
    bounds: dict[str, int] = {}
    for part in f"{DEFAULT},{text}".split(","):
        if not part.strip():
            continue
        state, amount, unit = _read(part.strip())
        if unit in _SECONDS and state in AGED:
            ages[state] = timedelta(seconds=amount * _SECONDS[unit])
        elif unit in SIZES and state in BOUNDED:
            bounds[state] = amount * SIZES[unit]
        else:
            raise _unreadable(part)
    return Retention(ages=ages, bytes=bounds)


def _read(part: str) -> tuple[str, int, str]:
    match = _PART.fullmatch(part)
    if match is None:
        raise _unreadable(part)
    return match[1], int(match[2]), match[3]


def _unreadable(part: str) -> Unreadable:
    return Unreadable(
        f"{part.strip()!r} is not how long or how much of a state is kept",
        f"write STATE=SPAN (s, m, h, d) for {', '.join(AGED)}, or STATE=SIZE (KB, MB, GB) for {', '.join(BOUNDED)}",
    )
