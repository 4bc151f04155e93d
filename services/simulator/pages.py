"""The HTML a user sees: consent and errors. No script, nothing from elsewhere."""

from __future__ import annotations

from pathlib import Path

import jinja2
from aiohttp import web

from services.simulator.provider import Provider
from services.simulator.records import Account, Ask

_TEMPLATES = jinja2.Environment(
    loader=jinja2.FileSystemLoader(Path(__file__).parent / "templates"),
    autoescape=True,
    undefined=jinja2.StrictUndefined,
)

# No form-action: Chromium applies it to the redirect back to the client as well.
_HEADERS = {
    "Content-Security-Policy": (
        "default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; frame-ancestors 'none'"
    ),
    "Cache-Control": "no-store",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
}


class PageError(Exception):
    """A request that gets an error page, because there is nowhere safe to redirect to."""

    def __init__(self, text: str, status: int = 400) -> None:
        """Remember what the page says."""
        super().__init__(text)
        self.text = text
        self.status = status


def consent(provider: Provider, ask: Ask, accounts: list[Account]) -> web.Response:
    """The page on which a user picks who they are and what they connect, and decides."""
    choices = [(account, user) for account in accounts for user in account.users]
    scopes = (*ask.scopes, *ask.user_scopes)
    return _page(
        "consent.html", 200, provider=provider, ask=ask, choices=choices, scopes=scopes
    )


def error(provider: Provider, problem: PageError) -> web.Response:
    """The page that says why nothing can be authorized."""
    return _page("error.html", problem.status, provider=provider, text=problem.text)


def _page(name: str, status: int, **values: object) -> web.Response:
    text = _TEMPLATES.get_template(name).render(**values)
    return web.Response(status=status, text=text, content_type="text/html", headers=_HEADERS)
