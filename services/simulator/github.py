"""
Simulated GitHub: OAuth Apps, GitHub Apps with their installation page, and who a user is.

Token errors are HTTP 200, and answers are form-encoded unless JSON is asked for:
https://docs.github.com/en/apps/oauth-apps/building-oauth-apps/authorizing-oauth-apps
"""

from __future__ import annotations

import functools
import json
from typing import Any
from urllib.parse import urlencode

from aiohttp import hdrs, web

from services.simulator import authority, authorize, token_request
from services.simulator.authority import Pair, Refusal, Style
from services.simulator.pages import PageError
from services.simulator.provider import GITHUB
from services.simulator.records import Account, Ask, Token
from services.simulator.world import WORLD, World, note

_OAUTH_APP = Style(access="gho_")
_GITHUB_APP = Style(access="ghu_")
# User tokens of a GitHub App live 8 h where expiry is on; a refresh ends the pair before it:
# https://docs.github.com/en/apps/creating-github-apps/authenticating-with-a-github-app/refreshing-user-access-tokens
_EXPIRING = Style(access="ghu_", refresh="ghr_", lifetime=28_800.0)
_REFRESH_LIFETIME = 15_897_600

_ERRORS = {
    "client": (
        "incorrect_client_credentials",
        "The client_id and/or client_secret passed are incorrect.",
    ),
    "redirect": (
        "redirect_uri_mismatch",
        "The redirect_uri MUST match the registered callback URL for this application.",
    ),
    "refresh": ("bad_refresh_token", "The refresh token passed is incorrect or expired."),
    "grant_type": ("unsupported_grant_type", "The grant_type passed is not supported."),
    "request": ("invalid_request", "The request body could not be read."),
}
_BAD_CODE = ("bad_verification_code", "The code passed is incorrect or expired.")


def routes() -> list[web.RouteDef]:
    """GitHub's web pages and API calls around installation."""
    installs = "/github/github.com/apps/{slug}/installations/new"
    return [
        web.get(installs, install),
        web.post("/github/github.com/login/oauth/access_token", token),
        web.get("/github/api.github.com/user", user),
        web.get("/github/api.github.com/user/installations", installations),
        web.delete("/github/api.github.com/applications/{client_id}/token", revoke),
        web.delete("/github/api.github.com/applications/{client_id}/grant", revoke),
    ]


async def install(request: web.Request) -> web.Response:
    """The page of a GitHub App that asks for user authorization during installation."""
    make_ask = functools.partial(_installation, request)
    return authorize.consult(GITHUB, request, make_ask)


def _installation(request: web.Request) -> Ask:
    world, slug = request.app[WORLD], request.match_info["slug"]
    for app in world.apps.values():
        if app.provider == "github" and app.slug == slug:
            return authorize.ask_of(world, app, request, installing=True)
    message = f"There is no GitHub App called {slug!r}."
    raise PageError(message, status=404)


async def token(request: web.Request) -> web.Response:
    """Exchange a code or a refresh token; parameters come as a form or as JSON."""
    try:
        is_json = request.content_type == "application/json"
        given = await (token_request.json_body if is_json else token_request.form)(request)
        fields = {"grant_type": "authorization_code", **request.query, **given}
        asked = token_request.read(request, fields, None)
        style = _style(request.app[WORLD], asked.client_id)
        answer = _granted(token_request.tokens(request, "github", asked, style))
    except Refusal as refusal:
        code, text = _ERRORS.get(refusal.reason, _BAD_CODE)
        answer = {
            "error": code,
            "error_description": text,
            "error_uri": "https://docs.github.com/",
        }
    return _encoded(request, answer)


def _style(world: World, client_id: str) -> Style:
    app = world.apps.get(("github", client_id))
    if app is None or not app.slug:
        return _OAUTH_APP
    return _EXPIRING if app.rotation else _GITHUB_APP


