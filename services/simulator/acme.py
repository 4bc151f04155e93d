"""
Simulated Acme: a provider that exists nowhere, plain RFC 6749 with PKCE.

It is what the guide "Enable OAuth in your own integration" connects to. Refresh tokens rotate
without any grace, so it is also the strictest of the five.
"""

from __future__ import annotations

from aiohttp import web

from services.simulator import authority, token_request
from services.simulator.authority import Refusal, Style
from services.simulator.world import WORLD, note

_STYLE = Style(access="acme_at_", refresh="acme_rt_", lifetime=3600.0)


def routes() -> list[web.RouteDef]:
    """Acme's token and revocation endpoints and its one API call."""
    return [
        web.post("/acme/acme.example/oauth/token", token),
        web.post("/acme/acme.example/oauth/revoke", revoke),
        web.get("/acme/acme.example/api/me", me),
        web.get("/acme/acme.example/api/sites", sites),
    ]


async def token(request: web.Request) -> web.Response:
    """Exchange a code or a refresh token; the client in the body or as Basic."""
    return await token_request.by_the_book(request, "acme", _STYLE)


async def revoke(request: web.Request) -> web.Response:
    """RFC 7009: the client authenticates, an unknown token is answered like a known one."""
    world = request.app[WORLD]
    fields = await token_request.form(request)
    try:
        asked = token_request.read(request, fields, token_request.basic(request))
        authority.authenticate(world, "acme", asked.client_id, asked.client_secret)
    except Refusal as refusal:
        return token_request.refused(refusal)
    known = authority.revoke(world, "acme", fields.get("token", ""))
    note(request, outcome="revoked" if known else "unknown_token")
    return web.Response()


async def sites(request: web.Request) -> web.Response:
    """The places of the team that was connected: always two, so that somebody must choose."""
    found = authority.live(request.app[WORLD], "acme", token_request.bearer(request))
    if found is None:
        return _unknown(request)
    account = found.grant.account
    listed = [
        {
            "id": f"{account.id}-{number}",
            "name": f"{account.name} {number}",
            "url": f"{number}.acme.example",
        }
        for number in (1, 2)
    ]
    return web.json_response(listed)


def _unknown(request: web.Request) -> web.Response:
    note(request, outcome="invalid_token")
    headers = {"WWW-Authenticate": 'Bearer error="invalid_token"'}
    return web.json_response({"error": "invalid_token"}, status=401, headers=headers)


async def me(request: web.Request) -> web.Response:
    """Who the token belongs to: the user and the team that was connected."""
    found = authority.live(request.app[WORLD], "acme", token_request.bearer(request))
    if found is None:
        return _unknown(request)
    account, user = found.grant.account, found.grant.user
    team = {"id": account.id, "name": account.name}
    return web.json_response(
        {"id": user.id, "name": user.name, "email": user.email, "team": team}
    )
