"""How a client says who it is: https://www.rfc-editor.org/rfc/rfc6749#section-2.3, RFC 7523 for its own JWT."""

from __future__ import annotations

import base64
from typing import TYPE_CHECKING
from urllib.parse import quote_plus

from joserfc import jwt
from joserfc.errors import JoseError
from joserfc.jwk import ECKey, OctKey, RSAKey
from msgspec import Struct

from shared.errors import FlowRefused
from shared.oauth.endpoints import Assertion
from shared.oauth.templates import filled
from shared.secret import Secret

if TYPE_CHECKING:
    from collections.abc import Mapping

_JWT_BEARER = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"  # RFC 7523 §2.2
_KEYS: dict[str, type[OctKey | RSAKey | ECKey]] = {
    "HS256": OctKey, "RS256": RSAKey, "PS256": RSAKey, "ES256": ECKey,
}  # fmt: skip


class Client(Struct, frozen=True, kw_only=True):
    """The application as it is registered at the provider; *nonce* is the id of the one JWT that it may sign."""

    id: str
    secret: Secret | None = None
    nonce: str = ""


class Asked(Struct, frozen=True, kw_only=True):
    """One of the forms of a definition, and what it takes beside the client."""

    form: str
    url: str
    assertion: Assertion = Assertion()
    bearer: str = ""
    now: float = 0.0


def authentication(
    asked: Asked, client: Client, values: Mapping[str, str]
) -> tuple[dict[str, str], dict[str, str]]:
    """Parameters and headers that say who the client is; `FlowRefused` where its secret is missing or no key."""
    if asked.form == "bearer":
        return {}, {"authorization": f"Bearer {asked.bearer}"}
    if asked.form == "none":
        return {"client_id": client.id}, {}
    if not client.secret:
        raise FlowRefused("misconfigured", "the client secret is not set")
    if asked.form in {"client_secret_jwt", "private_key_jwt"}:
        signed = _assertion(asked, client, client.secret, values)
        return {
            "client_id": client.id,
            "client_assertion_type": _JWT_BEARER,
            "client_assertion": signed,
        }, {}
    secret = client.secret.reveal().decode("utf-8")
    match asked.form:
        case "basic":
            return {}, {"authorization": _basic(client.id, secret)}
        case "secret_as_user":
            return {}, {"authorization": _basic(secret, "")}
        case _:
            return {"client_id": client.id, "client_secret": secret}, {}


def _basic(name: str, password: str) -> str:
    # Both halves are form-encoded first, RFC 6749 §2.3.1: a secret may hold a colon or a percent sign.
    pair = f"{quote_plus(name)}:{quote_plus(password)}"
    return "Basic " + base64.b64encode(pair.encode("ascii")).decode("ascii")


def _assertion(asked: Asked, client: Client, secret: Secret, values: Mapping[str, str]) -> str:
    """The client's JWT, RFC 7523 §3."""
    rule = asked.assertion
    header = {"alg": rule.algorithm, "typ": "JWT"}
    if rule.key_id:
        header["kid"] = filled(rule.key_id, values)
    claims = {
        "iss": filled(rule.issuer, values) if rule.issuer else client.id,
        "sub": client.id,
        "aud": filled(rule.audience, values) if rule.audience else asked.url,
        "jti": client.nonce,
        "iat": int(asked.now),
        "exp": int(asked.now) + rule.lifetime,
    }
    try:
        key = _KEYS[rule.algorithm].import_key(secret.reveal())
        return jwt.encode(header, claims, key, algorithms=[rule.algorithm])
    except (JoseError, ValueError, TypeError):
        problem = f"the client secret is not a key for {rule.algorithm}"
        raise FlowRefused("misconfigured", problem) from None
