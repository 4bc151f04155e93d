"""
Simulated Slack: OAuth v2 with bot and user tokens, and the calls that tell who a token is.

Errors are HTTP 200 with `ok: false`: https://docs.slack.dev/reference/methods/oauth.v2.access
"""

from __future__ import annotations

from typing import Any

from aiohttp import web

from services.simulator import authority, token_request
from services.simulator.authority import Pair, Refusal, Style
from services.simulator.records import Grant, Token
from services.simulator.world import WORLD, World, note

_LASTING = Style(access="xoxb-")
# Rotated tokens live 12 h, a refresh token works once:
# https://docs.slack.dev/authentication/using-token-rotation
_ROTATING = Style(
    access="xoxe.xoxb-1-", refresh="xoxe-1-", lifetime=43_200.0, ends_access=False
)

_ERRORS = {
    "client": "bad_client_secret",
    "code_used": "code_already_used",
    "redirect": "bad_redirect_uri",
    "refresh": "invalid_refresh_token",
    "grant_type": "invalid_grant_type",
    "verifier": "invalid_grant",  # the vendor's word is not published
}


def routes() -> list[web.RouteDef]:
    """Slack's API methods, which take GET as well as POST."""
    return [
        web.route("*", "/slack/slack.com/api/oauth.v2.access", access),
        web.route("*", "/slack/slack.com/api/auth.test", test),
        web.route("*", "/slack/slack.com/api/auth.revoke", revoke),
        web.route("*", "/slack/slack.com/api/apps.uninstall", uninstall),
    ]


async def access(request: web.Request) -> web.Response:
    """Exchange a code, or a refresh token where the app has rotation on."""
    try:
        fields = {"grant_type": "authorization_code", **await _fields(request)}
        asked = token_request.read(request, fields, token_request.basic(request))
        return web.json_response(_granted(request.app[WORLD], _tokens(request, asked)))
    except Refusal as refusal:
        return _refused(_word(request, refusal))


def _tokens(request: web.Request, asked: token_request.TokenRequest) -> Pair:
    app = request.app[WORLD].apps.get(("slack", asked.client_id))
    style = _ROTATING if app and app.rotation else _LASTING
    return token_request.tokens(request, "slack", asked, style)


def _word(request: web.Request, refusal: Refusal) -> str:
    if refusal.reason == "client":
        known = any(one == "slack" for one, _ in request.app[WORLD].apps)
        return "bad_client_secret" if known else "invalid_client_id"
    return _ERRORS.get(refusal.reason, "invalid_code")


def _granted(world: World, pair: Pair) -> dict[str, Any]:
    grant = pair.access.grant
    answer: dict[str, Any] = {
        "ok": True,
        "app_id": f"A{grant.app.client_id.upper()[:10]}",
        "authed_user": _authed_user(world, grant),
        "team": None if _is_org(grant) else _team(grant),
        "enterprise": grant.account.facts.get("enterprise"),
        "is_enterprise_install": _is_org(grant),
    }
    if not _wants_bot(grant):
        pair.access.dead = True
        return answer
    return {**answer, **_bot(grant, pair)}


def _wants_bot(grant: Grant) -> bool:
    # A user-only install has no bot token; the token is below authed_user.
    return bool(grant.ask.scopes) or not grant.ask.user_scopes


def _bot(grant: Grant, pair: Pair) -> dict[str, Any]:
    bot: dict[str, Any] = {
        "access_token": pair.access.value,
        "token_type": "bot",
        "scope": ",".join(grant.ask.scopes),
        "bot_user_id": _bot_user(grant),
    }
    if pair.refresh is not None:
        bot |= {"refresh_token": pair.refresh.value, "expires_in": pair.expires_in}
    return bot


def _authed_user(world: World, grant: Grant) -> dict[str, Any]:
    user: dict[str, Any] = {"id": grant.user.id}
    if grant.ask.user_scopes:
        token = authority.mint(world, grant, "user", "xoxp-", None)
        scope = ",".join(grant.ask.user_scopes)
        user |= {"scope": scope, "access_token": token.value, "token_type": "user"}
    return user


async def test(request: web.Request) -> web.Response:
    """Who a token is: https://docs.slack.dev/reference/methods/auth.test ."""
    token = await _live(request)
    if isinstance(token, str):
        return _refused(token)
    grant, is_user = token.grant, token.kind == "user"
    user = {"user": grant.user.name, "user_id": grant.user.id}
    bot = {
        "user": grant.app.client_id,
        "user_id": _bot_user(grant),
        "bot_id": f"B{grant.account.id[1:]}",
    }
    url = f"https://{grant.account.handle}.slack.com/"
    team = {"team": grant.account.name, "team_id": grant.account.id}
    flags = {"is_enterprise_install": _is_org(grant)}
    return web.json_response(
        {"ok": True, "url": url, **team, **(user if is_user else bot), **flags}
    )


async def revoke(request: web.Request) -> web.Response:
    """https://docs.slack.dev/reference/methods/auth.revoke: this token, and no other."""
    token = await _live(request)
    if isinstance(token, str):
        return _refused(token)
    token.dead = True
    note(request, outcome="revoked")
    return web.json_response({"ok": True, "revoked": True})


async def uninstall(request: web.Request) -> web.Response:
    """https://docs.slack.dev/reference/methods/apps.uninstall: all tokens of the grant."""
    token, fields = await _live(request), await _fields(request)
    if isinstance(token, str):
        return _refused(token)
    try:
        given = (fields.get("client_id", ""), fields.get("client_secret", ""))
        authority.authenticate(request.app[WORLD], "slack", *given)
    except Refusal:
        return _refused("bad_client_secret")
    token.grant.revoked = True
    note(request, outcome="revoked")
    return web.json_response({"ok": True})


async def _live(request: web.Request) -> Token | str:
    value = token_request.bearer(request) or (await _fields(request)).get("token", "")
    if not value:
        note(request, outcome="not_authed")
        return "not_authed"
    world = request.app[WORLD]
    if token := authority.live(world, "slack", value):
        return token
    known = world.tokens.get(value)
    expired = known is not None and not (known.dead or known.grant.revoked)
    word = "invalid_auth" if known is None else "token_expired" if expired else "token_revoked"
    note(request, outcome=word)
    return word


async def _fields(request: web.Request) -> dict[str, str]:
    return {**request.query, **await token_request.form(request)}


def _refused(word: str) -> web.Response:
    return web.json_response({"ok": False, "error": word})


def _is_org(grant: Grant) -> bool:
    return bool(grant.account.facts.get("org"))


def _team(grant: Grant) -> dict[str, str]:
    return {"id": grant.account.id, "name": grant.account.name}


def _bot_user(grant: Grant) -> str:
    return f"UB{grant.account.id[1:]}"
