"""
What every aiohttp app of ours gets.

Request ids, errors as answers, the access log, reading bodies, health and metrics. Nothing here knows a secret, so the
accepting routes may import it.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol

import msgspec
from aiohttp import HttpVersion10, HttpVersion11, hdrs, web
from aiohttp.web_protocol import RequestPayloadError
from multidict import CIMultiDict

from shared.botpress import Refusal, refusal_of
from shared.clock import Chance, Clock, new_id
from shared.errors import WaypostError
from shared.metrics import Meter, Metrics
from shared.telemetry import Say, repeated

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]
Check = Callable[[], Awaitable[Mapping[str, Any]]]  # raises, or tells facts for people

REQUEST_ID = web.RequestKey("request_id", str)
LARGEST_BODY = 1 << 20  # bytes
BODY_TIMEOUT = 10.0  # seconds
PASSED_ON = web.RequestKey(
    "passed_on", bool
)  # set: the answer is somebody else's, add no headers

SECURITY_HEADERS: Mapping[str, str] = {
    "Cache-Control": "no-store",
    "Content-Security-Policy": "default-src 'none'; frame-ancestors 'none'; base-uri 'none'; form-action 'none'",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
}


class Log(Protocol):
    """The part of a structlog logger that doors use."""

    def info(self, event: str, **facts: Any) -> Any:
        """Something expected happened."""

    def warning(self, event: str, **facts: Any) -> Any:
        """Somebody sent what cannot be read."""

    def exception(self, event: str, **facts: Any) -> Any:
        """A bug; the trace belongs to the line."""


@dataclass(frozen=True, kw_only=True)
class Edge:
    """What the outermost layer of an app needs; *name* (ingress, api) tells the programs apart in metrics."""

    name: str
    clock: Clock
    chance: Chance  # for ids
    log: Log
    metrics: Metrics = field(default_factory=Metrics)
    headers: CIMultiDict[str] = field(default_factory=lambda: CIMultiDict(SECURITY_HEADERS))
    _tellers: dict[tuple[str, str, int], tuple[Meter, Say]] = field(default_factory=dict)

    def tell(self, id: str, method: str, route: str, status: int, started: float) -> None:
        """Count and log one answer; *route* is a template, since paths hold tokens and names of strangers."""
        seconds = self.clock.monotonic() - started
        told = method if method in hdrs.METH_ALL else "other"
        teller = self._tellers.get((route, told, status))
        meter, say = teller or self._teller(route, told, status)
        meter.add(seconds)
        say(id, int(seconds * 1e4) / 1e4)

    def _teller(self, route: str, method: str, status: int) -> tuple[Meter, Say]:
        """What counts such answers and their times, and writes their lines; kept, since each is made many times."""
        labels = {"program": self.name, "route": route}
        meter = self.metrics.meter(
            ("http_requests_total", {**labels, "method": method, "status": str(status)}),
            ("http_seconds", labels),
        )
        made = self._tellers[route, method, status] = (
            meter,
            repeated(self.log, "http.answered", method=method, route=route, status=status),
        )
        return made


def web_app(edge: Edge) -> web.Application:
    """An empty app in which every answer has an id, a log line and, when it is an error, Botpress's shape."""
    return web.Application(middlewares=[_edge_of(edge)], client_max_size=LARGEST_BODY)


def _edge_of(edge: Edge) -> Any:
    @web.middleware
    async def outermost(request: web.Request, handler: Handler) -> web.StreamResponse:
        started = edge.clock.monotonic()
        id = request[REQUEST_ID] = new_id("call", edge.clock, edge.chance)
        try:
            refuse_smuggling(request)
            answer = await handler(request)
        except Exception as error:  # noqa: BLE001 - told apart there
            answer = answer_to(error, edge, id, route_of(request))
        if not answer.prepared:
            stamp(edge, id, answer, is_ours=not request.get(PASSED_ON))
        edge.tell(id, request.method, route_of(request), answer.status, started)
        return answer

    return outermost


def answer_to(error: Exception, edge: Edge, id: str, route: str) -> web.StreamResponse:
    """What to say to whoever called *route*; a connection that broke is nobody's to answer and is raised again."""
    match error:
        case web.HTTPException():
            return error if error.status < 400 else refused(shaped(error), id)
        case WaypostError():
            return refused(refusal_of(error), id)
        case ConnectionError():
            raise error
    edge.log.exception("http.failed", id=id, route=route, exc_info=error)  # noqa: LOG004  the exception is an argument
    sentence = "this is a bug of Waypost; its log has the details under the id"
    return refused(Refusal("Internal", sentence), id)


def stamp(edge: Edge, id: str, answer: web.StreamResponse, *, is_ours: bool = True) -> None:
    """Add the headers that every answer has, and those that every answer of *ours* has; what is set stays."""
    answer.headers.setdefault("Server", "waypost")
    answer.headers["X-Request-Id"] = id
    if is_ours:
        answer.headers.merge(edge.headers)


