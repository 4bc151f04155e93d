"""From a worker's reply, or from silence, to an HTTP answer."""

from __future__ import annotations

import re
from contextlib import suppress
from typing import TYPE_CHECKING

from aiohttp import web
from multidict import CIMultiDict

from services.web import PASSED_ON
from shared.botpress import unavailable
from shared.model.requests import FLOW_COOKIES

if TYPE_CHECKING:
    from shared.model.requests import Door, Reply

_HOPS_OWN = {
    "connection", "content-length", "date", "keep-alive", "proxy-authenticate", "trailer",
    "transfer-encoding", "upgrade", "server",
}  # fmt: skip
# What a browser remembers for the whole origin, which all integrations share. With `nel` and `report-to` one of them
# would be sent the addresses of everybody's callbacks, codes included (https://www.w3.org/TR/network-error-logging/).
_OF_THE_ORIGIN = {
    "accept-ch", "alt-svc", "clear-site-data", "expect-ct", "nel", "public-key-pins", "report-to",
    "service-worker-allowed", "set-login", "strict-transport-security", "use-as-dictionary",
}  # fmt: skip
_NEVER = frozenset(_HOPS_OWN | _OF_THE_ORIGIN)
_NAME = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")  # RFC 9110 §5.6.2
_BREAKS = re.compile(r"[\x00\r\n]")


_PAGES = frozenset({"document", "embed", "frame", "iframe", "object"})
_OWN_ORIGIN = "sandbox allow-forms allow-popups allow-scripts"


class _Answer(web.Response):
    """
    A response whose header values go out as the octets they came as.

    A value may hold octets beyond ASCII (https://www.rfc-editor.org/rfc/rfc9110#section-5.5). They were read as
    Latin-1; aiohttp writes UTF-8, which would make two of each.
    """

    async def _write_headers(self) -> None:
        await super()._write_headers()
        writer = self._payload_writer
        written = getattr(writer, "_headers_buf", None)
        if written is None or written.isascii():
            return
        with suppress(UnicodeEncodeError):  # beyond Latin-1 it came from no server
            writer._headers_buf = written.decode().encode("latin-1")  # type: ignore[union-attr]  # noqa: SLF001


def passed_on(request: web.Request, reply: Reply) -> web.Response:
    """
    The worker's reply, without headers that belong to a hop or to the origin, and without cookies in our name.

    A status that ends no exchange is a 502: behind a 101 a proxy would take what follows for another protocol.
    """
    request[PASSED_ON] = True
    if not 200 <= reply.status <= 599:
        return web.Response(status=502)
    headers = CIMultiDict[str]()
    for name, value in reply.headers:
        if _may_pass(name, value) and not _sets_our_cookie(name, value):
            headers.add(name, value)
    return _Answer(status=reply.status, headers=headers, body=reply.body)


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


def _may_pass(name: str, value: str) -> bool:
    whole = _NAME.fullmatch(name) and not _BREAKS.search(value)
    return bool(whole) and name.lower() not in _NEVER


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
