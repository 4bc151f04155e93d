"""Scripts that killed workers, and until when they are not run."""

from __future__ import annotations

from collections import OrderedDict
from typing import Final, NamedTuple

KILLS_ALLOWED: Final = 2
QUARANTINE: Final = 300.0  # seconds; also how long a kill is remembered
_MOST_REMEMBERED: Final = 10_000


class _Kills(NamedTuple):
    times: int
    until: float


class Quarantine:
    """
    Counts the workers a script has killed; at the second it is not run for five minutes.

    Not for ever: what kills a worker may be an event that a stranger sent, and must not switch an
    integration off for good. After the time, one more kill is enough.

    >>> quarantine = Quarantine()
    >>> for now in (0.0, 1.0):
    ...     quarantine.add("bomb", now)
    >>> quarantine.remaining("bomb", 2.0), quarantine.remaining("bomb", 400.0)
    (299.0, 0.0)
    """

    def __init__(self) -> None:
        self._kills: OrderedDict[str, _Kills] = OrderedDict()

    def add(self, key: str, now: float) -> None:
        """The script *key* has killed a worker."""
        before = self._kills.pop(key, _Kills(0, now))
        # A first kill that is long ago is forgotten; a quarantine that has ended is not.
        forgotten = before.times < KILLS_ALLOWED and before.until < now
        self._kills[key] = _Kills(1 if forgotten else before.times + 1, now + QUARANTINE)
        if len(self._kills) > _MOST_REMEMBERED:
            self._kills.popitem(last=False)

    def remaining(self, key: str, now: float) -> float:
        """Seconds until *key* may run again; 0.0 when it may now."""
        kills = self._kills.get(key)
        if kills is None or kills.times < KILLS_ALLOWED:
            return 0.0
        return max(0.0, kills.until - now)
