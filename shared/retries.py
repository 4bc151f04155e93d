"""How long to wait before another attempt. Time and chance are arguments."""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import UTC, timedelta
from email.utils import parsedate_to_datetime
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable

MAX_ATTEMPTS = 12
SHORTEST_WAIT = timedelta(seconds=1)
LONGEST_WAIT = timedelta(hours=24)
_NUMBER = re.compile(r"[0-9]{1,15}(\.[0-9]{1,9})?")
_RESET = re.compile(r"((?:x-)?rate-?limit-(?:[a-z0-9-]+-)?)reset(-after)?")
_EARLIEST_SECONDS = 1e9  # a smaller number is a delay, not a date since 2001
_EARLIEST_MILLISECONDS = 1e11


def retry_delay(attempt: int, chance: float) -> timedelta:
    """
    How long to wait after the given attempt failed (full jitter).

    The cap doubles from two seconds up to an hour; *chance*, drawn by the caller between 0 and 1, picks a point
    below it.

    >>> [retry_delay(n, 1.0).seconds for n in (1, 2, 3, 11, 12, 5000)]
    [2, 4, 8, 2048, 3600, 3600]
    >>> retry_delay(1, 0.25)
    datetime.timedelta(microseconds=500000)
    """
    return timedelta(seconds=chance * min(2.0 ** min(attempt, 12), 3600.0))


def retry_after(
    headers: Mapping[str, str] | Iterable[tuple[str, str]], *, now: float
) -> timedelta | None:
    """
    How long the other side asks us to wait, between a second and a day; None when it does not say.

    `Retry-After` is seconds or a date (RFC 9110 §10.2.3). Else the `X-RateLimit-Reset` family counts: a delay,
    or a time in seconds or milliseconds, told apart by magnitude. A limit with requests remaining is not the
    one that was hit.

    >>> retry_after({"Retry-After": "30"}, now=0.0)
    datetime.timedelta(seconds=30)
    >>> retry_after({"Retry-After": "Thu, 01 Jan 1970 00:01:00 GMT"}, now=15.0)
    datetime.timedelta(seconds=45)
    >>> retry_after({"X-RateLimit-Remaining": "0", "X-RateLimit-Reset": "1790000060"}, now=1790000000.0)
    datetime.timedelta(seconds=60)
    >>> retry_after({"X-RateLimit-Remaining": "9", "X-RateLimit-Reset": "1790000060"}, now=1790000000.0)
    """
    pairs = headers.items() if isinstance(headers, Mapping) else headers
    named = {name.lower(): value.strip() for name, value in pairs}
    seconds = _asked_seconds(named.get("retry-after", ""), now)
    if seconds is None:
        seconds = max(_resets(named, now), default=None)
    return None if seconds is None else _clamped(seconds)


def _clamped(seconds: float) -> timedelta:
    """
    Between a second and a day.

    >>> _clamped(-5.0), _clamped(1e12)
    (datetime.timedelta(seconds=1), datetime.timedelta(days=1))
    """
    shortest, longest = SHORTEST_WAIT.total_seconds(), LONGEST_WAIT.total_seconds()
    return timedelta(seconds=min(max(seconds, shortest), longest))


def _asked_seconds(value: str, now: float) -> float | None:
    if _NUMBER.fullmatch(value):
        return float(value)
    try:
        when = parsedate_to_datetime(value)
    except (ValueError, TypeError, IndexError, OverflowError):
        return None
    return when.replace(tzinfo=when.tzinfo or UTC).timestamp() - now


def _resets(named: Mapping[str, str], now: float) -> list[float]:
    found = ((_RESET.fullmatch(name), value) for name, value in named.items())
    return [
        _until(float(value), now)
        for match, value in found
        if match and _NUMBER.fullmatch(value) and _is_used_up(named, match[1])
    ]


def _is_used_up(named: Mapping[str, str], family: str) -> bool:
    return named.get(f"{family}remaining", "0") in {"0", ""}


def _until(number: float, now: float) -> float:
    """
    Seconds from *now* that a reset stands for.

    >>> [_until(number, 1790000000.0) for number in (60.0, 1790000060.0, 1790000060000.0)]
    [60.0, 60.0, 60.0]
    """
    if number < _EARLIEST_SECONDS:
        return number
    return (number / 1000 if number >= _EARLIEST_MILLISECONDS else number) - now
