"""
Faults that can be switched on, and how they are played.

`before` means the provider has not acted, `after` that it has: a code is spent, tokens exist,
only the answer is lost. That difference is what a client's retry rule has to respect.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal, TypedDict, get_args

from aiohttp import web
from aiohttp.typedefs import Handler

FaultKind = Literal["429", "502-before", "502-after", "503", "dropped", "slow", "answer"]

KINDS: tuple[str, ...] = get_args(FaultKind)


class FaultSettings(TypedDict, total=False):
    """What `fault` takes by name."""

    times: int | None
    retry_after: float
    seconds: float
    status: int
    headers: Mapping[str, str]
    body: str


@dataclass(kw_only=True)
class Fault:
    """One misbehaviour of one path. Call `clear` to end it early."""

    provider: str  # "bot" for the bot receiver
    path: str  # host and path, the end of one ("/oauth/token"), a bot's name, or "*"
    kind: FaultKind
    times: int | None = 1  # None: until cleared
    retry_after: float = 1.0  # seconds, for 429 and 503
    seconds: float = 1.0  # for slow: the answer comes this late, the act does not
    status: int = 500  # for answer
    headers: Mapping[str, str] = field(default_factory=dict)  # for answer, added to any other
    body: str = ""  # for answer

    def __post_init__(self) -> None:
        """Refuse a kind that does not exist, with those that do."""
        if self.kind not in KINDS:
            message = f"fault kind {self.kind!r} does not exist: use one of {', '.join(KINDS)}"
            raise ValueError(message)

    def hits(self, provider: str, path: str) -> bool:
        """Whether a request to *path* is disturbed."""
        if self.times == 0 or self.provider != provider:
            return False
        return self.path in ("*", path) or path.endswith("/" + self.path.lstrip("/"))

    @property
    def acts(self) -> bool:
        """Whether the provider does its work in spite of it."""
        return self.kind in {"502-after", "dropped", "slow"}

    def clear(self) -> None:
        """Stop misbehaving."""
        self.times = 0

    def use(self) -> Fault:
        """Count one use."""
        if self.times is not None:
            self.times -= 1
        return self


def active(faults: list[Fault], provider: str, path: str) -> Fault | None:
    """The first fault that hits, already counted; spent ones are dropped from the list."""
    faults[:] = [one for one in faults if one.times != 0]
    hit = next((one for one in faults if one.hits(provider, path)), None)
    return hit.use() if hit else None


async def play(
    fault: Fault | None, handler: Handler, request: web.Request
) -> web.StreamResponse:
    """Answer *request* with *handler*, disturbed by *fault*."""
    if fault is None:
        return await handler(request)
    if early := _before(fault):
        return early
    return _after(fault, await handler(request), request)


def _before(fault: Fault) -> web.Response | None:
    match fault.kind:
        case "429":
            return _plain(fault, 429, "rate limited", {"Retry-After": f"{fault.retry_after:g}"})
        case "503":
            return _plain(fault, 503, "unavailable", {"Retry-After": f"{fault.retry_after:g}"})
        case "502-before":
            return _plain(fault, 502, "<html><h1>502 Bad Gateway</h1></html>", {})
        case "answer":
            return _plain(fault, fault.status, "", {})
        case _:
            return None


def _after(
    fault: Fault, answer: web.StreamResponse, request: web.Request
) -> web.StreamResponse:
    if fault.kind == "502-after":
        return _plain(fault, 502, "<html><h1>502 Bad Gateway</h1></html>", {})
    if fault.kind == "dropped" and request.transport is not None:
        request.transport.abort()
    return answer


async def linger(fault: Fault | None) -> None:
    """Keep the answer back, after the act and after its log entry."""
    if fault is not None and fault.kind == "slow":
        await asyncio.sleep(fault.seconds)


def _plain(fault: Fault, status: int, text: str, headers: Mapping[str, str]) -> web.Response:
    return web.Response(
        status=status, text=fault.body or text, headers={**headers, **fault.headers}
    )
