"""
What stands before the authorization servers: it notes every call and its answer, and breaks answers where it is told.

One address for all of them, since Waypost may reach one origin beside public ones; the first part of a path names whose
it is.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any, Self
from urllib.parse import parse_qsl

import msgspec
from aiohttp import ClientSession, DummyCookieJar, web
from msgspec import Struct
from multidict import CIMultiDict

from tests.local import listen

HOP = frozenset({"connection", "content-length", "keep-alive", "transfer-encoding", "date"})
Answer = tuple[int, "CIMultiDict[str]", bytes]
Server = Callable[[web.Request, bytes], Awaitable[Answer]]


class Call(Struct, frozen=True):
    """One request that a server got, and what it said; `heard` is false where the answer was withheld."""

    server: str
    path: str
    form: dict[str, str]
    status: int
    body: bytes
    heard: bool = True

    @property
    def said(self) -> dict[str, Any]:
        """The answer as JSON."""
        found: dict[str, Any] = msgspec.json.decode(self.body)
        return found


class Front:
    """Forwards `/NAME/…` to the server of that name."""

    def __init__(self) -> None:
        """No server yet."""
        self.servers: dict[str, Server] = {}
        self.calls: list[Call] = []
        self.breaks: dict[str, str] = {}  # path: `before`, `behind` or `cut`; for one call

    async def __aenter__(self) -> Self:
        """Listen."""
        app = web.Application()
        app.router.add_route("*", "/{server}/{path:.*}", self._pass)
        self.url, self._runner = await listen(app)
        return self

    async def __aexit__(self, *_: object) -> None:
        """Stop listening."""
        await self._runner.cleanup()

    def tokens(self, server: str, since: int = 0) -> list[Call]:
        """The calls of a server's token endpoint from the *since*-th call on."""
        return [
            one
            for one in self.calls[since:]
            if one.server == server and one.path.endswith("/token")
        ]

    async def _pass(self, request: web.Request) -> web.StreamResponse:
        name, body = request.match_info["server"], await request.read()
        if name not in self.servers:
            raise web.HTTPNotFound
        fault = self.breaks.pop(request.path, "")
        if fault == "before":
            return web.Response(status=503, headers={"Retry-After": "1"})
        status, headers, answered = await self.servers[name](request, body)
        form = dict(parse_qsl(body.decode()))
        self.calls.append(Call(name, request.path, form, status, answered, not fault))
        if fault == "cut":
            assert request.transport is not None
            request.transport.abort()
        if fault:
            return web.Response(status=502)
        return web.Response(status=status, headers=headers, body=answered)


def forwarded_to(port: int, session: ClientSession) -> Server:
    """A server in another process; it hears of the address it was called by."""

    async def ask(request: web.Request, body: bytes) -> Answer:
        async with session.request(
            request.method,
            f"http://127.0.0.1:{port}{request.raw_path}",
            headers={k: v for k, v in request.headers.items() if k.lower() not in HOP},
            data=body or None,
            allow_redirects=False,
        ) as answer:
            kept = [(k, v) for k, v in answer.headers.items() if k.lower() not in HOP]
            return answer.status, CIMultiDict(kept), await answer.read()

    return ask


def a_session() -> ClientSession:
    """A client that keeps nothing."""
    return ClientSession(cookie_jar=DummyCookieJar(), auto_decompress=False, trust_env=False)
