"""Stored tokens: their form, when to refresh them, and what a refresh leaves in place."""

from __future__ import annotations

from typing import Any

import msgspec
from msgspec import Struct

from shared.oauth.records import OAuthProvider
from shared.oauth.tokens import Tokens
from shared.secret import Secret

REFRESH_AT = 0.8  # of a token's life …
SPREAD = 0.05  # … give or take, so that many do not come due together


class _Payload(Struct, frozen=True, kw_only=True, rename="camel", omit_defaults=True):
    access_token: str
    refresh_token: str | None = None
    obtained_at: float = 0.0
    expires_at: float | None = None
    refresh_expires_at: float | None = None
    scopes: tuple[str, ...] | None = None


def payload_of(tokens: Tokens) -> dict[str, Any]:
    """*tokens* as the payload of a state, in the clear; States seals it."""
    payload = _Payload(
        access_token=tokens.access.reveal().decode("ascii"),
        refresh_token=tokens.refresh.reveal().decode("ascii") if tokens.refresh else None,
        obtained_at=tokens.obtained_at,
        expires_at=tokens.expires_at,
        refresh_expires_at=tokens.refresh_expires_at,
        scopes=tokens.scopes,
    )
    document: dict[str, Any] = msgspec.to_builtins(payload)
    return document


def tokens_from(payload: dict[str, Any]) -> Tokens:
    """What `payload_of` wrote."""
    found = msgspec.convert(payload, _Payload)
    return Tokens(
        access=Secret(found.access_token.encode("ascii")),
        refresh=Secret(found.refresh_token.encode("ascii")) if found.refresh_token else None,
        obtained_at=found.obtained_at,
        expires_at=found.expires_at,
        refresh_expires_at=found.refresh_expires_at,
        scopes=found.scopes,
    )


def merged(old: Tokens, new: Tokens) -> Tokens:
    """
    *new*, with the refresh token and scopes of *old* where the answer had none.

    RFC 6749 §6: the server may issue a new refresh token; without one the old one stays good.
    """
    return msgspec.structs.replace(
        new,
        refresh=new.refresh or old.refresh,
        refresh_expires_at=new.refresh_expires_at if new.refresh else old.refresh_expires_at,
        scopes=old.scopes if new.scopes is None else new.scopes,
        said={**old.said, **new.said},
        claims=new.claims or old.claims,
    )


def renewable(provider: OAuthProvider, tokens: Tokens) -> Secret | None:
    """The token that is traded for a new access token; None where there is none."""
    return tokens.access if provider.refresh.uses == "access" else tokens.refresh


def next_look_at(provider: OAuthProvider, tokens: Tokens, chance: float) -> float | None:
    """When something has to be done about *tokens*: to refresh them, or to say that they have ended."""
    due = refresh_due_at(provider, tokens, chance)
    return tokens.expires_at if due is None else due


def refresh_due_at(provider: OAuthProvider, tokens: Tokens, chance: float) -> float | None:
    """
    When to refresh: at four fifths of its life, and `margin` before its end; None when there is nothing to refresh.

    *chance*, between 0 and 1, spreads it. A life too short for the margin is used for half, and a refresh token that
    ends earlier is used before it does; `minAge` goes before all.
    """
    if renewable(provider, tokens) is None or tokens.expires_at is None:
        return None
    life = tokens.expires_at - tokens.obtained_at
    wanted = life * (REFRESH_AT + SPREAD * (2 * chance - 1))
    after = max(min(wanted, life - provider.refresh.margin), life / 2)
    if tokens.refresh_expires_at is not None:
        lasts = tokens.refresh_expires_at - tokens.obtained_at
        after = min(after, max(lasts - provider.refresh.margin, lasts / 2))
    return tokens.obtained_at + max(after, provider.refresh.min_age)
