"""What the ingress itself says to people, in their language: it takes longer, or cannot be now, or not this way."""

from __future__ import annotations

import tomllib
from pathlib import Path
from string import Template
from typing import TYPE_CHECKING

from aiohttp import web

from shared.languages import preferred

if TYPE_CHECKING:
    from shared.botpress import Refusal

_PAGE = Template(Path(__file__).with_name("notice.html").read_text("utf-8"))
_WORDS = tomllib.loads(Path(__file__).with_name("notices.toml").read_text("utf-8"))
_POLICY = (
    "default-src 'none'; style-src 'unsafe-inline'; frame-ancestors 'none'; base-uri 'none'"
)
_SOON = "2"  # seconds
_BUSY = frozenset({429, 503})


def is_read_by_a_person(request: web.Request) -> bool:
    """Whether a browser asks for it as its page; by its word, or by what it accepts (https://www.w3.org/TR/fetch-metadata/)."""
    use = request.headers.get("Sec-Fetch-Dest")
    return use == "document" if use else "text/html" in request.headers.get("Accept", "")


def pending(request: web.Request) -> web.Response:
    """What a browser shows while a worker is busy; it asks again by itself where that sends nothing twice."""
    return _notice(request, 202, "working", again=_SOON)


def refused(request: web.Request, refusal: Refusal) -> web.Response:
    """The page for *refusal*; where it will pass, the browser asks again when it may, since nothing was stored."""
    if refusal.status in _BUSY:
        after = refusal.headers.get("Retry-After", _SOON)
        answer = _notice(request, refusal.status, "busy", again=after)
    else:
        answer = _notice(request, refusal.status, "refused")
    answer.headers.update(refusal.headers)
    if "Connection" in refusal.headers:
        answer.force_close()
    return answer


def _notice(request: web.Request, status: int, what: str, *, again: str = "") -> web.Response:
    language = preferred(",".join(request.headers.getall("Accept-Language", ())))
    words, asks_again = _WORDS[language][what], bool(again) and request.method == "GET"
    page = _PAGE.substitute(
        language=language,
        title=words["title"],
        sentence=words["goes_on" if asks_again else "go_back"],
        refresh=f'<meta http-equiv="refresh" content="{again}">\n' if asks_again else "",
    )
    headers = {"Content-Security-Policy": _POLICY}
    return web.Response(status=status, text=page, content_type="text/html", headers=headers)
