"""Token endpoint, revocation and API of the providers that are described by a profile."""

from __future__ import annotations

import base64
import functools
import json
from collections.abc import Iterator

from aiohttp import hdrs, web

from services.simulator import authority, token_request
from services.simulator.authority import Pair, Refusal, Style
from services.simulator.profile import PROFILES, ApiCall, OAuth, Profile, filled
from services.simulator.records import Grant, Token
from services.simulator.webhooks.published import jwk
from services.simulator.world import WORLD, World, note


def routes() -> list[web.RouteDef]:
    """All of all profiles."""
    return [route for name, profile in PROFILES.items() for route in _routes(name, profile)]


def _routes(name: str, profile: Profile) -> Iterator[web.RouteDef]:
    if profile.oauth is not None:
        yield from _oauth_routes(name, profile.oauth)
    for call in profile.calls:
        method, _, path = call.request.partition(" ")
        yield web.route(method, f"/{name}/{path}", functools.partial(_call, name, call))
    if keys := profile.webhook.sign.keys:
        yield web.get(f"/{name}/{keys}", _keys)


def _oauth_routes(name: str, oauth: OAuth) -> Iterator[web.RouteDef]:
    for path in dict.fromkeys(filter(None, (oauth.token, oauth.refresh))):
        yield web.post(f"/{name}/{path}", functools.partial(_token, name, oauth))
    for path in oauth.trade:
        yield web.get(f"/{name}/{path}", functools.partial(_traded, name, oauth))
    if oauth.revoke:
        yield web.post(f"/{name}/{oauth.revoke}", functools.partial(_revoke, name))


async def _token(name: str, oauth: OAuth, request: web.Request) -> web.Response:
    style = _style(name, oauth)
    try:
        fields = await _fields(request)
        asked = token_request.read(request, fields, _credentials(name, oauth, request))
        pair = token_request.tokens(request, name, asked, style)
    except Refusal as refusal:
        return token_request.refused(refusal)
    return _granted(request.app[WORLD], oauth, pair)


def _style(name: str, oauth: OAuth) -> Style:
    refreshes = "$refresh" in oauth.answer
    refresh = f"{name}-rt-" if refreshes else ""
    return Style(access=f"{name}-at-", refresh=refresh, lifetime=oauth.lifetime)


async def _fields(request: web.Request) -> dict[str, str]:
    is_json = request.content_type == "application/json"
    return await (token_request.json_body if is_json else token_request.form)(request)


def _credentials(name: str, oauth: OAuth, request: web.Request) -> tuple[str, str] | None:
    """The client as this provider wants to be told it; a client told otherwise is not known."""
    given = token_request.basic(request)
    if oauth.client == "post":
        return None if given is None else ("", "")
    if oauth.client == "basic" or given is None:
        return given or ("", "")
    apps = request.app[WORLD].apps.values()
    known = (one for one in apps if one.provider == name and one.client_secret == given[0])
    return next(((one.client_id, one.client_secret) for one in known), ("", ""))


def _granted(world: World, oauth: OAuth, pair: Pair) -> web.Response:
    grant, refresh = pair.access.grant, pair.refresh
    values = {
        **_values(grant),
        "access": pair.access.value,
        "refresh": refresh.value if refresh else "",
        "scope": " ".join(grant.ask.scopes),
    }
    values["idtoken"] = _id_token(world, oauth, grant, values)
    return web.json_response(text=filled(oauth.answer, values), headers=token_request.NO_STORE)


def _values(grant: Grant) -> dict[str, str]:
    account, user = grant.account, grant.user
    return {"account": account.id, "name": account.name, "user": user.id, "email": user.email}


def _id_token(world: World, oauth: OAuth, grant: Grant, values: dict[str, str]) -> str:
    claims = {name: filled(text, values) for name, text in oauth.claims.items()}
    whole = {**claims, "aud": grant.app.client_id, "exp": int(world.clock.now()) + 3600}
    payload = base64.urlsafe_b64encode(json.dumps(whole).encode()).decode().rstrip("=")
    return f"e30.{payload}.c2ln"


async def _traded(name: str, oauth: OAuth, request: web.Request) -> web.Response:
    """A longer-lived access token for one that works."""
    found = _live(name, request)
    if found is None:
        return _unknown(request)
    pair = authority.issue(request.app[WORLD], found.grant, _style(name, oauth))
    return _granted(request.app[WORLD], oauth, pair)


async def _revoke(name: str, request: web.Request) -> web.Response:
    fields = await _fields(request)
    value = fields.get("token") or _presented(request)[0]
    known = authority.revoke(request.app[WORLD], name, value)
    note(request, outcome="revoked" if known else "unknown_token")
    return web.json_response({})


async def _call(name: str, call: ApiCall, request: web.Request) -> web.Response:
    found = _live(name, request)
    if found is None:
        return _unknown(request)
    return web.json_response(text=filled(call.answer, _values(found.grant)))


def _live(name: str, request: web.Request) -> Token | None:
    world = request.app[WORLD]
    tokens = (authority.live(world, name, value) for value in _presented(request))
    return next((token for token in tokens if token), None)


def _presented(request: web.Request) -> list[str]:
    """Whatever may be a token: the end of the Authorization header, and parameters."""
    header = request.headers.get(hdrs.AUTHORIZATION, "").rpartition(" ")[2]
    return [header, *request.query.values()]


def _unknown(request: web.Request) -> web.Response:
    note(request, outcome="invalid_token")
    return web.json_response({"error": "invalid_token"}, status=401)


async def _keys(_request: web.Request) -> web.Response:
    """RFC 7517."""
    return web.json_response({"keys": [jwk()]})
