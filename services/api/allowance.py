"""How often one installation may call, so that none takes the others' turn. Each api process counts for itself."""

from __future__ import annotations

from typing import TYPE_CHECKING

from aiohttp import web
from msgspec import Struct

from shared.botpress import Refusal

if TYPE_CHECKING:
    from shared.clock import Clock

USUAL = 2000  # calls a second


class Allowance(Struct, frozen=True, kw_only=True):
    """What is left of a second; *remaining* is negative for a call that is one too many."""

    limit: int
    remaining: int

    def check(self) -> None:
        """Raise 429 for a call that is one too many."""
        if self.remaining < 0:
            message = f"this installation may call {self.limit} times a second"
            raise Refusal("RateLimited", message, headers={"Retry-After": "1"})


class Allowances:
    """Counts calls in seconds of the process's own clock."""

    def __init__(self, clock: Clock, limit: int = USUAL) -> None:
        """Let *limit* calls a second pass."""
        self._clock, self._limit = clock, limit
        self._second, self._calls = 0, dict[str, int]()

    def take(self, installation: str) -> Allowance:
        """Count one call."""
        second = int(self._clock.monotonic())
        if second != self._second:
            self._second = second
            self._calls.clear()
        calls = self._calls[installation] = self._calls.get(installation, 0) + 1
        return Allowance(limit=self._limit, remaining=self._limit - calls)


ALLOWANCE = web.RequestKey("allowance", Allowance)


async def tell(request: web.Request, answer: web.StreamResponse) -> None:
    """
    Put the allowance on every answer, refusals too.

    The client waits for `RateLimit-Reset` before it looks at `Retry-After`, so the two must agree.
    """
    left = request.get(ALLOWANCE)
    if left is None:
        return
    answer.headers["RateLimit-Limit"] = str(left.limit)
    answer.headers["RateLimit-Remaining"] = str(max(left.remaining, 0))
    answer.headers["RateLimit-Reset"] = answer.headers.get("Retry-After", "1")
