"""The console: signing in with the admin token, the overview, signing out. Reads only."""

from __future__ import annotations

import base64
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qs

from aiohttp import web
from jinja2 import Environment, FileSystemLoader, StrictUndefined

from services.api.auth import is_same_token
from services.api.console.overview import overview, span
from services.api.ports import PORTS
from services.web import REQUEST_ID, read_body, route_of
from shared.botpress import Refusal, refusal_of
from shared.errors import WaypostError
from shared.storage.sessions import LIFETIME

if TYPE_CHECKING:
    from services.web import Handler

_HERE = Path(__file__).parent
_COOKIE = "waypost_session"
_PAGES = Environment(
    loader=FileSystemLoader(_HERE / "templates"),
    autoescape=True,
    undefined=StrictUndefined,
    trim_blocks=True,
    lstrip_blocks=True,
)
_PAGES.filters["span"] = span
_POLICY = (
    "default-src 'none'; style-src 'self'; img-src data:; form-action 'self';"
    " frame-ancestors 'none'; base-uri 'none'"
)
_STYLES = (_HERE / "static" / "console.css").read_bytes()


def add_console(app: web.Application) -> None:
    """`/`, `/login`, `/logout` and the style sheet."""
    app.router.add_get("/", told_as_page(_home))
    app.router.add_post("/login", told_as_page(_sign_in))
    app.router.add_post("/logout", told_as_page(_sign_out))
    app.router.add_get("/static/console.css", _style_sheet)


def told_as_page(handler: Handler) -> Handler:
    """What goes wrong below is told on a page: whoever reads it is a person."""

    async def paged(request: web.Request) -> web.StreamResponse:
        try:
            return await handler(request)
        except WaypostError as error:
            refusal = refusal_of(error)
            facts = {"message": refusal.message, "id": request[REQUEST_ID]}
            return _page("problem.html", facts, refusal.status)

    return paged


def _page(name: str, facts: dict[str, Any], status: int = 200) -> web.Response:
    return web.Response(
        status=status,
        text=_PAGES.get_template(name).render(facts),
        content_type="text/html",
        headers={"Content-Security-Policy": _POLICY},
    )


async def _home(request: web.Request) -> web.Response:
    ports = request.app[PORTS]
    if not await ports.sessions.is_open(request.cookies.get(_COOKIE, "")):
        return _page("login.html", {"problem": ""})
    return _page("overview.html", {"seen": await overview(ports)})


async def _sign_in(request: web.Request) -> web.Response:
    """A token in a form, for a cookie: the token itself never stays in the browser."""
    _same_site(request)
    ports = request.app[PORTS]
    form = parse_qs((await read_body(request, limit=8192)).decode("utf-8", "replace"))
    token = form.get("token", [""])[0].strip()
    if not is_same_token(token, ports.settings.admin_token):
        return _page("login.html", {"problem": "This is not the admin token."}, 401)
    value = base64.urlsafe_b64encode(ports.chance.token(32)).decode()
    await ports.sessions.open(value)
    await ports.audit.entry("admin", "console.signed_in", "console", {})
    answer = _to_home()
    answer.set_cookie(
        _COOKIE, value, max_age=int(LIFETIME.total_seconds()), path="/",
        httponly=True, samesite="Strict", secure=ports.settings.api_url.startswith("https:"),
    )  # fmt: skip
    return answer


async def _sign_out(request: web.Request) -> web.Response:
    _same_site(request)
    await request.app[PORTS].sessions.close(request.cookies.get(_COOKIE, ""))
    answer = _to_home()
    answer.del_cookie(_COOKIE, path="/")
    return answer


def _to_home() -> web.Response:
    return web.Response(status=303, headers={"Location": "/"})


def _same_site(request: web.Request) -> None:
    """SameSite=Strict keeps the cookie at home; this also refuses forms of other sites that need none."""
    if request.headers.get("Sec-Fetch-Site", "same-origin") not in {"same-origin", "none"}:
        raise Refusal("Forbidden", f"{route_of(request)} takes forms of this console only")


async def _style_sheet(_: web.Request) -> web.Response:
    return web.Response(
        body=_STYLES, content_type="text/css", headers={"Cache-Control": "max-age=300"}
    )
