"""From a worker's reply, or from silence, to an HTTP answer."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from aiohttp import web
from multidict import CIMultiDict

from services.web import PASSED_ON
from shared.botpress import unavailable
from shared.model.requests import FLOW_COOKIES

if TYPE_CHECKING:
    from shared.model.requests import Door, Reply

_NEVER = frozenset({
    "connection", "content-length", "date", "keep-alive", "proxy-authenticate", "trailer",
    "transfer-encoding", "upgrade", "server", "service-worker-allowed", "clear-site-data",
})  # fmt: skip

PENDING = Path(__file__).with_name("pending.html").read_text("utf-8")
_ONCE = PENDING.replace('<meta http-equiv="refresh" content="2">', "").replace(
    "The page goes on by itself.", "Go back in a minute, and see how far it came."
)
_POLICY = (
    "default-src 'none'; style-src 'unsafe-inline'; frame-ancestors 'none'; base-uri 'none'"
)


_PAGES = frozenset({"document", "embed", "frame", "iframe", "object"})
_OWN_ORIGIN = "sandbox allow-forms allow-popups allow-scripts"


def passed_on(request: web.Request, reply: Reply) -> web.Response:
    """The worker's reply, without headers that belong to a hop and without cookies in our name."""
    request[PASSED_ON] = True
    headers = CIMultiDict[str]()
    for name, value in reply.headers:
        if name.lower() not in _NEVER and not _sets_our_cookie(name, value):
            headers.add(name, value)
    return web.Response(status=reply.status, headers=headers, body=reply.body)


def sandboxed(request: web.Request, response: web.Response) -> web.Response:
    """
    *response*, in an origin of its own where a browser would show it as a page.

    A webhook's answer is no page of a connect flow, so its scripts have no business with ours. Providers are told
    nothing of it: they do not say how browsers would use an answer (https://www.w3.org/TR/fetch-metadata/).
    """
    use = request.headers.get("Sec-Fetch-Dest")
    accepts = request.headers.get("Accept", "")
    if use in _PAGES or (use is None and request.method == "GET" and "text/html" in accepts):
        response.headers.add("Content-Security-Policy", _OWN_ORIGIN)
    return response


def _sets_our_cookie(name: str, value: str) -> bool:
    pair = value.partition(";")[0]
    return name.lower() == "set-cookie" and any(ours in pair for ours in FLOW_COOKIES)


def acknowledged(door: Door) -> web.Response:
    """The provider's 2xx: the request is on disk."""
    if not door.ack_body:
        return web.Response(status=door.ack_status, headers=door.ack_headers or None)
    return web.Response(status=door.ack_status, headers=door.ack_headers, text=door.ack_body)


def too_late() -> web.Response:
    """A handshake that no worker answered: it must be sent again, nothing of it may count as done."""
    raise unavailable("no worker answered this handshake in time", 1.0)


def pending(method: str) -> web.Response:
    """What a browser shows while a worker is busy; it asks again by itself where that sends nothing twice."""
    return web.Response(
        status=202,
        text=PENDING if method == "GET" else _ONCE,
        content_type="text/html",
        headers={"Content-Security-Policy": _POLICY},
    )