def _granted(pair: Pair) -> dict[str, Any]:
    is_app = bool(pair.access.grant.app.slug)
    scope = "" if is_app else ",".join(pair.access.grant.ask.scopes)
    answer = {"access_token": pair.access.value, "scope": scope, "token_type": "bearer"}
    if pair.refresh is None:
        return answer
    lifetimes = {"expires_in": pair.expires_in, "refresh_token_expires_in": _REFRESH_LIFETIME}
    return {**answer, **lifetimes, "refresh_token": pair.refresh.value}


def _encoded(request: web.Request, answer: dict[str, Any]) -> web.Response:
    if "application/json" in request.headers.get(hdrs.ACCEPT, ""):
        return web.json_response(answer)
    return web.Response(
        text=urlencode(answer), content_type="application/x-www-form-urlencoded"
    )


async def user(request: web.Request) -> web.Response:
    """Who the token is: https://docs.github.com/en/rest/users/users (GET /user)."""
    found = _live(request)
    if found is None:
        return _unauthorized(request)
    one = found.grant.user
    login = "-".join(one.name.lower().split())
    scopes = {"X-OAuth-Scopes": ", ".join(found.grant.ask.scopes)}
    body = {"login": login, "id": _number(one.id), "type": "User", "name": one.name}
    return web.json_response({**body, "email": one.email or None}, headers=scopes)


async def installations(request: web.Request) -> web.Response:
    """
    The installations of this app that the token's user may see, in pages.

    https://docs.github.com/en/rest/apps/installations#list-app-installations-accessible-to-the-user-access-token
    """
    found = _live(request)
    if found is None:
        return _unauthorized(request)
    size, page = min(_asked(request, "per_page", 30), 100), _asked(request, "page", 1)
    visible = _visible(request.app[WORLD], found)
    shown = visible[(page - 1) * size : page * size]
    body = {"total_count": len(visible), "installations": [_shown(found, one) for one in shown]}
    following = request.url.update_query(page=str(page + 1))
    more = {"Link": f'<{following}>; rel="next"'} if page * size < len(visible) else {}
    return web.json_response(body, headers=more)


def _visible(world: World, found: Token) -> list[Account]:
    installed, person = world.installed, found.grant.user.id
    client_id = found.grant.app.client_id
    return [
        one
        for one in world.accounts_of("github")
        if (client_id, one.id) in installed and one.user(person)
    ]


def _shown(found: Token, account: Account) -> dict[str, Any]:
    owner = {"login": account.handle, "id": _number(account.id) + 1, "type": "Organization"}
    return {
        "id": _number(account.id),
        "account": owner,
        "app_id": 1,
        "app_slug": found.grant.app.slug,
        "target_type": "Organization",
        "repository_selection": "all",
        "permissions": {"issues": "write", "metadata": "read"},
        "events": ["issues", "push"],
    }


async def revoke(request: web.Request) -> web.Response:
    """End a token: https://docs.github.com/en/rest/apps/oauth-applications (DELETE)."""
    try:
        name, secret = token_request.basic(request) or ("", "")
        authority.authenticate(request.app[WORLD], "github", name, secret)
        value = str(json.loads(await request.read())["access_token"])
    except Refusal:
        return _unauthorized(request)
    except (ValueError, KeyError, TypeError):
        return web.json_response({"message": "Problems parsing JSON"}, status=422)
    if name != request.match_info["client_id"] or not _revoked(request, value):
        return web.json_response({"message": "Not Found"}, status=404)
    return web.Response(status=204)


def _revoked(request: web.Request, value: str) -> bool:
    note(request, outcome="revoked")
    return authority.revoke(request.app[WORLD], "github", value)


def _live(request: web.Request) -> Token | None:
    return authority.live(request.app[WORLD], "github", token_request.bearer(request))


def _unauthorized(request: web.Request) -> web.Response:
    note(request, outcome="bad_credentials")
    body = {"message": "Bad credentials", "documentation_url": "https://docs.github.com/rest"}
    return web.json_response({**body, "status": "401"}, status=401)


def _asked(request: web.Request, name: str, otherwise: int) -> int:
    return max(_number(request.query.get(name, "")), 0) or otherwise


def _number(text: str) -> int:
    digits = "".join(character for character in text if character in "0123456789")
    return int(digits or "0")
