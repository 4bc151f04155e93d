"""
Simulated Linear: OAuth with rotating refresh tokens, and GraphQL for an identity check.

https://linear.app/developers/oauth-2-0-authentication
"""

from __future__ import annotations

import json
from typing import Any

from aiohttp import web

from services.simulator import authority, graphql, token_request
from services.simulator.authority import Style
from services.simulator.records import Grant
from services.simulator.world import WORLD, note

# 24 h, single use with a grace of 30 minutes for a repeated refresh.
_STYLE = Style(
    access="lin_oauth_",
    refresh="lin_refresh_",
    lifetime=86_399.0,
    grace=1800.0,
    ends_access=False,
)


def routes() -> list[web.RouteDef]:
    """Linear's token, revocation and GraphQL endpoints."""
    return [
        web.post("/linear/api.linear.app/oauth/token", token),
        web.post("/linear/api.linear.app/oauth/revoke", revoke),
        web.post("/linear/api.linear.app/graphql", query),
    ]


async def token(request: web.Request) -> web.Response:
    """Exchange a code or a refresh token; parameters come as a form."""
    return await token_request.by_the_book(request, "linear", _STYLE, ("read",))


async def revoke(request: web.Request) -> web.Response:
    """End a grant by any of its tokens, in the body or as bearer; unknown ones are fine too."""
    fields = await token_request.form(request)
    value = fields.get("token") or fields.get("access_token") or token_request.bearer(request)
    known = authority.revoke(request.app[WORLD], "linear", value)
    note(request, outcome="revoked" if known else "unknown_token")
    return web.json_response({})


async def query(request: web.Request) -> web.Response:
    """Answer a GraphQL query over `viewer` and `organization`."""
    found = authority.live(request.app[WORLD], "linear", token_request.bearer(request))
    if found is None:
        note(request, outcome="unauthenticated")
        return _errors(
            "Authentication required, not authenticated", "AUTHENTICATION_ERROR", 401
        )
    try:
        asked = graphql.selection(json.loads(await request.read())["query"])
        answer = graphql.select(_root(found.grant), asked)
    except (ValueError, KeyError, TypeError) as error:
        note(request, outcome="bad_query")
        return _errors(str(error), "GRAPHQL_VALIDATION_FAILED", 400)
    return web.json_response({"data": answer})


def _root(grant: Grant) -> dict[str, Any]:
    account, user = grant.account, grant.user
    organization = {"id": account.id, "name": account.name, "urlKey": account.handle}
    viewer = {
        "id": user.id,
        "name": user.name,
        "displayName": user.name.lower(),
        "email": user.email,
        "organization": organization,
    }
    return {"viewer": viewer, "organization": organization}


def _errors(message: str, code: str, status: int) -> web.Response:
    kind = "authentication error" if status == 401 else "graphql error"
    extensions = {"type": kind, "code": code, "statusCode": status, "userError": True}
    errors = [{"message": message, "extensions": extensions}]
    return web.json_response({"errors": errors}, status=status)
