"""Who was connected: the identifier, verified where the browser claimed it, and what people are shown."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any
from urllib.parse import urljoin, urlsplit

import orjson

from shared.errors import FlowRefused, ProviderBusy
from shared.model.calls import HttpAnswer, HttpCall
from shared.model.installations import Account
from shared.oauth.answers import document_of, text_at, value_at
from shared.oauth.templates import filled_url
from shared.retries import retry_after

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from shared.oauth.identities import Fact, Identity, Membership, ValuePlace
    from shared.oauth.records import OAuthProvider
    from shared.oauth.tokens import Tokens

LONGEST_IDENTIFIER = 200
LONGEST_FACT = 500
_PRINTABLE = re.compile(r"[^\x00-\x1f\x7f]+")
_HOST = re.compile(r"(?:[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?\.)+[a-z]{2,63}")
_NEXT = re.compile(r'<([^<>]{1,2000})>\s*;[^,<]*\brel="?next"?')


def identity_call(
    provider: OAuthProvider, tokens: Tokens, inputs: Mapping[str, str]
) -> HttpCall | None:
    """The call that says who has connected, with the user's own token; None where the definition needs none."""
    rule = provider.identity.call
    if rule is None:
        return None
    body = b"" if rule.json is None else orjson.dumps(rule.json)
    headers = _headers(rule.headers, rule.scheme, tokens)
    if body:
        headers["content-type"] = "application/json"
    return HttpCall(
        name="identity",
        method=rule.method,
        url=filled_url(rule.url, inputs),
        headers=tuple(headers.items()),
        body=body,
        idempotent=True,
    )


def membership_call(rule: Membership, tokens: Tokens, url: str) -> HttpCall:
    """The call for one page, *url*, of the list that must hold the identifier."""
    headers = tuple(_headers(rule.headers, rule.scheme, tokens).items())
    return HttpCall(name="membership", method="GET", url=url, headers=headers, idempotent=True)


def _headers(given: Mapping[str, str], scheme: str, tokens: Tokens) -> dict[str, str]:
    token = tokens.access.reveal().decode("ascii")
    lowered = {name.lower(): value for name, value in given.items()}
    return {"accept": "application/json", **lowered, "authorization": f"{scheme} {token}"}


def next_page(url: str, answer: HttpAnswer) -> str:
    """The address of the page after *url* by the Link header (RFC 8288), when it is on the same host; else empty."""
    found = _NEXT.search(answer.header("link"))
    following = urljoin(url, found[1]) if found else ""
    return following if urlsplit(following)[:2] == urlsplit(url)[:2] else ""


def reading_of(answer: HttpAnswer, now: float) -> Any:
    """
    The document of a call made with the user's token.

    Raises:
        ProviderBusy: the provider cannot answer now, or limits us; the call may be sent again.
        FlowRefused: it answers no.

    """
    status, after = answer.status, retry_after(answer.headers, now=now)
    spent = status in {400, 403} and (after is not None or _is_spent(answer))
    if status in {408, 429} or status >= 500 or spent:
        raise ProviderBusy(f"the provider answered {status}", after)
    if not 200 <= status < 300:
        raise FlowRefused("provider_error", f"the provider answered {status} to the new token")
    document = document_of(answer)
    if text_at(document, "errors.0.extensions.code") == "RATELIMITED":
        raise ProviderBusy("the provider limits our calls", after)
    return document


def _is_spent(answer: HttpAnswer) -> bool:
    names = ("x-ratelimit-remaining", "x-ratelimit-requests-remaining")
    return any(answer.header(name) == "0" for name in names)


def account_of(
    provider: OAuthProvider,
    tokens: Tokens,
    callback: Mapping[str, str],
    answer: HttpAnswer | None,
    asked: Sequence[str] | None = None,
) -> Account:
    """
    Who was connected. *asked* are the scopes asked for, the definition's own unless given.

    An identifier that comes from the callback is only a claim until `member_in` has found it. Raises what `reading_of`
    raises, and `FlowRefused` when there is no identifier or a host is not an allowed one.
    """
    rule, scopes = provider.identity, provider.authorize.scopes
    sources = {"token": tokens.said, "callback": dict(callback)}
    sources["call"] = reading_of(answer, tokens.obtained_at) if answer else {}
    wanted = scopes.default if asked is None else tuple(asked)
    granted = wanted if tokens.scopes is None else tokens.scopes
    return Account(
        id=_identifier(_text(sources, rule.external_id)),
        name=_text(sources, rule.name)[:LONGEST_IDENTIFIER] if rule.name else "",
        scopes=granted,
        missing_scopes=missing_scopes(wanted, granted, scopes.implies),
        facts=_facts(rule, sources),
    )


def _text(sources: Mapping[str, Any], place: ValuePlace) -> str:
    found = (
        text_at(sources[place.from_], path) for path in (place.path, place.otherwise) if path
    )
    return next(filter(None, found), "")


def _identifier(value: str) -> str:
    if not value or len(value) > LONGEST_IDENTIFIER or not _PRINTABLE.fullmatch(value):
        raise FlowRefused(
            "provider_error", "the provider did not say which account was connected"
        )
    return value


def missing_scopes(
    asked: Sequence[str], granted: Sequence[str], implies: Mapping[str, Sequence[str]]
) -> tuple[str, ...]:
    """
    What was asked for and not granted.

    >>> missing_scopes(["read", "write"], ["write"], {"write": ["read"]})
    ()
    >>> missing_scopes(["read", "write"], ["read"], {})
    ('write',)
    """
    covered = {*granted, *(one for scope in granted for one in implies.get(scope, ()))}
    return tuple(scope for scope in asked if scope not in covered)


def member_in(rule: Membership, document: Any, identifier: str) -> str | None:
    """The name of the item with *identifier* in a page of the list, None when it is not there."""
    items = value_at(document, rule.items)
    for item in items if isinstance(items, list) else ():
        if identifier and text_at(item, rule.id) == identifier:
            return text_at(item, rule.name)[:LONGEST_IDENTIFIER] if rule.name else ""
    return None


def _facts(rule: Identity, sources: Mapping[str, Any]) -> dict[str, str]:
    found = {name: text_at(sources[fact.from_], fact.path) for name, fact in rule.facts.items()}
    return {
        name: _fact(name, rule.facts[name], value) for name, value in found.items() if value
    }


def _fact(name: str, rule: Fact, value: str) -> str:
    if len(value) > LONGEST_FACT or not _PRINTABLE.fullmatch(value):
        raise FlowRefused("provider_error", f"{name} is not readable")
    return value if rule.type == "text" else _host(name, rule, value)


def _host(name: str, rule: Fact, value: str) -> str:
    """The host in *value*, an https address or a bare host; a provider's word is an input like any other."""
    host = (value.removeprefix("https://").rstrip("/")).lower()
    allowed = {suffix.lstrip(".") for suffix in rule.suffixes}
    fits = any(host == suffix or host.endswith(f".{suffix}") for suffix in allowed)
    if not fits or not _HOST.fullmatch(host):
        raise FlowRefused(
            "provider_error", f"{name} names a host that the definition does not allow"
        )
    return host
