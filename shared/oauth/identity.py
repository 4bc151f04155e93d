"""Who was connected: the identifier, verified where the browser claimed it, and what people are shown."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from msgspec import Struct

from shared.errors import FlowRefused
from shared.model.installations import Account
from shared.oauth.answers import text_at, value_at
from shared.oauth.templates import is_host_below

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping, Sequence

    from shared.oauth.identities import Fact, Identity, Membership, ValuePlace
    from shared.oauth.records import OAuthProvider
    from shared.oauth.tokens import Tokens

LONGEST_IDENTIFIER = 200
LONGEST_FACT = 500
LONGEST_VALUE = 2000  # characters that a pattern looks at
_ALL_SOURCES = frozenset({"token", "callback", "claim", "input", "call", "choice"})
_PRINTABLE = re.compile(r"[^\x00-\x1f\x7f]+")


class Sources(Struct, frozen=True, kw_only=True):
    """Where values lie, by the words of a definition's `from`. Nobody vouches for what the callback says."""

    token: Any = {}  # the answer with the tokens, without its secrets
    callback: dict[str, str] = {}
    claim: dict[str, Any] = {}
    call: Any = {}
    choice: Any = {}
    input: dict[str, str] = {}

    def at(self, place: ValuePlace) -> str:
        """The text at *place*, empty where there is none."""
        document = getattr(self, place.from_)
        if place.from_ in {"input", "callback"}:
            found = [document.get(path, "") for path in (place.path, place.otherwise) if path]
        else:
            found = [text_at(document, path) for path in (place.path, place.otherwise) if path]
        value = next(filter(None, found), "")
        return _part(place.pattern, value) if place.pattern and value else value


def _part(pattern: str, value: str) -> str:
    match = re.search(pattern, value[:LONGEST_VALUE])
    return (match[1] or "") if match else ""


def account_of(
    provider: OAuthProvider,
    tokens: Tokens,
    sources: Sources,
    asked: Sequence[str] | None = None,
) -> Account:
    """
    Who was connected. *asked* are the scopes asked for, the definition's own unless given.

    An identifier that comes from the callback is only a claim until `member_in` has found it, or a signature over the
    callback has vouched for it. Raises `FlowRefused` when there is no identifier or a host is not an allowed one.
    """
    rule, scopes = provider.identity, provider.authorize.scopes
    wanted = scopes.default if asked is None else tuple(asked)
    granted = wanted if tokens.scopes is None else tokens.scopes
    needed = tuple(scope for scope in wanted if scope not in scopes.optional)
    return Account(
        id=_identifier(sources.at(rule.external_id)),
        name=sources.at(rule.name)[:LONGEST_IDENTIFIER] if rule.name else "",
        scopes=granted,
        missing_scopes=missing_scopes(needed, granted, scopes.implies),
        facts=facts_of(rule, sources),
        inputs=sources.input,
    )


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


def facts_of(
    rule: Identity, sources: Sources, known: Collection[str] = _ALL_SOURCES
) -> dict[str, str]:
    """The facts that lie in the sources that are *known* by now, each checked."""
    found = {name: sources.at(fact) for name, fact in rule.facts.items() if fact.from_ in known}
    return {
        name: _fact(name, rule.facts[name], value) for name, value in found.items() if value
    }


def _fact(name: str, rule: Fact, value: str) -> str:
    if len(value) > LONGEST_FACT or not _PRINTABLE.fullmatch(value):
        raise FlowRefused("provider_error", f"{name} is not readable")
    return value if rule.type == "text" else _host(name, rule, value)


def _host(name: str, rule: Fact, value: str) -> str:
    """The host in *value*, an https address or a bare host; a provider's word is an input like any other."""
    host = value.removeprefix("https://").partition("/")[0].lower()
    if not is_host_below(host, rule.suffixes):
        raise FlowRefused(
            "provider_error", f"{name} names a host that the definition does not allow"
        )
    return host
