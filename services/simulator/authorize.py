"""
The authorization endpoint of every provider (RFC 6749 §4.1.1).

A request whose client or redirect URI is not known ends on an error page here; only then may
anything else be told to the client by redirect (§4.1.2.1).
"""

from __future__ import annotations

import functools
import hmac
from collections.abc import Callable, Mapping
from urllib.parse import parse_qsl, urlencode, urlsplit

from aiohttp import web

from services.simulator import authority, pages
from services.simulator.pages import PageError
from services.simulator.provider import PROVIDERS, Provider
from services.simulator.records import Account, App, Ask, User, code_hash
from services.simulator.world import WORLD, World, note

COOKIE = "simulator_session"


class RedirectError(Exception):
    """A request that is refused by redirect to its verified redirect URI."""

    def __init__(self, ask: Ask, code: str) -> None:
        """Remember where to go and with what."""
        super().__init__(code)
        self.ask = ask
        self.code = code


def routes(provider: Provider) -> list[web.RouteDef]:
    """The page and the form behind it."""
    return [
        web.get(provider.path, functools.partial(show, provider)),
        web.post(provider.path, functools.partial(decide, provider)),
    ]


async def show(provider: Provider, request: web.Request) -> web.Response:
    """The authorization endpoint itself."""
    return consult(provider, request, lambda: _authorization(provider, request))


def consult(
    provider: Provider, request: web.Request, make_ask: Callable[[], Ask]
) -> web.Response:
    """Put a request to the user, or to the account that automatic mode names."""
    try:
        _refuse_repeats(request)
        ask = make_ask()
        note(request, client_id=ask.app.client_id)
        _check(provider, ask, request.query)
        named = request.query.get("login_hint") or ask.app.auto
        return (
            _settle(provider, request, ask, named) if named else _page(provider, request, ask)
        )
    except PageError as problem:
        note(request, outcome="error_page")
        return pages.error(provider, problem)
    except RedirectError as problem:
        note(request, outcome=problem.code)
        return back(problem.ask, {"error": problem.code})


async def decide(provider: Provider, request: web.Request) -> web.Response:
    """Take the user's decision: the form of a page that this browser was shown, once."""
    form = await request.post()
    try:
        ask = _asked(request, str(form.get("ask", "")), str(form.get("csrf", "")))
        allowed = form.get("action") == "allow"
        choice = str(form.get("choice", "")) if allowed else "deny"
        return _settle(provider, request, ask, choice)
    except PageError as problem:
        note(request, outcome="error_page")
        return pages.error(provider, problem)


def ask_of(world: World, app: App, request: web.Request, *, installing: bool = False) -> Ask:
    """The request as a record; the redirect URI in it is one the app registered."""
    query = request.query
    sent = query.get("redirect_uri")
    separator = PROVIDERS[app.provider].separator
    return Ask(
        id=world.random(),
        app=app,
        csrf=world.random(),
        session=request.cookies.get(COOKIE) or world.random(),
        redirect_uri=_redirect_uri(app, sent),
        sent_redirect_uri=sent is not None,
        state=query.get("state"),
        challenge=query.get("code_challenge", ""),
        scopes=_words(query.get("scope", ""), separator),
        user_scopes=_words(query.get("user_scope", ""), separator),
        installing=installing,
    )


def back(ask: Ask, answer: Mapping[str, str]) -> web.Response:
    """A redirect to the client with *answer*, its state, and `iss` where the app has one."""
    extra = dict(answer)
    if ask.state is not None:
        extra["state"] = ask.state
    if ask.app.issuer:
        extra["iss"] = ask.app.issuer
    sign = PROVIDERS[ask.app.provider].signed
    extra = dict(sign(ask.app, extra)) if sign else extra
    uri = urlsplit(ask.redirect_uri)
    query = urlencode([*parse_qsl(uri.query, keep_blank_values=True), *extra.items()])
    headers = {"Location": uri._replace(query=query).geturl(), "Cache-Control": "no-store"}
    return web.Response(status=302, headers=headers)


