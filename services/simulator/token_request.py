"""A token request as it arrives, whatever its encoding, and the grant types behind it."""

from __future__ import annotations

import base64
import binascii
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from urllib.parse import unquote_plus

from aiohttp import hdrs, web

from services.simulator import authority
from services.simulator.authority import Pair, Refusal, Style
from services.simulator.records import code_hash
from services.simulator.world import WORLD, note


@dataclass(frozen=True, kw_only=True)
class TokenRequest:
    """The parameters that matter; absent ones are empty."""

    client_id: str
    client_secret: str = field(repr=False)
    grant_type: str
    code: str = field(repr=False)
    redirect_uri: str | None
    verifier: str = field(repr=False)
    refresh: str = field(repr=False)


async def form(request: web.Request) -> dict[str, str]:
    """The body of a form post; other bodies are no parameters."""
    fields = await request.post()
    return {name: value for name, value in fields.items() if isinstance(value, str)}


async def json_body(request: web.Request) -> dict[str, str]:
    """The string members of a JSON object, which must be declared as JSON."""
    if request.content_type != "application/json":
        raise Refusal("request", "the body must be application/json")
    try:
        fields = json.loads(await request.read())
    except ValueError:
        raise Refusal("request", "the body is not JSON") from None
    if not isinstance(fields, dict):
        raise Refusal("request", "the body is not a JSON object")
    return {name: value for name, value in fields.items() if isinstance(value, str)}


def basic(request: web.Request) -> tuple[str, str] | None:
    """The two halves of Basic credentials, form-decoded (RFC 6749 §2.3.1)."""
    scheme, _, given = request.headers.get(hdrs.AUTHORIZATION, "").partition(" ")
    if scheme.lower() != "basic":
        return None
    try:
        name, _, secret = base64.b64decode(given, validate=True).decode().partition(":")
    except (binascii.Error, UnicodeDecodeError):
        raise Refusal("client", "malformed Basic credentials") from None
    return unquote_plus(name), unquote_plus(secret)


def bearer(request: web.Request) -> str:
    """The bearer token of an API call; GitHub's older word `token` counts as well."""
    scheme, _, value = request.headers.get(hdrs.AUTHORIZATION, "").partition(" ")
    return value.strip() if scheme.lower() in {"bearer", "token"} else ""


def read(
    request: web.Request, fields: Mapping[str, str], credentials: tuple[str, str] | None
) -> TokenRequest:
    """The request in one shape, noted for the log before anything can be refused."""
    name, secret = credentials or (fields.get("client_id", ""), fields.get("client_secret", ""))
    asked = TokenRequest(
        client_id=name,
        client_secret=secret,
        grant_type=fields.get("grant_type", ""),
        code=fields.get("code", ""),
        redirect_uri=fields.get("redirect_uri"),
        verifier=fields.get("code_verifier", ""),
        refresh=fields.get("refresh_token", ""),
    )
    _note(request, asked)
    return asked


def _note(request: web.Request, asked: TokenRequest) -> None:
    note(request, client_id=asked.client_id, grant_type=asked.grant_type)
    if asked.code:
        note(request, code_hash=code_hash(asked.code))
    if asked.refresh:
        note(request, refresh_hash=code_hash(asked.refresh))


def tokens(request: web.Request, provider: str, asked: TokenRequest, style: Style) -> Pair:
    """Tokens for a code or a refresh token, or a `Refusal`. The log learns which it was."""
    try:
        pair = _tokens(request, provider, asked, style)
    except Refusal as refusal:
        note(request, outcome=refusal.reason)
        raise
    note(request, outcome="issued")
    return pair


def _tokens(request: web.Request, provider: str, asked: TokenRequest, style: Style) -> Pair:
    world = request.app[WORLD]
    app = authority.authenticate(world, provider, asked.client_id, asked.client_secret)
    match asked.grant_type:
        case "authorization_code":
            presented = (asked.code, asked.redirect_uri, asked.verifier)
            return authority.issue(world, authority.exchange(world, app, *presented), style)
        case "refresh_token" if style.refresh:
            return authority.refreshed(world, app, asked.refresh, style)
        case _:
            raise Refusal("grant_type", f"grant_type {asked.grant_type!r} is not supported")


async def by_the_book(
    request: web.Request, provider: str, style: Style, scopes: tuple[str, ...] = ()
) -> web.Response:
    """The answer to a form, the client in the body or as Basic (RFC 6749 §5); *scopes* where none were asked for."""
    try:
        fields = await form(request)
        pair = tokens(request, provider, read(request, fields, basic(request)), style)
    except Refusal as refusal:
        return refused(refusal)
    granted = {
        "access_token": pair.access.value,
        "token_type": "Bearer",
        "expires_in": pair.expires_in,
        "scope": " ".join(pair.access.grant.ask.scopes or scopes),
        "refresh_token": pair.refresh.value if pair.refresh else None,
    }
    return web.json_response(granted, headers=NO_STORE)


def refused(refusal: Refusal) -> web.Response:
    """A refusal in the standard's own words (RFC 6749 §5.2)."""
    status, code = _OAUTH_ERRORS.get(refusal.reason, (400, "invalid_grant"))
    body = {"error": code, "error_description": refusal.text}
    challenge = (
        {"WWW-Authenticate": 'Basic realm="simulator"'} if code == "invalid_client" else {}
    )
    return web.json_response(body, status=status, headers={**NO_STORE, **challenge})


_OAUTH_ERRORS: Mapping[str, tuple[int, str]] = {
    "client": (401, "invalid_client"),
    "grant_type": (400, "unsupported_grant_type"),
    "request": (400, "invalid_request"),
}
NO_STORE: Mapping[str, str] = {"Cache-Control": "no-store", "Pragma": "no-cache"}  # §5.1
