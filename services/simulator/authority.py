"""
An authorization server's decisions, the same for every provider (RFC 6749, RFC 7636).

Stricter than some providers are: redirect URIs compare as whole strings, and a code used twice
revokes every token that it led to (RFC 6749 §4.1.2). Each provider says the refusals in its own
words; the reasons here are ours.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
from dataclasses import dataclass
from typing import Literal

from services.simulator.records import Account, App, Ask, Grant, Token, User
from services.simulator.world import World

Reason = Literal[
    "client", "code_unknown", "code_used", "code_expired", "code_foreign", "redirect",
    "verifier", "refresh", "grant_type", "request",
]  # fmt: skip


class Refusal(Exception):
    """A token request that is not answered with tokens."""

    def __init__(self, reason: Reason, text: str = "") -> None:
        """Remember why, in one of the words above."""
        super().__init__(text or reason)
        self.reason: Reason = reason
        self.text = text or reason


@dataclass(frozen=True, kw_only=True)
class Style:
    """How a provider's tokens look and live."""

    access: str  # prefix
    refresh: str = ""  # prefix; empty for a provider without refresh tokens
    lifetime: float | None = None  # seconds, of access tokens
    grace: float = 0.0  # seconds a spent refresh token may be used again
    ends_access: bool = True  # a refresh also ends the access token before it


@dataclass(frozen=True, kw_only=True)
class Pair:
    """What a token request brings."""

    access: Token
    refresh: Token | None
    expires_in: int | None


def authenticate(world: World, provider: str, client_id: str, secret: str) -> App:
    """The app with these credentials, or a refusal. A code sent along stays good."""
    app = world.apps.get((provider, client_id))
    if app is None or not hmac.compare_digest(app.client_secret.encode(), secret.encode()):
        raise Refusal("client", "client credentials are wrong")
    return app


def grant(world: World, ask: Ask, account: Account, user: User) -> str:
    """A fresh code for what the user allowed."""
    code = world.random()
    deadline = world.clock.now() + ask.app.code_lifetime
    world.grants[code] = Grant(
        app=ask.app, account=account, user=user, ask=ask, expires_at=deadline
    )
    return code


def exchange(
    world: World, app: App, code: str, redirect_uri: str | None, verifier: str
) -> Grant:
    """Spend *code*. Wrong details leave it usable; a second use revokes what it led to."""
    found = world.grants.get(code)
    if found is None:
        raise Refusal("code_unknown")
    if found.app.client_id != app.client_id:
        raise Refusal("code_foreign", "the code was issued to another client")
    if found.used:
        found.revoked = True
        raise Refusal("code_used", "the code was used before; its tokens are revoked")
    _check_details(found, redirect_uri, verifier, world.clock.now())
    found.used = True
    return found


def _check_details(found: Grant, redirect_uri: str | None, verifier: str, now: float) -> None:
    if now >= found.expires_at:
        raise Refusal("code_expired")
    if redirect_uri is None:
        if found.ask.sent_redirect_uri and found.app.provider != "github":
            raise Refusal("redirect", "redirect_uri is missing")
    elif redirect_uri != found.ask.redirect_uri:
        raise Refusal("redirect", "redirect_uri differs from the authorization request")
    if found.ask.challenge and not _proves(verifier, found.ask.challenge):
        raise Refusal("verifier", "code_verifier does not match the challenge")


def _proves(verifier: str, challenge: str) -> bool:
    # RFC 7636 §4.6, S256
    digest = hashlib.sha256(verifier.encode()).digest()
    expected = base64.urlsafe_b64encode(digest).rstrip(b"=")
    return hmac.compare_digest(expected, challenge.encode())


def mint(world: World, found: Grant, kind: str, prefix: str, lifetime: float | None) -> Token:
    """A new token of a grant."""
    now = world.clock.now()
    token = Token(
        value=prefix + world.random(),
        kind=kind,
        grant=found,
        issued_at=now,
        expires_at=None if lifetime is None else now + lifetime,
    )
    world.tokens[token.value] = token
    return token


def issue(world: World, found: Grant, style: Style) -> Pair:
    """An access token and, where the provider has them, a refresh token."""
    custom = found.app.access_lifetime
    lifetime = style.lifetime if custom is None else custom
    access = mint(world, found, "access", style.access, lifetime)
    refresh = mint(world, found, "refresh", style.refresh, None) if style.refresh else None
    return Pair(
        access=access, refresh=refresh, expires_in=None if lifetime is None else int(lifetime)
    )


def refreshed(world: World, app: App, value: str, style: Style) -> Pair:
    """
    A new pair for a refresh token, which is spent by it.

    Using a spent one again past the grace is taken for theft: the whole family dies.
    """
    token = world.tokens.get(value)
    now = world.clock.now()
    if token is None or token.kind != "refresh" or token.grant.app.client_id != app.client_id:
        raise Refusal("refresh", "unknown refresh token")
    if not token.is_live(now):
        raise Refusal("refresh", "the refresh token was revoked")
    _check_first_use(token, app, style, now)
    token.spent_at = now if token.spent_at is None else token.spent_at
    if style.ends_access:
        _end_access(world, token.grant)
    return issue(world, token.grant, style)


def _check_first_use(token: Token, app: App, style: Style, now: float) -> None:
    grace = style.grace if app.refresh_grace is None else app.refresh_grace
    if token.spent_at is not None and now - token.spent_at >= grace:
        token.grant.revoked = True
        raise Refusal("refresh", "the refresh token was used before; its family is revoked")


def _end_access(world: World, found: Grant) -> None:
    for token in world.tokens.values():
        if token.grant is found and token.kind == "access":
            token.dead = True


def live(world: World, provider: str, value: str) -> Token | None:
    """The access token behind *value*, if it works now."""
    token = world.tokens.get(value)
    if token is None or token.kind == "refresh" or token.grant.app.provider != provider:
        return None
    return token if token.is_live(world.clock.now()) else None


def revoke(world: World, provider: str, value: str) -> bool:
    """End everything the token's grant led to (RFC 7009 §2.1). False for one nobody knows."""
    token = world.tokens.get(value)
    if token is None or token.grant.app.provider != provider:
        return False
    token.grant.revoked = True
    return True
