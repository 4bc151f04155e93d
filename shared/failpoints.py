"""
Named places at which a process kills itself, so that tests can crash it exactly there.

`WAYPOST_FAILPOINT=exchange.sent` kills at the first time it comes by, `exchange.sent@3` at the third;
several are separated by commas. Without the variable reaching a place costs one look into an empty dictionary.
"""

from __future__ import annotations

import os
import signal
from typing import Final

from shared.errors import SetupFailed

POINTS: Final[dict[str, str]] = {
    "accept.before_store": "the ingress has read the request and stored nothing",
    "accept.stored": "the request is stored, the caller has no answer yet",
    "claim.done": "the worker holds a lease and has not begun",
    "exchange.intent": "the intent is written, the code is not sent yet",
    "exchange.sent": "the token endpoint has answered, nothing is written",
    "exchange.result": "the tokens are in the journal, nothing is activated",
    "refresh.intent": "the intent is written, the refresh token is not sent yet",
    "refresh.sent": "the token endpoint has answered, nothing is written",
    "refresh.result": "the new tokens are in the journal, not yet in the state",
    "activate.before": "everything is known, the activation has not run",
    "activate.done": "the activation has run, the caller has no answer yet",
    "route.before": "the request is verified and split, not yet routed",
    "route.done": "it is known who gets it, and nobody has got it",
    "delivery.before": "the handler has not been called",
    "delivery.sent": "the handler has answered, nothing is written",
    "settle.before": "the job has ended, its end is not written",
    "settle.done": "the end is written, no reply was published",
}


class FailPoints:
    """Counts how often each named place is reached and, at the wanted time, ends this process with SIGKILL."""

    def __init__(self, spec: str = "") -> None:
        """Read *spec*; raises `SetupFailed` for a place that does not exist."""
        self._left: dict[str, int] = dict(
            map(_wanted, filter(None, map(str.strip, spec.split(","))))
        )

    def reach(self, name: str) -> None:
        """Come by *name*; usually nothing happens."""
        if name not in self._left:
            return
        self._left[name] -= 1
        if self._left[name] == 0:
            os.kill(os.getpid(), signal.SIGKILL)


def _wanted(entry: str) -> tuple[str, int]:
    """
    Read one entry of a spec.

    >>> _wanted("exchange.sent@3")
    ('exchange.sent', 3)
    """
    name, _, times = entry.partition("@")
    if name not in POINTS:
        raise SetupFailed(
            f"WAYPOST_FAILPOINT names {name!r}, which does not exist",
            "use one of: " + ", ".join(sorted(POINTS)),
        )
    if times and not (times.isdigit() and int(times) > 0):
        raise SetupFailed(
            f"WAYPOST_FAILPOINT asks for {name} at the time {times!r}",
            f"write {name} or {name}@2",
        )
    return name, int(times or 1)
