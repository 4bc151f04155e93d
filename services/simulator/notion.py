"""
Simulated Notion: Basic authentication and JSON bodies only, one bot per installation.

https://developers.notion.com/reference/create-a-token
"""

from __future__ import annotations

import hashlib
import uuid
from typing import Any

from aiohttp import web

from services.simulator import authority, token_request
from services.simulator.authority import Pair, Refusal, Style
from services.simulator.records import Grant
from services.simulator.world import WORLD, World, note

_STYLE = Style(access="ntn_", refresh="nrt_", ends_access=False)


def routes() -> list[web.RouteDef]:
    """Notion's token endpoints and the call that names the bot."""
    return [
        web.post("/notion/api.notion.com/v1/oauth/token", token),
        web.post("/notion/api.notion.com/v1/oauth/revoke", revoke),
        web.post("/notion/api.notion.com/v1/oauth/introspect", introspect),
        web.get("/notion/api.notion.com/v1/users/me", me),
    ]


async def token(request: web.Request) -> web.Response:
    """Exchange a code or a refresh token; parameters come as JSON, the client as Basic."""
    try:
        asked = token_request.read(request, *await _read(request))
        pair = token_request.tokens(request, "notion", asked, _STYLE)
    except Refusal as refusal:
        return token_request.refused(refusal)
    return web.json_response(_granted(request.app[WORLD], pair))


async def _read(request: web.Request) -> tuple[dict[str, str], tuple[str, str]]:
    fields = await token_request.json_body(request)
    credentials = token_request.basic(request)
    if credentials is None:
        raise Refusal("client", "the client must use HTTP Basic authentication")
    return fields, credentials


def _granted(world: World, pair: Pair) -> dict[str, Any]:
    grant = pair.access.grant
    return {
        "access_token": pair.access.value,
        "token_type": "bearer",
        "refresh_token": pair.refresh.value if pair.refresh else None,
        "bot_id": bot_id(grant),
        "workspace_name": grant.account.name,
        "workspace_icon": None,
        "workspace_id": grant.account.id,
        "owner": {"type": "user", "user": _person(grant)},
        "duplicated_template_id": None,
        "request_id": world.uuid(),
    }


def bot_id(grant: Grant) -> str:
    """The bot of an app in a workspace, the same for every token of it."""
    seed = f"{grant.app.client_id}:{grant.account.id}:{grant.user.id}"
    return str(uuid.UUID(bytes=hashlib.sha256(seed.encode()).digest()[:16], version=4))


def _person(grant: Grant) -> dict[str, Any]:
    return {
        "object": "user",
        "id": grant.user.id,
        "name": grant.user.name,
        "avatar_url": None,
        "type": "person",
        "person": {"email": grant.user.email},
    }


async def revoke(request: web.Request) -> web.Response:
    """End a grant by one of its tokens."""
    try:
        value = await _own_token(request)
    except Refusal as refusal:
        return token_request.refused(refusal)
    authority.revoke(request.app[WORLD], "notion", value)
    note(request, outcome="revoked")
    return web.json_response({"request_id": request.app[WORLD].uuid()})


async def introspect(request: web.Request) -> web.Response:
    """Whether a token works."""
    try:
        value = await _own_token(request)
    except Refusal as refusal:
        return token_request.refused(refusal)
    is_live = authority.live(request.app[WORLD], "notion", value) is not None
    return web.json_response({"active": is_live, "request_id": request.app[WORLD].uuid()})


async def _own_token(request: web.Request) -> str:
    fields, credentials = await _read(request)
    authority.authenticate(request.app[WORLD], "notion", *credentials)
    return fields.get("token", "")


async def me(request: web.Request) -> web.Response:
    """The token's bot: https://developers.notion.com/reference/get-self ."""
    world = request.app[WORLD]
    if "Notion-Version" not in request.headers:
        return _error(world, 400, "missing_version", "Notion-Version header should be defined")
    found = authority.live(world, "notion", token_request.bearer(request))
    if found is None:
        note(request, outcome="unauthorized")
        return _error(world, 401, "unauthorized", "API token is invalid.")
    return web.json_response(_bot(found.grant, world.uuid()))


def _bot(grant: Grant, request_id: str) -> dict[str, Any]:
    owner = {"type": "user", "user": _person(grant)}
    return {
        "object": "user",
        "id": bot_id(grant),
        "name": grant.app.client_id,
        "avatar_url": None,
        "type": "bot",
        "bot": {
            "owner": owner,
            "workspace_id": grant.account.id,
            "workspace_name": grant.account.name,
        },
        "request_id": request_id,
    }


def _error(world: World, status: int, code: str, message: str) -> web.Response:
    body = {"object": "error", "status": status, "code": code, "message": message}
    return web.json_response({**body, "request_id": world.uuid()}, status=status)
