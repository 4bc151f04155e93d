"""What `oauth` must keep beyond its types: nobody is believed by accident, and nothing is asked in vain."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from shared.integrations.inputs import (
    RESERVED,
    pattern_problems,
    rule_problems,
    suffix_problems,
)
from shared.integrations.spelling import Misspelt, nearest
from shared.model.flows import CAUSES
from shared.signatures import SCHEMES

if TYPE_CHECKING:
    from collections.abc import Iterator
    from collections.abc import Set as AbstractSet

    from shared.oauth import OAuthProvider
    from shared.oauth.endpoints import ErrorPlaces
    from shared.oauth.identities import ValuePlace

Path = tuple[str, ...]


def oauth_problems(
    provider: OAuthProvider, inputs: AbstractSet[str], path: Path
) -> Iterator[Misspelt]:
    """Everything that `oauth` at *path* breaks; *inputs* are what the user is asked for."""
    yield from _authorize_problems(provider, (*path, "authorize"))
    yield from _callback_problems(provider, inputs, (*path, "callback"))
    yield from _endpoint_problems(provider, path)
    yield from _external_problems(provider, path)
    yield from _source_problems(provider, inputs, (*path, "identity"))
    yield from _fact_problems(provider, inputs, (*path, "identity", "facts"))
    yield from _choose_problems(provider, (*path, "identity", "choose"))


def _authorize_problems(provider: OAuthProvider, path: Path) -> Iterator[Misspelt]:
    section = provider.authorize
    if section.pkce == "off" and not section.why_no_pkce:
        fix = "say why in whyNoPkce, or leave pkce out"
        yield Misspelt((*path, "whyNoPkce"), "is missing where pkce is off", fix)
    for name in section.rename:
        if name == "state":
            fix = "leave it as it is; without it nobody can tell whose callback it is"
            yield Misspelt((*path, "rename", name), "must stay", fix)
    for scope in section.scopes.optional:
        if scope not in section.scopes.default:
            fix = nearest(scope, section.scopes.default)
            yield Misspelt((*path, "scopes", "optional"), f"{scope!r} is not asked for", fix)


def _callback_problems(
    provider: OAuthProvider, inputs: AbstractSet[str], path: Path
) -> Iterator[Misspelt]:
    section = provider.callback
    yield from rule_problems(section.inputs, (*path, "inputs"))
    for name in section.inputs:
        if name in inputs:
            fix = "give one of the two another name"
            yield Misspelt((*path, "inputs", name), "is an input of the definition too", fix)
    if not section.mac:
        return
    known = {name for name, grammar in SCHEMES.items() if grammar.query}
    if section.mac not in known:
        problem = f"{section.mac[:60]!r} is no scheme that signs a query"
        yield Misspelt((*path, "mac"), problem, nearest(section.mac, known))
    if provider.client.secret is None:
        fix = "name client.secret, which is its key"
        yield Misspelt((*path, "mac"), "has no key without a client secret", fix)


def _endpoint_problems(provider: OAuthProvider, path: Path) -> Iterator[Misspelt]:
    token, refresh, revoke = provider.token, provider.refresh, provider.revoke
    refresh_body = refresh.body or token.body
    ways: list[tuple[Path, str, str | None, str]] = [
        (("token",), token.auth, token.method, token.body),
        (("refresh",), refresh.auth or "none", refresh.method or token.method, refresh_body),
    ]
    if revoke is not None:
        ways.append((("revoke",), revoke.auth, revoke.method, revoke.body))
    for index, one in enumerate(token.then):
        ways.append((("token", "then", f"[{index}]"), one.auth, one.method, one.body))
    for inner, auth, method, body in ways:
        if provider.client.secret is None and auth not in {"none", "bearer"}:
            fix = 'name client.secret, or write auth = "none" for a public client'
            yield Misspelt((*path, *inner, "auth"), "needs a client secret", fix)
        if method == "GET" and body != "query":
            fix = 'write body = "query"'
            yield Misspelt((*path, *inner, "body"), "a GET has no body", fix)
    yield from _assertion_problems(provider, (*path, "token", "assertion", "algorithm"))
    for places, inner in _error_places(provider):
        yield from _cause_problems(places, (*path, *inner, "error", "means"))


def _error_places(provider: OAuthProvider) -> Iterator[tuple[ErrorPlaces, Path]]:
    yield provider.token.error, ("token",)
    for index, one in enumerate(provider.token.then):
        yield one.error, ("token", "then", f"[{index}]")


def _assertion_problems(provider: OAuthProvider, path: Path) -> Iterator[Misspelt]:
    auth, algorithm = provider.token.auth, provider.token.assertion.algorithm
    if auth == "client_secret_jwt" and algorithm != "HS256":
        yield Misspelt(path, "a client secret signs with HS256", 'write algorithm = "HS256"')
    if auth == "private_key_jwt" and algorithm == "HS256":
        yield Misspelt(path, "a private key does not sign with HS256", 'write "RS256"')


def _cause_problems(places: ErrorPlaces, path: Path) -> Iterator[Misspelt]:
    for code, cause in places.means.items():
        if cause not in CAUSES:
            yield Misspelt((*path, code), f"{cause[:60]!r} is no cause", nearest(cause, CAUSES))


def _external_problems(provider: OAuthProvider, path: Path) -> Iterator[Misspelt]:
    """An identifier that came through a browser needs a reason to be believed."""
    identity, where = provider.identity, (*path, "identity")
    given = identity.external_id
    if given.from_ == "callback":
        if identity.verify is None and not provider.callback.mac:
            fix = (
                "add identity.verify: a list, read with the user's own token, that contains it; "
                "or callback.mac, where the provider signs the query"
            )
            problem = "is missing: anybody can write an identifier into a callback"
            yield Misspelt((*where, "verify"), problem, fix)
        captured = {*provider.callback.capture, *provider.callback.inputs}
        if given.path not in captured:
            fix = f'write capture = ["{given.path}"]'
            yield Misspelt((*path, "callback", "capture"), f"lacks {given.path!r}", fix)
    if given.from_ == "input" and identity.verify is None:
        host = re.match(r"https?://([^/?#]*)", provider.token.url)
        if f"{{{given.path}}}" not in (host[1] if host else ""):
            fix = "take it from the provider's answer, or add identity.verify"
            problem = "is only what the user typed: the token does not come from its host"
            yield Misspelt((*where, "externalId", "from"), problem, fix)


def _source_problems(
    provider: OAuthProvider, inputs: AbstractSet[str], path: Path
) -> Iterator[Misspelt]:
    identity = provider.identity
    places: list[tuple[Path, ValuePlace]] = [(("externalId",), identity.external_id)]
    if identity.name is not None:
        places.append((("name",), identity.name))
    places += [(("facts", name), fact) for name, fact in identity.facts.items()]
    for inner, place in places:
        where = (*path, *inner)
        yield from pattern_problems(place.pattern, (*where, "pattern"), groups=1)
        if place.from_ == "call" and identity.call is None:
            fix = "add identity.call with the address to ask"
            yield Misspelt((*path, "call"), "is missing", fix)
        if place.from_ == "choice" and identity.choose is None:
            fix = "add identity.choose with the list to choose from"
            yield Misspelt((*path, "choose"), "is missing", fix)
        if place.from_ == "input" and place.path not in inputs:
            fix = nearest(place.path, sorted(inputs))
            yield Misspelt((*where, "path"), "is no input", fix)


def _fact_problems(
    provider: OAuthProvider, inputs: AbstractSet[str], path: Path
) -> Iterator[Misspelt]:
    for name, fact in provider.identity.facts.items():
        where = (*path, name)
        yield from suffix_problems(fact.suffixes, where)
        if fact.type == "host" and not fact.suffixes:
            fix = 'list the domains it may have, as in suffixes = ["example.com"]'
            yield Misspelt((*where, "suffixes"), "is missing for a host", fix)
        if name in RESERVED or name in inputs or name in provider.callback.inputs:
            yield Misspelt(where, "stands for something else already", "take another name")


def _choose_problems(provider: OAuthProvider, path: Path) -> Iterator[Misspelt]:
    rule = provider.identity.choose
    if rule is None:
        return
    if rule.from_ == "list" and not rule.url:
        fix = 'add the address of the list, or write from = "call" or "token"'
        yield Misspelt((*path, "url"), "is missing", fix)
    if rule.from_ != "list" and rule.url:
        fix = 'remove url, or write from = "list"'
        yield Misspelt((*path, "url"), f"is never called with from = {rule.from_!r}", fix)
    if rule.from_ == "call" and provider.identity.call is None:
        fix = "add identity.call with the address to ask"
        yield Misspelt((*path[:-1], "call"), "is missing", fix)
