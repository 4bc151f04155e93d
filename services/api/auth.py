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


def is_admin_token(given: str, wanted: str) -> bool:
    """
    Compare hashes, in constant time: neither length nor content of the token shows.

    >>> is_admin_token("", "")
    False
    """
    return bool(wanted) and hmac.compare_digest(_hash(given), _hash(wanted))


def _hash(value: str) -> bytes:
    return hashlib.sha256(value.encode("utf-8", "surrogateescape")).digest()


def staff_only(handler: Handler) -> Handler:
    """*handler* for those alone who send the admin token."""

    async def guarded(request: web.Request) -> web.StreamResponse:
        scheme, _, token = request.headers.get(hdrs.AUTHORIZATION, "").partition(" ")
        if scheme.lower() != "bearer" or not token:
            raise _unauthorized(f"no bearer token was sent; {_HOW}")
        if not is_admin_token(token.strip(), request.app[PORTS].settings.admin_token):
            raise _unauthorized(f"this is not the admin token; {_HOW}")
        return await handler(request)

    return guarded


def _unauthorized(message: str) -> Refusal:
    return Refusal(
        "Unauthorized", message, headers={"WWW-Authenticate": 'Bearer realm="waypost"'}
    )