def route_of(request: web.Request) -> str:
    """The template of the route, never the path: paths hold tokens and names of strangers."""
    resource = request.match_info.route.resource
    return resource.canonical if resource else "unknown"


def refuse_smuggling(request: web.Request) -> None:
    """
    Refuse what two HTTP parsers may read in two ways (RFC 9112 §2.3, §3.2, §6.1), and upgrades.

    Raises:
        Refusal: 400, and the connection is closed.

    """
    headers = request.headers
    if request.version not in {HttpVersion10, HttpVersion11}:
        raise unclear("request line", "is not of HTTP/1.1")
    if request.version == HttpVersion10 and "Transfer-Encoding" in headers:
        raise unclear("Transfer-Encoding", "does not exist in HTTP/1.0")
    if "Upgrade" in headers:
        raise unclear("Upgrade", "nothing here speaks another protocol")
    if "Transfer-Encoding" in headers and "Content-Length" in headers:
        raise unclear("Content-Length", "must not stand beside Transfer-Encoding")
    for name in ("Content-Length", "Host", "Transfer-Encoding"):
        if len(headers.getall(name, ())) > 1:
            raise unclear(name, "is given twice")
    if not request.raw_path.startswith("/"):
        raise unclear("request target", "must be a path that starts with a slash")


def unclear(where: str, problem: str) -> Refusal:
    """A request that cannot be told apart from an attack on its framing: 400, and the connection ends."""
    return Refusal("InvalidPayload", f"{where}: {problem}", headers={"Connection": "close"})


def refused(refusal: Refusal, id: str) -> web.Response:
    """The answer for *refusal*; the connection ends where its state is not known."""
    answer = web.Response(
        status=refusal.status,
        body=refusal.document(id),
        content_type="application/json",
        headers={"Server": "waypost", "X-Request-Id": id, **refusal.headers},
    )
    if "Connection" in refusal.headers:
        answer.force_close()
    return answer


_TYPE_OF_STATUS = {
    400: "InvalidPayload", 401: "Unauthorized", 403: "Forbidden", 404: "ResourceNotFound",
    405: "MethodNotFound", 413: "PayloadTooLarge", 415: "UnsupportedMediaType",
}  # fmt: skip


def shaped(said: web.HTTPException) -> Refusal:
    """aiohttp's own refusals in Botpress's words."""
    kind = _TYPE_OF_STATUS.get(
        said.status, "InvalidPayload" if said.status < 500 else "Internal"
    )
    match said:
        case web.HTTPNotFound():
            return Refusal(kind, "there is no such route; every route is in /openapi.json")
        case web.HTTPMethodNotAllowed(method=method, allowed_methods=allowed):
            known = ", ".join(sorted(allowed))
            message = f"{method[:20]} is not allowed here; use {known}"
            return Refusal(kind, message, headers={"Allow": known})
        case _:
            return Refusal(kind, said.reason, status=said.status)


async def read_body(
    request: web.Request, limit: int = LARGEST_BODY, timeout: float = BODY_TIMEOUT
) -> bytes:
    """
    The body, byte for byte: never decompressed, never larger than *limit*, never later than *timeout* seconds.

    Raises:
        Refusal: 413, 408, or 400 for a body that breaks off or is framed wrongly.

    """
    content = request.content
    if content.is_eof() and content.exception() is None:
        body = content.read_nowait()  # it came with the headers
        _check(len(body), limit)
        return body
    _check(request.content_length or 0, limit)
    arrived = bytearray()
    try:
        async with asyncio.timeout(timeout):
            async for chunk in content.iter_any():
                arrived += chunk
                _check(len(arrived), limit)
    except TimeoutError:
        message = f"the body did not arrive within {timeout:g} seconds"
        raise Refusal(
            "OperationTimeout", message, status=408, headers={"Connection": "close"}
        ) from None
    except RequestPayloadError:
        raise unclear("body", "its framing is broken") from None
    return bytes(arrived)


def _check(size: int, limit: int) -> None:
    if size > limit:
        message = f"the body is larger than {limit} bytes"
        raise Refusal("PayloadTooLarge", message, headers={"Connection": "close"})


def add_health(app: web.Application, check: Check | None = None) -> None:
    """`/health`: one word for strangers; with *check* (the staff app) what it tells, and 503 when it raises."""

    async def health(_: web.Request) -> web.Response:
        if check is None:
            return web.Response(text="ok")
        try:
            facts = await check()
        except WaypostError as error:
            return _told({"status": "failing", "problem": str(error)}, 503)
        return _told({"status": "ok", **facts}, 200)

    app.router.add_get("/health", health)


def _told(facts: Mapping[str, Any], status: int) -> web.Response:
    return web.Response(
        status=status, body=msgspec.json.encode(facts), content_type="application/json"
    )
