"""
Listening within limits: what aiohttp leaves open, a slow or a greedy stranger would use.

The values are those of a study of aiohttp 3.14 under slow headers, slow bodies and floods of connections.
"""

from __future__ import annotations

import asyncio
import dataclasses
import ipaddress
import os
from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING

from aiohttp import http_parser, web
from aiohttp.http_exceptions import HttpProcessingError

from services.openfiles import room_for
from services.short_way import ShortWay
from services.web import Edge, refused, shaped, unclear
from shared.botpress import Refusal
from shared.clock import new_id
from shared.errors import SetupFailed

if TYPE_CHECKING:
    from aiohttp.web_request import BaseRequest

    from services.short_way import Shortcut

Network = ipaddress.IPv4Network | ipaddress.IPv6Network

_BUSY = b"HTTP/1.1 503 Service Unavailable\r\nRetry-After: 1\r\nConnection: close\r\nContent-Length: 0\r\n\r\n"


@dataclass(frozen=True, kw_only=True)
class Limits:
    """What one process accepts, in seconds, bytes of a line, and connections."""

    keepalive: float = 15.0  # aiohttp has no time-out for headers; this closes slow ones too
    lingering: float = 5.0
    line: int = 8190
    headers: int = 128
    connections: int = 2000
    connections_per_address: int = 64
    shares_port: bool = (
        False  # with other processes: the kernel gives each its part of the connections
    )
    uncounted: tuple[Network, ...] = (
        ipaddress.ip_network("127.0.0.0/8"),
        ipaddress.ip_network("::1/128"),
    )  # proxies we trust, and this machine: many callers share their address


class _Server(web.Server):
    """Counts connections, and answers in our shape what never becomes a request."""

    def __init__(
        self, made: web.Server, limits: Limits, edge: Edge, shortcut: Shortcut | None
    ) -> None:
        super().__init__(
            self._outermost,
            request_factory=made.request_factory,
            **made._kwargs,  # noqa: SLF001
        )
        self._inner, self._limits, self.edge = made.request_handler, limits, edge
        self._shortcut = shortcut
        self._open, self._by_address = 0, Counter[str]()

    async def _outermost(self, request: BaseRequest) -> web.StreamResponse:
        try:
            return await self._inner(request)
        except (
            web.HTTPException
        ) as said:  # an Expect that nobody meets is refused before any middleware
            return refused(shaped(said), new_id("call", self.edge.clock, self.edge.chance))

    def __call__(self) -> asyncio.Protocol:  # type: ignore[override]
        if self._open >= self._limits.connections:
            return _OneTooMany()
        connection = _Connection(self, loop=self._loop, **self._kwargs)
        connection.shortcut = self._shortcut
        return connection

    def admit(self, peer: str) -> bool:
        """Take one more connection from *peer*, or say no."""
        counted = self._is_counted(peer)
        most = self._limits.connections_per_address
        if self._open >= self._limits.connections or (
            counted and self._by_address[peer] >= most
        ):
            return False
        self._open += 1
        self._by_address[peer] += 1
        return True

    def leave(self, peer: str) -> None:
        """A connection that was admitted is gone."""
        self._open -= 1
        self._by_address[peer] -= 1
        if not self._by_address[peer]:
            del self._by_address[peer]

    def _is_counted(self, peer: str) -> bool:
        try:
            address = ipaddress.ip_address(peer)
        except ValueError:
            return False  # a unix socket
        return not any(address in network for network in self._limits.uncounted)


class _OneTooMany(asyncio.Protocol):
    """Says that there is no room, and hears the caller out: to close with something unread breaks the answer off."""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        transport.write(_BUSY)  # type: ignore[attr-defined]
        transport.write_eof()  # type: ignore[attr-defined]
        self._end = asyncio.get_running_loop().call_later(1.0, transport.close)

    def connection_lost(self, _: Exception | None) -> None:
        self._end.cancel()


