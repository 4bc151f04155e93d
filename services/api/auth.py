"""Who may call: staff, by the admin token."""

from __future__ import annotations

import hashlib
import hmac
from typing import TYPE_CHECKING

from aiohttp import hdrs, web

from services.api.ports import PORTS
from shared.botpress import Refusal

if TYPE_CHECKING:
    from services.web import Handler

_HOW = "send the header Authorization: Bearer TOKEN; `waypost up` prints where the token lies"


def is_same_token(given: str, wanted: str) -> bool:
    """
    Compare hashes, in constant time: neither length nor content of the token shows.

    >>> is_same_token("", "")
    False
    """
    return bool(wanted) and hmac.compare_digest(_hash(given), _hash(wanted))


def _hash(value: str) -> bytes:
    return hashlib.sha256(value.encode("utf-8", "surrogateescape")).digest()


def staff_only(handler: Handler) -> Handler:
    """*handler* for those alone who send the admin token."""

    async def guarded(request: web.Request) -> web.StreamResponse:
        token = _bearer_in(request)
        if not token:
            raise _unauthorized(f"no bearer token was sent; {_HOW}")
        if not is_same_token(token, request.app[PORTS].settings.admin_token):
            raise _unauthorized(f"this is not the admin token; {_HOW}")
        return await handler(request)

    return guarded


def readers_only(handler: Handler) -> Handler:
    """*handler* for those who send the metrics' token, or the admin token; for everybody where no such token is set."""

    async def guarded(request: web.Request) -> web.StreamResponse:
        settings = request.app[PORTS].settings
        if settings.metrics_token:
            token = _bearer_in(request)
            if not any(
                is_same_token(token, one)
                for one in (settings.metrics_token, settings.admin_token)
            ):
                raise _unauthorized(
                    "send the header Authorization: Bearer, with WAYPOST_METRICS_TOKEN"
                )
        return await handler(request)

    return guarded


def _bearer_in(request: web.Request) -> str:
    scheme, _, token = request.headers.get(hdrs.AUTHORIZATION, "").partition(" ")
    return token.strip() if scheme.lower() == "bearer" else ""


def _unauthorized(message: str) -> Refusal:
    return Refusal(
        "Unauthorized", message, headers={"WWW-Authenticate": 'Bearer realm="waypost"'}
    )
