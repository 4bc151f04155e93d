"""The interpreter of the grammar."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

import msgspec

from shared.errors import SignatureMismatch
from shared.signatures.algorithms import MATCHES, key_of
from shared.signatures.content import check_body_hash, content_of
from shared.signatures.presets import SCHEMES, UNCHECKED
from shared.signatures.reading import is_given, place_of, signatures_in
from shared.signatures.records import Claims, Grammar, ValuePlace, Verify
from shared.signatures.times import check_time
from shared.signatures.tokens import Asked, Facts, check_published, check_signed

if TYPE_CHECKING:
    from collections.abc import Sequence

    from shared.model.requests import RawRequest
    from shared.secret import Secret

_OWN = ("format", "encoding", "algorithm", "key", "parts", "time", "body_hash")
_NOTHING = Facts()


def verify(
    rule: Verify,
    secrets: Sequence[Secret],
    raw: RawRequest,
    *,
    now: float,
    public_url: str = "",
    facts: Facts = _NOTHING,
) -> None:
    """
    Raise `SignatureMismatch`, and nothing else, unless *raw* was signed with one of *secrets*.

    *public_url* is the request's whole URL as the provider knows it, query included, for the schemes that sign
    it; *facts* hold the keys that the provider publishes, for those that need no secret. With the schemes `none`
    and `handler` there is nothing to check here.
    """
    if rule.scheme in UNCHECKED:
        return
    grammar = grammar_of(rule)
    if grammar.format == "jwt":
        asked = Asked(rule=grammar.jwt, raw=raw, public_url=public_url, facts=facts, now=now)
        _check_tokens(grammar, secrets, asked)
        return
    keys = _keys(grammar, secrets)
    if not _is_signed(grammar, keys, raw, public_url):
        raise SignatureMismatch(f"{place_of(grammar)} does not match the request")
    check_body_hash(grammar, raw)
    check_time(grammar, raw, now)


def chosen(rules: Sequence[Verify], raw: RawRequest) -> tuple[list[Verify], list[Verify]]:
    """
    Which of *rules* decide on *raw*: any of the first list must hold, and all of the second.

    The first rule whose signature is given chooses, together with others that look at the same place, so that
    nobody can pass by a weaker rule with a broken signature of the stronger one. Where none is given the first
    rule refuses. A rule with `also` must hold beside it, where its signature is given.
    """
    if len(rules) == 1 and not rules[0].also:
        return [rules[0]], []
    main = [rule for rule in rules if not rule.also]
    beside = [rule for rule in rules if rule.also and is_given(grammar_of(rule), raw)]
    if len(main) <= 1 or any(rule.scheme in UNCHECKED for rule in main):
        return main, beside
    first = next((rule for rule in main if is_given(grammar_of(rule), raw)), main[0])
    place = grammar_of(first).place
    return [rule for rule in main if grammar_of(rule).place == place], beside


def grammar_of(rule: Verify) -> Grammar:
    """The preset that *rule* names, with what the rule says itself laid over it."""
    return _read(rule).grammar


def value_places(rule: Verify) -> Sequence[ValuePlace]:
    """Where the values lie that *rule*'s token is held against."""
    return _read(rule).values


class _Read(NamedTuple):
    """A rule, which is kept so that no other takes its identity, and what it comes to."""

    rule: Verify
    grammar: Grammar
    values: tuple[ValuePlace, ...]


_MOST_READ = 1000
_READ: dict[
    int, _Read
] = {}  # by the rule's identity: rules are frozen, and hold what cannot be hashed


def _read(rule: Verify) -> _Read:
    """Read *rule* once, for a webhook asks three times."""
    found = _READ.get(id(rule))
    if found is None:
        if len(_READ) >= _MOST_READ:
            _READ.clear()
        grammar = _laid_out(rule)
        wanted = (grammar.jwt.audience, *grammar.jwt.claims.values())
        values = tuple(place for place in wanted if isinstance(place, ValuePlace))
        found = _READ[id(rule)] = _Read(rule, grammar, values)
    return found


def _laid_out(rule: Verify) -> Grammar:
    preset = Grammar() if rule.scheme == "custom" else SCHEMES.get(rule.scheme)
    if preset is None:
        raise SignatureMismatch(f"there is no scheme {rule.scheme[:60]!r}")
    own = {name: value for name in _OWN if (value := getattr(rule, name)) is not None}
    if rule.jwt is not None:
        own["jwt"] = _laid_over(preset.jwt, rule.jwt)
    return msgspec.structs.replace(preset, **own, **_own_place(rule))


def _laid_over(preset: Claims, own: Claims) -> Claims:
    given: dict[str, Any] = {
        name: value
        for name, value in msgspec.structs.asdict(own).items()
        if value != getattr(Claims(), name)
    }
    if own.claims:
        given["claims"] = {**preset.claims, **own.claims}
    return msgspec.structs.replace(preset, **given)


def _own_place(rule: Verify) -> dict[str, object]:
    """A rule that says where the signature stands replaces the preset's place altogether."""
    if rule.header is None and rule.query is None and rule.body is None:
        return {}
    header = (rule.header,) if isinstance(rule.header, str) else rule.header
    return {"header": header or (), "query": rule.query or "", "body": rule.body or ""}


def _keys(grammar: Grammar, secrets: Sequence[Secret]) -> list[bytes]:
    revealed = [secret.reveal() for secret in secrets]
    if not any(revealed):
        raise SignatureMismatch("no secret is set to check it with")
    keys = [key for secret in revealed if (key := key_of(grammar.key, secret)) is not None]
    if not keys:
        raise SignatureMismatch(f"the secret that is set is not a {grammar.key} key")
    return keys


def _is_signed(grammar: Grammar, keys: list[bytes], raw: RawRequest, public_url: str) -> bool:
    given = signatures_in(grammar, raw)
    contents = [(key, content_of(grammar, raw, public_url, key)) for key in keys]
    matches = MATCHES[grammar.algorithm]
    if "[]" in grammar.body:
        return all(
            any(matches(key, content, one) for key, content in contents) for one in given
        )
    return any(matches(key, content, one) for one in given for key, content in contents)


def _check_tokens(grammar: Grammar, secrets: Sequence[Secret], asked: Asked) -> None:
    """Every token of a list must hold; a header carries but one."""
    keys = [] if grammar.needs_keys else _keys(grammar, secrets)
    for token in signatures_in(grammar, asked.raw):
        if grammar.needs_keys:
            check_published(token, asked)
        else:
            check_signed(token, keys, asked)
