"""Who has connected: asked with the user's own token, so that a claim in the browser's address proves nothing."""

from __future__ import annotations

from collections.abc import Generator
from typing import Any

import msgspec
from msgspec import Struct

from shared.errors import (
    EgressRefused,
    FlowRefused,
    ProviderBusy,
    ProviderRefused,
    UnknownOutcome,
)
from shared.model.calls import HttpAnswer, HttpCall
from shared.model.flows import Option
from shared.model.installations import Account
from shared.oauth.choice import MOST_OPTIONS, offered, with_own_token
from shared.oauth.claims import check_claims
from shared.oauth.identities import Choose, Identity, IdentityCall, Membership, UserCall
from shared.oauth.identity import Sources, account_of, facts_of, member_in
from shared.oauth.records import OAuthProvider
from shared.oauth.templates import filled_url
from shared.oauth.tokens import Tokens
from shared.oauth.usercalls import next_page, reading_of, user_call
from shared.steps.effects import AskChoice, Call, Effect, Now

MOST_PAGES = 10
_EARLY = frozenset({"token", "callback", "claim", "input"})
Values = dict[str, str]


class Who(Struct, frozen=True, kw_only=True):
    """What is known of who has connected, before anybody is asked."""

    provider: OAuthProvider
    client_id: str = ""
    callback: dict[str, str] = {}  # claims of whoever sent the browser
    inputs: dict[str, str] = {}  # whatever templates may name
    given: dict[str, str] = {}  # of those, what came from this user
    asked: tuple[str, ...] | None = None  # scopes, the definition's own unless given


def identified(who: Who, tokens: Tokens) -> Generator[Effect, Any, tuple[Account, Tokens]]:
    """
    The account, and the tokens to keep for it: a page has one of its own.

    Raises `FlowRefused` when it cannot be told or is not the user's, `Transient` for later.
    """
    try:
        return (yield from _identified(who, tokens))
    except ProviderRefused as refused:
        raise FlowRefused("provider_error", str(refused)) from None


def _identified(who: Who, tokens: Tokens) -> Generator[Effect, Any, tuple[Account, Tokens]]:
    rule = who.provider.identity
    if _reads_claims(rule):
        check_claims(rule.claims, tokens.claims, who.client_id, tokens.obtained_at)
    sources = Sources(
        token=tokens.said, callback=who.callback, claim=tokens.claims, input=who.given
    )
    values = {**who.inputs, "clientId": who.client_id, **facts_of(rule, sources, _EARLY)}
    if rule.call is not None:
        sources = yield from _asked(who, rule.call, tokens, sources, values)
        values |= facts_of(rule, sources, _EARLY | {"call"})
    if rule.choose is not None:
        item = yield from _chosen(who, rule.choose, tokens, sources, values)
        sources = msgspec.structs.replace(sources, choice=item)
        tokens = with_own_token(rule.choose, item, tokens)
    account = account_of(who.provider, tokens, sources, who.asked)
    if rule.verify is None:
        return account, tokens
    values |= account.facts
    name = yield from _verified(who, rule.verify, tokens, account.id, values)
    return msgspec.structs.replace(account, name=account.name or name), tokens


def _reads_claims(rule: Identity) -> bool:
    places = (rule.external_id, rule.name, *rule.facts.values())
    return any(place is not None and place.from_ == "claim" for place in places)


def _asked(
    who: Who, rule: IdentityCall, tokens: Tokens, sources: Sources, values: Values
) -> Generator[Effect, Any, Sources]:
    call = user_call("identity", rule, filled_url(rule.url, values), tokens, values)
    answer = yield from answered(call)
    document = reading_of(answer, tokens.obtained_at, who.provider.limits)
    return msgspec.structs.replace(sources, call=document)


def _chosen(
    who: Who, rule: Choose, tokens: Tokens, sources: Sources, values: Values
) -> Generator[Effect, Any, Any]:
    """The one item, or the one that the user picks."""
    if rule.from_ == "list":
        found = yield from _listed(who, rule, tokens, values)
    else:
        found = list(offered(rule, sources.call if rule.from_ == "call" else sources.token))
    if not found:
        raise FlowRefused("no_account", "the provider lists none")
    if len(found) == 1:
        return found[0][1]
    chosen: str = yield AskChoice(tuple(option for option, _ in found[:MOST_OPTIONS]))
    for option, item in found:
        if option.id == chosen:
            return item
    raise FlowRefused("wrong_account", "what was chosen is not in the provider's list any more")


def _verified(
    who: Who, rule: Membership, tokens: Tokens, identifier: str, values: Values
) -> Generator[Effect, Any, str]:
    """The item's name in the user's own list; raises `FlowRefused` when the identifier is not in it."""
    url = filled_url(rule.url, values)
    for _ in range(MOST_PAGES):
        document, url = yield from _page(who, ("membership", rule), url, tokens, values)
        name = member_in(rule, document, identifier)
        if name is not None:
            return name
        if not url:
            break
    raise FlowRefused(
        "wrong_account", "the account that came back is not one that this user can reach"
    )


def _listed(
    who: Who, rule: Choose, tokens: Tokens, values: Values
) -> Generator[Effect, Any, list[tuple[Option, Any]]]:
    """Everything that can be chosen on the pages of the list."""
    found: list[tuple[Option, Any]] = []
    url = filled_url(rule.url, values)
    for _ in range(MOST_PAGES):
        document, url = yield from _page(who, ("choices", rule), url, tokens, values)
        found += offered(rule, document)
        if not url:
            break
    return found


def _page(
    who: Who, what: tuple[str, UserCall], url: str, tokens: Tokens, values: Values
) -> Generator[Effect, Any, tuple[Any, str]]:
    """What stands on one page, and the address of the next one."""
    name, rule = what
    answer = yield from answered(user_call(name, rule, url, tokens, values))
    now: float = yield Now()
    return reading_of(answer, now, who.provider.limits), next_page(url, answer)


def answered(call: HttpCall) -> Generator[Effect, Any, HttpAnswer]:
    """The answer to a call that may be sent again; raises `ProviderBusy` for later, `FlowRefused` for never."""
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
