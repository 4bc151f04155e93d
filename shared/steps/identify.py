"""Who has connected: asked with the user's own token, so that a claim in the browser's address proves nothing."""

from __future__ import annotations

from collections.abc import Generator, Mapping, Sequence
from typing import Any

import msgspec

from shared.errors import (
    EgressRefused,
    FlowRefused,
    ProviderBusy,
    ProviderRefused,
    UnknownOutcome,
)
from shared.model.calls import HttpAnswer, HttpCall
from shared.model.installations import Account
from shared.oauth.identities import Membership
from shared.oauth.identity import (
    account_of,
    identity_call,
    member_in,
    membership_call,
    next_page,
    reading_of,
)
from shared.oauth.records import OAuthProvider
from shared.oauth.templates import filled_url
from shared.oauth.tokens import Tokens
from shared.steps.effects import Call, Effect, Now

MOST_PAGES = 10


def identified(
    provider: OAuthProvider,
    tokens: Tokens,
    callback: Mapping[str, str],
    inputs: Mapping[str, str],
    asked: Sequence[str] | None = None,
) -> Generator[Effect, Any, Account]:
    """The account; raises `FlowRefused` when it cannot be told or is not the user's, `Transient` for later."""
    call = identity_call(provider, tokens, inputs)
    answer = (yield from _answered(call)) if call else None
    try:
        account = account_of(provider, tokens, callback, answer, asked)
    except ProviderRefused as refused:
        raise FlowRefused("provider_error", str(refused)) from None
    rule = provider.identity.verify
    if rule is None:
        return account
    name = yield from _verified(rule, filled_url(rule.url, inputs), tokens, account.id)
    return msgspec.structs.replace(account, name=account.name or name)


def _verified(
    rule: Membership, url: str, tokens: Tokens, identifier: str
) -> Generator[Effect, Any, str]:
    """The item's name in the user's own list; raises `FlowRefused` when the identifier is not in it."""
    for _ in range(MOST_PAGES):
        answer = yield from _answered(membership_call(rule, tokens, url))
        now: float = yield Now()
        try:
            name = member_in(rule, reading_of(answer, now), identifier)
        except ProviderRefused as refused:
            raise FlowRefused("provider_error", str(refused)) from None
        if name is not None:
            return name
        url = next_page(url, answer)
        if not url:
            break
    raise FlowRefused(
        "wrong_account", "the account that came back is not one that this user can reach"
    )


def _answered(call: HttpCall) -> Generator[Effect, Any, HttpAnswer]:
    try:
        answer: HttpAnswer = yield Call(call)
    except UnknownOutcome:
        # Asking again changes nothing at the provider.
        raise ProviderBusy(f"the {call.name} call was not answered") from None
    except EgressRefused:
        raise FlowRefused(
            "misconfigured", f"the {call.name} address may not be called"
        ) from None
    return answer
