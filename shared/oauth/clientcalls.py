"""The calls a client makes to an authorization server: exchange, refresh, revoke. Composed here, sent elsewhere."""

from __future__ import annotations

import base64
from typing import TYPE_CHECKING
from urllib.parse import quote_plus, urlencode

import orjson
from msgspec import Struct

from shared.errors import FlowRefused
from shared.model.calls import HttpCall
from shared.oauth.templates import filled, filled_url
from shared.secret import Secret

if TYPE_CHECKING:
    from collections.abc import Mapping

    from shared.oauth.endpoints import BodyForm, TokenEndpoint
    from shared.oauth.records import OAuthProvider
    from shared.oauth.tokens import Tokens

_TYPES = {"form": "application/x-www-form-urlencoded", "json": "application/json"}


class Client(Struct, frozen=True, kw_only=True):
    """The application as it is registered at the provider."""

    id: str
    secret: Secret | None = None


def token_call(
    provider: OAuthProvider,
    client: Client,
    *,
    code: str,
    redirect_uri: str,
    verifier: str = "",
    inputs: Mapping[str, str] | None = None,
) -> HttpCall:
    """Exchange a code, RFC 6749 §4.1.3. To be sent at most once for one code."""
    values = {**(inputs or {}), "clientId": client.id}
    ours = {"grant_type": "authorization_code", "code": code, "redirect_uri": redirect_uri}
    if provider.authorize.pkce == "S256":
        ours["code_verifier"] = verifier
    extra = {name: filled(value, values) for name, value in provider.token.params.items()}
    url = filled_url(provider.token.url, values)
    return _endpoint_call("token", provider.token, client, url, {**extra, **ours})


def refresh_call(
    provider: OAuthProvider,
    client: Client,
    refresh: Secret,
    inputs: Mapping[str, str] | None = None,
) -> HttpCall:
    """Use a refresh token, RFC 6749 §6. To be sent at most once where the provider rotates them."""
    values = {**(inputs or {}), "clientId": client.id}
    ours = {"grant_type": "refresh_token", "refresh_token": refresh.reveal().decode("ascii")}
    extra = {name: filled(value, values) for name, value in provider.refresh.params.items()}
    url = filled_url(provider.refresh.url or provider.token.url, values)
    return _endpoint_call("refresh", provider.token, client, url, {**extra, **ours})


def _endpoint_call(
    name: str, section: TokenEndpoint, client: Client, url: str, params: Mapping[str, str]
) -> HttpCall:
    credentials, header = _authentication(section.auth, client)
    named = {section.rename.get(k, k): v for k, v in {**params, **credentials}.items()}
    fields = {key: value for key, value in named.items() if key}
    extra = {key.lower(): value for key, value in section.headers.items()}
    headers = {
        "accept": "application/json",
        **extra,
        "content-type": _TYPES[section.body],
        **header,
    }
    return HttpCall(
        name=name,
        method="POST",
        url=url,
        headers=tuple(headers.items()),
        body=_body(section.body, fields),
    )


def revoke_call(
    provider: OAuthProvider,
    client: Client,
    tokens: Tokens,
    inputs: Mapping[str, str] | None = None,
) -> HttpCall | None:
    """End one token, RFC 7009 or the provider's own way; None where the definition or the token says there is none."""
    rule = provider.revoke
    token = tokens.refresh if rule and rule.token == "refresh" else tokens.access  # noqa: S105
    if rule is None or token is None:
        return None
    values = {**(inputs or {}), "clientId": client.id}
    text = token.reveal().decode("ascii")
    credentials, header = _revoker(rule.auth, client, text)
    fields = {name: filled(value, values) for name, value in rule.params.items()} | credentials
    if rule.param:
        fields[rule.param] = text
    headers = {"accept": "application/json", "content-type": _TYPES[rule.body], **header}
    return HttpCall(
        name="revoke",
        method=rule.method,
        url=filled_url(rule.url, values),
        headers=tuple(headers.items()),
        body=_body(rule.body, fields),
        idempotent=True,
    )


def _revoker(form: str, client: Client, token: str) -> tuple[dict[str, str], dict[str, str]]:
    if form == "bearer":
        return {}, {"authorization": f"Bearer {token}"}
    return _authentication(form, client)


def _authentication(form: str, client: Client) -> tuple[dict[str, str], dict[str, str]]:
    """Parameters and headers that say who the client is, RFC 6749 §2.3.1."""
    if form == "none":
        return {"client_id": client.id}, {}
    if not client.secret:
        raise FlowRefused("misconfigured", "the client secret is not set")
    secret = client.secret.reveal().decode("utf-8")
    match form:
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


def _body(form: BodyForm, fields: Mapping[str, str]) -> bytes:
    return orjson.dumps(dict(fields)) if form == "json" else urlencode(fields).encode("ascii")
