"""
Turning webhooks away at the price of parsing them.

Refusing as a handler does costs more than taking in does on the short way, so where several times of what the store
can take is offered, nothing would be left for taking in.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from shared.botpress import Refusal, unavailable

if TYPE_CHECKING:
    from collections import Counter

    from shared.clock import Chance

LATEST = 5  # seconds; they are spread, so that those who come back do not come together
_NOBODY = "call_refused"  # there is no line of the log to find by its id
WEBHOOK = re.compile(r"/(integration/global/|[0-9a-fA-F]{8}-)")


def crowded(seconds: float) -> Refusal:
    """
    What a webhook is told when so many wait for the store that it would wait too long; to come back in *seconds*.

    Browsers are never told this: they are few, each is a person, and a callback cannot be had again.
    """
    return unavailable("more comes than the store can take at the moment", seconds)


def some_seconds(chance: Chance) -> int:
    """One of `1 … LATEST`."""
    return 1 + int(LATEST * chance.fraction())


def _written(refusal: Refusal) -> bytes:
    body = refusal.document(_NOBODY)
    lines = [
        f"HTTP/1.1 {refusal.status} Service Unavailable",
        *(f"{name}: {value}" for name, value in refusal.headers.items()),
        "Server: waypost",
        "Content-Type: application/json",
        f"Content-Length: {len(body)}",
    ]
    return "\r\n".join([*lines, "", ""]).encode() + body


class Turnstile:
    """Answers webhooks while the store has too much to do."""

    def __init__(self, refused: Counter[str], chance: Chance) -> None:
        """Count in *refused*."""
        self._refused, self._chance = refused, chance
        self._answers = [_written(crowded(seconds)) for seconds in range(1, LATEST + 1)]

    def refusal(self, path: str) -> bytes | None:
        """The whole answer to a webhook, 503, which is counted; None for all that is none."""
        if not WEBHOOK.match(path):
            return None
        self._refused["waiting"] += 1
        return self._answers[some_seconds(self._chance) - 1]
