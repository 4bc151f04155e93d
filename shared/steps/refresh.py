"""
A valid access token, refreshed by one worker at a time and with one use of each refresh token.

Using a spent one again makes a server with reuse detection revoke the whole family (RFC 9700 §4.14.2). So: a lease, a
second reading under it, an intent that lies with the tokens' version, one call, and a write that only that version
allows.
"""

from __future__ import annotations

from collections.abc import Generator
from contextlib import suppress
from datetime import timedelta
from typing import Any

from msgspec import Struct

from shared.errors import (
    EgressRefused,
    FlowRefused,
    GateClosed,
    ProviderBusy,
    ProviderRefused,
    StoreUnavailable,
    UnknownOutcome,
    WaypostError,
)
from shared.model.calls import HttpAnswer
from shared.oauth.clientauth import Client
from shared.oauth.clientcalls import refresh_call, refresh_endpoint
from shared.oauth.lifetimes import merged, refresh_due_at, renewable
from shared.oauth.records import OAuthProvider
from shared.oauth.refusals import has_ended
from shared.oauth.tokens import Tokens, tokens_in
from shared.secret import Secret
from shared.steps.effects import (
    BeginStep,
    Call,
    DropLease,
    Effect,
    ForgetIntent,
    NeedsReauth,
    Now,
    Reach,
    ReadTokens,
    ReplaceTokens,
    StepState,
    StoredTokens,
    TakeLease,
)

LAST_MINUTE = 60.0  # seconds before its end an access token no longer counts as working
WRITES = 3  # tries to store what came back
_SOON = timedelta(seconds=2)


class BeingRefreshed(ProviderBusy):
    """No token works now, and another worker is about to bring one."""


class RefreshOrder(Struct, frozen=True, kw_only=True):
    """What a refresh takes; *chance*, between 0 and 1, spreads the moments."""

    provider: OAuthProvider
    client: Client
    inputs: dict[str, str] = {}
    chance: float = 0.5


def refresh(order: RefreshOrder) -> Generator[Effect, Any, Tokens]:
    """
    Tokens whose access token works: those stored, or new ones.

    Raises:
        ProviderRefused: the user has to connect again, which is noted; or the client is misconfigured.
        ProviderBusy: no token works now, but one may later.
        GateClosed: the same, while the provider wants a pause.

    """
    stored: StoredTokens = yield ReadTokens()
    now: float = yield Now()
    due = refresh_due_at(order.provider, stored.tokens, order.chance)
    if due is None:
        return (yield from _lasting(stored, now))
    if now < due:
        return stored.tokens
    if not (yield TakeLease()):
        if _works(stored.tokens, now):
            return stored.tokens
        raise BeingRefreshed("no valid access token: another worker is refreshing", _SOON)
    try:
        tokens = yield from _alone(order, stored.version, now)
    except WaypostError:
        yield DropLease()
        raise
    yield DropLease()
    return tokens


def _lasting(stored: StoredTokens, now: float) -> Generator[Effect, Any, Tokens]:
    """Tokens that nothing renews, while they work."""
    ends = stored.tokens.expires_at
    if ends is None or now < ends:
        return stored.tokens
    reason = "the access token has ended, and the provider gave nothing to renew it with"
    yield NeedsReauth(stored.version, reason)
    raise ProviderRefused(reason, "token_expired")


def _alone(order: RefreshOrder, seen: int, now: float) -> Generator[Effect, Any, Tokens]:
    """Under the lease: read again, because a sibling may just have been here."""
    stored: StoredTokens = yield ReadTokens()
    spent = renewable(order.provider, stored.tokens)
    if stored.version != seen or spent is None:
        return stored.tokens
    step: StepState = yield BeginStep(_name(stored), "once")
    if step.status == "intent":
        if not _may_repeat(order, stored.tokens, step.since, now):
            return stored.tokens
        latest: StoredTokens = yield ReadTokens()  # its sender may have come back just now
        if latest.version != stored.version:
            return latest.tokens
    yield Reach("refresh.intent")
    return (yield from _refreshed(order, stored, spent, now))


def _name(stored: StoredTokens) -> str:
    return f"refresh:{stored.version}"


def _may_repeat(order: RefreshOrder, tokens: Tokens, since: float, now: float) -> bool:
    """
    Whether a refresh whose outcome is unknown may be sent again.

    A repeat cannot save a working access token, it can only kill it; once that has ended there is nothing to lose.
    """
    rule = order.provider.refresh
    return not rule.rotates or now < since + rule.grace or not _works(tokens, now)


def _refreshed(
    order: RefreshOrder, stored: StoredTokens, spent: Secret, now: float
) -> Generator[Effect, Any, Tokens]:
    provider = order.provider
    try:
        call = refresh_call(provider, order.client, spent, order.inputs, now=now)
        answer: HttpAnswer = yield Call(call)
        yield Reach("refresh.sent")
        brought = tokens_in(provider, refresh_endpoint(provider), answer, now=now)
        tokens = merged(stored.tokens, brought)
    except ProviderRefused as refused:
        return (yield from _turned_down(order, stored, refused, now))
    except (ProviderBusy, EgressRefused, FlowRefused) as unsent:
        yield ForgetIntent(_name(stored))
        return _still_working(stored.tokens, now, str(unsent))
    except GateClosed:
        yield ForgetIntent(_name(stored))
        if _works(stored.tokens, now):
            return stored.tokens
        raise
    except UnknownOutcome as unknown:
        return _still_working(stored.tokens, now, str(unknown))
    replaced = yield from _kept(ReplaceTokens(tokens=tokens, version=stored.version))
    yield Reach("refresh.result")
    return tokens if replaced else (yield from _newest())


def _kept(replace: ReplaceTokens) -> Generator[Effect, Any, bool]:
    """Write the new pair; worth more than one try, since nothing can bring it again."""
    for _ in range(WRITES - 1):
        with suppress(StoreUnavailable):
            return bool((yield replace))
    return bool((yield replace))


def _turned_down(
    order: RefreshOrder, stored: StoredTokens, refused: ProviderRefused, now: float
) -> Generator[Effect, Any, Tokens]:
    again: StoredTokens = yield ReadTokens()
    if again.version != stored.version:
        return again.tokens
    if has_ended(refused.code) or refused.code in order.provider.refresh.ended:
        yield NeedsReauth(stored.version, str(refused))
        raise refused
    yield ForgetIntent(_name(stored))
    if _works(stored.tokens, now):
        return stored.tokens
    raise refused


def _newest() -> Generator[Effect, Any, Tokens]:
    """Somebody wrote first: a new connection, whose tokens are not of this family."""
    stored: StoredTokens = yield ReadTokens()
    return stored.tokens


def _still_working(tokens: Tokens, now: float, why: str) -> Tokens:
    if _works(tokens, now):
        return tokens
    raise ProviderBusy(f"no valid access token: {why}", _SOON)


def _works(tokens: Tokens, now: float) -> bool:
    return tokens.expires_at is None or now < tokens.expires_at - LAST_MINUTE