def _authorization(provider: Provider, request: web.Request) -> Ask:
    world = request.app[WORLD]
    app = world.apps.get((provider.name, request.query.get("client_id", "")))
    if app is None:
        message = "invalid_client_id: no such application is registered here"
        raise PageError(message)
    return ask_of(world, app, request)


def _page(provider: Provider, request: web.Request, ask: Ask) -> web.Response:
    world = request.app[WORLD]
    world.asks[ask.id] = ask
    note(request, outcome="page")
    page = pages.consent(provider, ask, world.accounts_of(provider.name))
    page.set_cookie(COOKIE, ask.session, httponly=True, samesite="Lax", path="/")
    return page


def _settle(provider: Provider, request: web.Request, ask: Ask, choice: str) -> web.Response:
    world = request.app[WORLD]
    if choice == "deny":
        note(request, outcome="access_denied")
        return back(ask, {"error": "access_denied", **(provider.denied or {})})
    account, user = _chosen(world, provider, choice)
    code = authority.grant(world, ask, account, user)
    note(request, outcome="code_issued", code_hash=code_hash(code))
    answer = {"code": code, **_installation(world, ask, account)}
    if provider.signed:
        answer["timestamp"] = str(int(world.clock.now()))
    return back(ask, {**answer, **(provider.returns(account) if provider.returns else {})})


def _installation(world: World, ask: Ask, account: Account) -> dict[str, str]:
    if not ask.installing:
        return {}
    world.installed.add((ask.app.client_id, account.id))
    return {"installation_id": account.id, "setup_action": "install"}


def _chosen(world: World, provider: Provider, choice: str) -> tuple[Account, User]:
    account, user_id = world.accounts.get((provider.name, choice)), ""
    if account is None:  # an id may be an address, which holds slashes itself
        account_id, _, user_id = choice.rpartition("/")
        account = world.accounts.get((provider.name, account_id))
    user = account.user(user_id) if account else None
    if account is None or user is None:
        message = f"Nobody called {choice!r} exists here. Choose one of the list."
        raise PageError(message)
    return account, user


def _asked(request: web.Request, ask_id: str, csrf: str) -> Ask:
    asks = request.app[WORLD].asks
    ask = asks.get(ask_id)
    if ask is None:
        message = "This form was used already or never shown. Start again from the application."
        raise PageError(message)
    cookie = request.cookies.get(COOKIE, "")
    if not (_same(cookie, ask.session) and _same(csrf, ask.csrf)):
        message = "This form belongs to another browser. Start again from the application."
        raise PageError(message, status=403)
    return asks.pop(ask_id)


def _same(given: str, expected: str) -> bool:
    return hmac.compare_digest(given.encode(), expected.encode())


def _refuse_repeats(request: web.Request) -> None:
    # RFC 6749 §3.1: parameters must not be included more than once
    query = request.query
    repeated = sorted({name for name in query if len(query.getall(name)) > 1})
    if repeated:
        message = f"invalid_request: {', '.join(repeated)} was sent more than once"
        raise PageError(message)


def _redirect_uri(app: App, sent: str | None) -> str:
    if sent is None and len(app.redirect_uris) == 1:
        return app.redirect_uris[0]
    if sent not in app.redirect_uris:
        message = f"bad_redirect_uri: {sent!r} is not registered for {app.client_id}"
        raise PageError(message)
    return sent


def _check(provider: Provider, ask: Ask, query: Mapping[str, str]) -> None:
    kind = query.get("response_type", "" if provider.needs_response_type else "code")
    if not ask.installing and kind != "code":
        raise RedirectError(ask, "unsupported_response_type" if kind else "invalid_request")
    if ask.challenge and query.get("code_challenge_method", "plain") != "S256":
        raise RedirectError(ask, "invalid_request")


def _words(text: str, separator: str) -> tuple[str, ...]:
    return tuple(text.replace(separator, " ").split())
