"""The calls a client makes to an authorization server: exchange, refresh, revoke. Composed here, sent elsewhere."""

from __future__ import annotations

from typing import TYPE_CHECKING
from urllib.parse import urlencode

import msgspec
import orjson
from msgspec import Struct

from shared.model.calls import HttpCall
from shared.oauth.clientauth import Asked, Client, authentication
from shared.oauth.endpoints import Assertion, BodyForm, TokenEndpoint
from shared.oauth.queries import with_query
from shared.oauth.templates import filled_params, filled_url

if TYPE_CHECKING:
    from collections.abc import Mapping

    from shared.oauth.endpoints import FollowUp
    from shared.oauth.records import OAuthProvider
    from shared.oauth.tokens import Tokens
    from shared.secret import Secret

_TYPES: dict[str, str] = {
    "form": "application/x-www-form-urlencoded",
    "json": "application/json",
}


class _Outline(Struct, frozen=True, kw_only=True):
    """What a call looks like before its templates are filled."""

    name: str
    url: str
    method: str = "POST"
    auth: str = "post"
    body: BodyForm = "form"
    headers: dict[str, str] = {}
    rename: dict[str, str] = {}
    assertion: Assertion = Assertion()
    idempotent: bool = False


def token_call(  # noqa: PLR0913  the parameters of RFC 6749 §4.1.3, and the moment
    provider: OAuthProvider,
    client: Client,
    *,
    code: str,
    redirect_uri: str,
    verifier: str = "",
    inputs: Mapping[str, str] | None = None,
    now: float = 0.0,
) -> HttpCall:
    """Exchange a code, RFC 6749 §4.1.3. To be sent at most once for one code."""
    section, values = provider.token, _values(client, inputs)
    ours = {"grant_type": "authorization_code", "code": code, "redirect_uri": redirect_uri}
    if provider.authorize.pkce == "S256":
        ours["code_verifier"] = verifier
    params = {**filled_params(section.params, values), **ours}
    return _composed(_of_endpoint("token", section), client, params, values, now=now)


def refresh_endpoint(provider: OAuthProvider) -> TokenEndpoint:
    """`oauth.token` with what `oauth.refresh` says otherwise laid over it."""
    section, rule = provider.token, provider.refresh
    own = {
        name: value
        for name in ("method", "body", "headers", "rename", "unwrap", "fields")
        if (value := getattr(rule, name)) is not None
    }
    auth = section.auth if rule.auth in {None, "bearer"} else rule.auth
    return msgspec.structs.replace(
        section, url=rule.url or section.url, auth=auth, then=(), **own
    )


def refresh_call(
    provider: OAuthProvider,
    client: Client,
    token: Secret,
    inputs: Mapping[str, str] | None = None,
    *,
    now: float = 0.0,
) -> HttpCall:
    """
    Trade *token* for a new access token, RFC 6749 §6; where the definition says so it is an access token itself.

    To be sent at most once where the provider rotates refresh tokens.
    """
    rule, values = provider.refresh, _values(client, inputs)
    outline = _of_endpoint("refresh", refresh_endpoint(provider))
    text = token.reveal().decode("ascii")
    if rule.auth == "bearer":
        outline = msgspec.structs.replace(outline, auth="bearer")
    ours = {"grant_type": "refresh_token", f"{rule.uses}_token": text}
    params = {**ours, **filled_params(rule.params, values)}
    return _composed(outline, client, params, values, bearer=text, now=now)


def follow_up_call(
    rule: FollowUp, client: Client, access: Secret, inputs: Mapping[str, str] | None = None
) -> HttpCall:
    """Trade an access token for one that lives longer, the provider's own way. Asking again does no harm."""
    values, text = _values(client, inputs), access.reveal().decode("ascii")
    params = filled_params(rule.params, values)
    if rule.param:
        params[rule.param] = text
    outline = _Outline(
        name="follow-up", url=rule.url, method=rule.method, auth=rule.auth, body=rule.body,
        headers=rule.headers, idempotent=True,
    )  # fmt: skip
    return _composed(outline, client, params, values, bearer=text)


def revoke_call(
    provider: OAuthProvider,
    client: Client,
    tokens: Tokens,
    inputs: Mapping[str, str] | None = None,
    *,
    now: float = 0.0,
) -> HttpCall | None:
    """End one token, RFC 7009 or the provider's own way; None where the definition or the token says there is none."""
    rule = provider.revoke
    token = tokens.refresh if rule and rule.token == "refresh" else tokens.access  # noqa: S105
    if rule is None or token is None:
        return None
    text = token.reveal().decode("ascii")
    values = {**_values(client, inputs), "token": text}
    params = filled_params(rule.params, values)
    if rule.param:
        params[rule.param] = text
    outline = _Outline(
        name="revoke", url=rule.url, method=rule.method, auth=rule.auth, body=rule.body,
        headers=rule.headers, assertion=provider.token.assertion, idempotent=True,
    )  # fmt: skip
    return _composed(outline, client, params, values, bearer=text, now=now)


def _values(client: Client, inputs: Mapping[str, str] | None) -> dict[str, str]:
    return {**(inputs or {}), "clientId": client.id}


def _of_endpoint(name: str, section: TokenEndpoint) -> _Outline:
    return _Outline(
        name=name, url=section.url, method=section.method, auth=section.auth, body=section.body,
        headers=section.headers, rename=section.rename, assertion=section.assertion,
    )  # fmt: skip


def _composed(
    outline: _Outline,
    client: Client,
    params: Mapping[str, str],
    values: Mapping[str, str],
    *,
    bearer: str = "",
    now: float = 0.0,
) -> HttpCall:
    url = filled_url(outline.url, values)
    asked = Asked(
        form=outline.auth, url=url, assertion=outline.assertion, bearer=bearer, now=now
    )
    credentials, header = authentication(asked, client, values)
    named = {outline.rename.get(k, k): v for k, v in {**params, **credentials}.items()}
    fields = {key: value for key, value in named.items() if key}
    own = {k.lower(): v for k, v in filled_params(outline.headers, values).items()}
    headers = {"accept": "application/json", **own}
    if outline.body != "query":
        headers["content-type"] = _TYPES[outline.body]
    return HttpCall(
        name=outline.name,
        method=outline.method,
        url=with_query(url, fields) if outline.body == "query" else url,
        headers=tuple({**headers, **header}.items()),
        body=_body(outline.body, fields),
        idempotent=outline.idempotent,
    )


def _body(form: BodyForm, fields: Mapping[str, str]) -> bytes:
    if form == "query":
        return b""
    return orjson.dumps(dict(fields)) if form == "json" else urlencode(fields).encode("ascii")
