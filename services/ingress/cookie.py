"""
The cookie that binds a connect flow to one browser.

Only its hash is ever stored, and requests are stored with the hash in its place, so no handler sees it.
"""

from __future__ import annotations

import base64
import hashlib
import re
from typing import TYPE_CHECKING

from shared.model.requests import FLOW_COOKIES

if TYPE_CHECKING:
    from aiohttp import web

    from shared.clock import Chance

SECURE, PLAIN = FLOW_COOKIES
LIFETIME = 24 * 3600  # seconds
_VALUE = re.compile(r"[A-Za-z0-9_-]{43}")
_IN_HEADER = re.compile(rf"({SECURE}|(?<![\w-]){PLAIN})=([^;,\s]*)")


def name_for(origin: str) -> str:
    """The strict name, but where the public URL is plain http, which browsers refuse it on."""
    return SECURE if origin.startswith("https:") else PLAIN


def value_in(request: web.Request, origin: str) -> str:
    """The browser's cookie, or empty; anything we did not make counts as none."""
    value = request.cookies.get(name_for(origin), "")
    return value if _VALUE.fullmatch(value) else ""


def new_value(chance: Chance) -> str:
    """256 random bits."""
    return base64.urlsafe_b64encode(chance.token(32)).rstrip(b"=").decode()


def hashed(value: str) -> str:
    """
    What stands for the cookie everywhere behind the door.

    >>> hashed("")
    ''
    """
    return hashlib.sha256(value.encode()).hexdigest() if value else ""


def masked(header: str) -> str:
    """
    A Cookie header with our value replaced by its hash.

    >>> masked("a=1; waypost-flow=x")
    'a=1; waypost-flow=2d711642b726b04401627ca9fbac32f5c8530fb1903cc4db02258717921a4881'
    """
    return _IN_HEADER.sub(lambda found: f"{found[1]}={hashed(found[2])}", header)


def give(response: web.StreamResponse, origin: str, value: str) -> None:
    """Set the cookie on *response*."""
    response.set_cookie(
        name_for(origin),
        value,
        max_age=LIFETIME,
        path="/",
        httponly=True,
        samesite="Lax",
        secure=origin.startswith("https:"),
    )