class _Connection(ShortWay):
    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._server: _Server = self._manager  # type: ignore[assignment]
        name = transport.get_extra_info("peername")
        self._peer = name[0] if isinstance(name, tuple) else ""
        self._admitted = self._server.admit(self._peer)
        if self._admitted:
            return super().connection_made(transport)
        self._force_close = True
        transport.write(_BUSY)  # type: ignore[attr-defined]
        return transport.close()

    def connection_lost(self, exc: BaseException | None) -> None:
        if self._admitted:
            self._server.leave(self._peer)
            self._admitted = False
            super().connection_lost(exc)

    def handle_error(
        self,
        request: BaseRequest,
        status: int = 500,
        exc: BaseException | None = None,
        message: str | None = None,
    ) -> web.StreamResponse:
        """Answer what cannot be parsed, without aiohttp's trace: that would hold what a stranger sent."""
        edge = self._server.edge
        id = new_id("call", edge.clock, edge.chance)
        if isinstance(exc, HttpProcessingError):
            edge.log.warning("http.unreadable", id=id, kind=type(exc).__name__)
            return refused(unclear("request", "this is not HTTP/1.1 as RFC 9112 has it"), id)
        if isinstance(exc, ConnectionError):  # a caller who left is no bug of ours
            edge.log.info("http.abandoned", id=id)
            raise exc
        edge.log.exception("http.failed", id=id, exc_info=exc)  # noqa: LOG004  the exception is an argument
        if request.writer.output_size:
            raise ConnectionError("a part of the answer was sent")
        return refused(
            Refusal("Internal", "this is a bug of Waypost", headers={"Connection": "close"}), id
        )


class Runner(web.AppRunner):
    """Runs one app under *limits*."""

    def __init__(
        self, app: web.Application, edge: Edge, limits: Limits, shortcut: Shortcut | None = None
    ) -> None:
        """Hand aiohttp the values it lets us choose; its own access log, which has the query, is off."""
        self.limits, self._edge, self._shortcut = limits, edge, shortcut
        super().__init__(
            app,
            access_log=None,
            auto_decompress=False,
            keepalive_timeout=limits.keepalive,
            lingering_time=limits.lingering,
            max_line_size=limits.line,
            max_field_size=limits.line,
            max_headers=limits.headers,
            shutdown_timeout=10.0,
        )

    async def _make_server(self) -> web.Server:
        return _Server(await super()._make_server(), self.limits, self._edge, self._shortcut)

    @property
    def port(self) -> int:
        """The port of the first listener, for whoever asked for port 0."""
        return int(self.addresses[0][1])


async def serve(
    app: web.Application,
    edge: Edge,
    host: str,
    port: int,
    limits: Limits | None = None,
    *,
    shortcut: Shortcut | None = None,
) -> Runner:
    """
    Listen on *host* and *port* (0: any free one) until `cleanup()` of what is returned.

    What *shortcut* takes over does not come to *app*.

    Raises:
        SetupFailed: the port is taken, or may not be opened; or aiohttp runs without its parser in C.

    """
    _refuse_the_lenient_parser()
    runner = Runner(app, edge, _with_room(limits or Limits()), shortcut)
    await runner.setup()
    try:
        shares = runner.limits.shares_port or None
        await web.TCPSite(runner, host, port, backlog=1024, reuse_port=shares).start()
    except OSError as error:
        await runner.cleanup()
        raise SetupFailed(
            f"{edge.name} cannot listen on {host}:{port}: {os.strerror(error.errno or 0)}",
            f"free the port, or choose another one with WAYPOST_{edge.name.upper()}_BIND",
        ) from None
    return runner


def _with_room(limits: Limits) -> Limits:
    return dataclasses.replace(limits, connections=room_for(limits.connections))


def _refuse_the_lenient_parser() -> None:
    """The parser in Python is slow and reads more than RFC 9112 allows, which smugglers use."""
    if http_parser.HttpRequestParser is http_parser.HttpRequestParserPy:
        raise SetupFailed(
            "aiohttp runs without its HTTP parser in C",
            "unset AIOHTTP_NO_EXTENSIONS, and install aiohttp's wheel for this platform",
        )
