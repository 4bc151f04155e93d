"""
The claims of a JWT that the token endpoint sent.

Its signature is not looked at: it came from the provider itself, over TLS, which OpenID Connect Core §3.1.3.7 (6) takes
in its place. A token from anywhere else must never be read here.
"""

from __future__ import annotations

import base64
import binascii
from typing import TYPE_CHECKING, Any

import orjson

from shared.errors import FlowRefused

if TYPE_CHECKING:
    from collections.abc import Mapping

    from shared.oauth.identities import Claims

LARGEST = 64 << 10  # characters
LEEWAY = 60.0  # seconds between the provider's clock and ours


def claims_in(token: Any) -> dict[str, Any]:
    """
    The claims of *token*; empty where it is no JWT.

    >>> claims_in("eyJhbGciOiJub25lIn0.eyJzdWIiOiI3In0.")
    {'sub': '7'}
    >>> claims_in("opaque"), claims_in(None), claims_in("a.b.c")
    ({}, {}, {})
    """
    if not isinstance(token, str) or len(token) > LARGEST or token.count(".") != 2:
        return {}
    payload = token.split(".")[1]
    try:
        raw = base64.urlsafe_b64decode(payload + "=" * (-len(payload) % 4))
        document = orjson.loads(raw)
    except (binascii.Error, ValueError):
        return {}
    return document if isinstance(document, dict) else {}


def check_claims(rule: Claims, claims: Mapping[str, Any], client_id: str, now: float) -> None:
    """Raise `FlowRefused` for claims of another issuer, for another client, or of the past (§3.1.3.7)."""
    if rule.issuer and claims.get("iss") != rule.issuer:
        raise FlowRefused("provider_error", "the token's claims come from another issuer")
    if rule.token != "id_token":  # noqa: S105  a name
        return
    audience = claims.get("aud")
    if client_id not in (audience if isinstance(audience, list) else [audience]):
        raise FlowRefused("provider_error", "the token's claims are meant for another client")
    expires = claims.get("exp")
    if not isinstance(expires, int | float) or expires < now - LEEWAY:
        raise FlowRefused("provider_error", "the token's claims have expired")
