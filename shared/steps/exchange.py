"""
From an authorization code to a connected installation, with at most one exchange for one code.

A code used twice does not merely fail: the server should revoke what it issued for it (RFC 6749 §4.1.2), so a blind
retry kills a good installation. The intent is stored before the call and the answer right after it; an intent without
an answer ends in a clean "connect again".
"""

from __future__ import annotations

from collections.abc import Generator
from contextlib import suppress
from datetime import timedelta
from typing import Any, TypeVar

import msgspec
from msgspec import Struct

from shared.errors import (
    EgressRefused,
    FlowRefused,
    GateClosed,
    LeaseLost,
    ProviderBusy,
    ProviderRefused,
    StoreUnavailable,
    UnknownOutcome,
)
from shared.model.calls import HttpAnswer, HttpCall
from shared.model.installations import Account
from shared.oauth.clientauth import Client
from shared.oauth.clientcalls import follow_up_call, token_call
from shared.oauth.endpoints import ErrorPlaces
from shared.oauth.lifetimes import merged
from shared.oauth.records import OAuthProvider
from shared.oauth.refusals import cause_of
from shared.oauth.tokens import Tokens, tokens_in, tokens_of
from shared.secret import Secret
from shared.steps.effects import (
    Activate,
    BeginStep,
    Call,
    CommitStep,
    Effect,
    ForgetIntent,
    Now,
    Reach,
    StepState,
)
from shared.steps.identify import Who, answered, identified
from shared.steps.revoke import revoked

EXCHANGE = "exchange"
VERDICT = "verdict"
COMMITS = 3  # tries to store the answer
_USUAL_WAIT = timedelta(seconds=2)
T = TypeVar("T")


class ExchangeOrder(Struct, frozen=True, kw_only=True):
    """What an exchange takes. Callback values are claims of whoever sent the browser."""

    provider: OAuthProvider
    client: Client
    code: Secret
    redirect_uri: str
    verifier: Secret = Secret(b"")
    inputs: dict[str, str] = {}  # whatever templates may name
    given: dict[str, str] = {}  # of those, what came from this user
    callback: dict[str, str] = {}  # `shared.oauth.captured`
    asked: tuple[str, ...] | None = None  # scopes, the definition's own unless given
    code_deadline: float  # seconds since 1970; the code is not sent later
    deadline: float  # of the flow


class _Exchanged(Struct, frozen=True, kw_only=True):
    """The raw answer and when it was asked for; stored sealed."""

    answer: HttpAnswer
    at: float


def exchange(order: ExchangeOrder) -> Generator[Effect, Any, Account]:
    """
    Exchange the code, find out who has connected, activate.

    Raises:
        FlowRefused: the flow has ended, with its cause; tokens that nobody uses are revoked.
        Transient: to be run again for the same record; whatever was done is not done twice.
        LeaseLost: another worker goes on.

    """
    exchanged = yield from _exchanged_once(order)
    tokens = _tokens(order, exchanged)
    try:
        yield from _stand_by_verdict()
        tokens = yield from _in_time(order, followed_up(order, tokens))
        account, tokens = yield from _in_time(order, identified(_who(order), tokens))
        yield Reach("activate.before")
        yield Activate(tokens=tokens, account=account)
    except FlowRefused as refused:
        yield from _turned_down(order, tokens, refused)
        raise
    yield Reach("activate.done")
    return account


def _exchanged_once(order: ExchangeOrder) -> Generator[Effect, Any, _Exchanged]:
    step: StepState = yield BeginStep(EXCHANGE, "once")
    if step.status == "result" and step.result is not None:
        return msgspec.msgpack.decode(step.result.reveal(), type=_Exchanged)
    if step.status == "intent":
        raise FlowRefused("exchange_unknown")
    yield Reach("exchange.intent")

    exchanged = yield from _sent(order)
    yield Reach("exchange.sent")
    if not (yield from _kept(Secret(msgspec.msgpack.encode(exchanged)))):
        yield from _orphaned(order, exchanged)
    yield Reach("exchange.result")
    return exchanged


def _kept(result: Secret) -> Generator[Effect, Any, bool]:
    """Store the answer; worth more than one try, since nothing can bring it again."""
    for _ in range(COMMITS - 1):
        with suppress(StoreUnavailable):
            return bool((yield CommitStep(EXCHANGE, result)))
    return bool((yield CommitStep(EXCHANGE, result)))


def _sent(order: ExchangeOrder) -> Generator[Effect, Any, _Exchanged]:
    """Send the code. What raises here was either provably not processed, or is never sent again."""
    now: float = yield Now()
    if now >= order.code_deadline:
        raise FlowRefused("flow_expired")
    try:
        answer: HttpAnswer = yield Call(_token_call(order, now))
        exchanged = _Exchanged(answer=answer, at=now)
        _check_outcome(order, exchanged)
    except (ProviderBusy, GateClosed) as busy:
        yield from _later(order, now, busy)
    except UnknownOutcome:
        raise FlowRefused("exchange_unknown") from None
    except EgressRefused:
        raise FlowRefused("misconfigured", "the token address may not be called") from None
    return exchanged


def _token_call(order: ExchangeOrder, now: float) -> HttpCall:
    return token_call(
        order.provider,
        order.client,
        code=order.code.reveal().decode("utf-8"),
        redirect_uri=order.redirect_uri,
        verifier=order.verifier.reveal().decode("ascii"),
        inputs=order.inputs,
        now=now,
    )


def _check_outcome(order: ExchangeOrder, exchanged: _Exchanged) -> None:
    """Raise where the answer is none; a refusal is one, and is kept like success."""
    try:
        tokens_of(order.provider, exchanged.answer, now=exchanged.at)
    except ProviderRefused:
        return


def _later(
    order: ExchangeOrder, now: float, busy: ProviderBusy | GateClosed
) -> Generator[Effect, Any, None]:
    after = busy.after or _USUAL_WAIT
    if now + after.total_seconds() >= order.code_deadline:
        raise FlowRefused("provider_busy") from None
    yield ForgetIntent(EXCHANGE)
    if isinstance(busy, GateClosed):
        raise busy
    raise ProviderBusy(str(busy), after)


def _tokens(order: ExchangeOrder, exchanged: _Exchanged) -> Tokens:
    try:
        return tokens_of(order.provider, exchanged.answer, now=exchanged.at)
    except ProviderRefused as refused:
        cause = _cause(order.provider.token.error, refused.code)
        raise FlowRefused(cause, str(refused)) from None


def _cause(places: ErrorPlaces, code: str) -> str:
    return places.means.get(code) or cause_of(code)


def _orphaned(order: ExchangeOrder, exchanged: _Exchanged) -> Generator[Effect, Any, None]:
    """The answer came after the record had ended: nobody will ever use these tokens."""
    with suppress(FlowRefused):
        tokens = _tokens(order, exchanged)
        yield from revoked(order.provider, order.client, tokens, order.inputs)
    raise LeaseLost("the flow ended before the provider answered")


def _who(order: ExchangeOrder) -> Who:
    return Who(
        provider=order.provider,
        client_id=order.client.id,
        callback=order.callback,
        inputs=order.inputs,
        given=order.given,
        asked=order.asked,
    )


def followed_up(order: ExchangeOrder, tokens: Tokens) -> Generator[Effect, Any, Tokens]:
    """*tokens* after the further exchanges that the definition names; asking again does no harm."""
    for rule in order.provider.token.then:
        call = follow_up_call(rule, order.client, tokens.access, order.inputs)
        answer = yield from answered(call)
        try:
            brought = tokens_in(order.provider, rule, answer, now=tokens.obtained_at)
        except UnknownOutcome as unknown:
            raise ProviderBusy(str(unknown)) from None
        except ProviderRefused as refused:
            raise FlowRefused(_cause(rule.error, refused.code), str(refused)) from None
        tokens = merged(tokens, brought)
    return tokens


def _in_time(
    order: ExchangeOrder, steps: Generator[Effect, Any, T]
) -> Generator[Effect, Any, T]:
    """*steps*; past the flow's end a provider that cannot answer is not asked again."""
    try:
        return (yield from steps)
    except (ProviderBusy, GateClosed):
        now: float = yield Now()
        if now >= order.deadline:
            raise FlowRefused("provider_busy") from None
        raise


def _stand_by_verdict() -> Generator[Effect, Any, None]:
    """
    Refuse what was refused before.

    Whoever refuses writes so under its lease before it revokes, and whoever activates looks first. So tokens that a
    frozen worker is about to revoke are never activated by the one that took over.
    """
    verdict: StepState = yield BeginStep(VERDICT, "idempotent")
    if verdict.result is not None:
        raise FlowRefused(verdict.result.reveal().decode("utf-8"))


def _turned_down(
    order: ExchangeOrder, tokens: Tokens, refused: FlowRefused
) -> Generator[Effect, Any, None]:
    yield CommitStep(VERDICT, Secret(refused.cause.encode("utf-8")))
    yield from revoked(order.provider, order.client, tokens, order.inputs)
