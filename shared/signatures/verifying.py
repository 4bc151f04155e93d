"""The interpreter of the grammar."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

from shared.errors import SignatureMismatch
from shared.signatures.algorithms import MATCHES, jwt_holds, key_of
from shared.signatures.content import check_body_hash, content_of, known_url
from shared.signatures.presets import JWKS_SCHEMES, SCHEMES, UNCHECKED
from shared.signatures.reading import place_of, signatures_in
from shared.signatures.records import Grammar, Verify
from shared.signatures.times import check_time

if TYPE_CHECKING:
    from collections.abc import Sequence

    from shared.model.requests import RawRequest
    from shared.secret import Secret

_OWN = ("format", "encoding", "algorithm", "key", "parts", "time", "body_hash")


def verify(
    rule: Verify,
    secrets: Sequence[Secret],
    raw: RawRequest,
    *,
    now: float,
    public_url: str = "",
) -> None:
    """
    Raise `SignatureMismatch`, and nothing else, unless *raw* was signed with one of *secrets*.

    *public_url* is the request's whole URL as the provider knows it, query included, for the schemes that sign
    it. With the schemes `none` and `handler` there is nothing to check here.
    """
    if rule.scheme in UNCHECKED:
        return
    grammar = grammar_of(rule)
    keys = _keys(grammar, secrets)
    if not _is_signed(grammar, keys, raw, public_url, now):
        raise SignatureMismatch(f"{place_of(grammar)} does not match the request")
    check_body_hash(grammar, raw)
    check_time(grammar, raw, now)


def grammar_of(rule: Verify) -> Grammar:
    """The preset that *rule* names, with what the rule says itself laid over it."""
    if rule.scheme in JWKS_SCHEMES or rule.algorithm == "jwt-jwks":
        raise SignatureMismatch("signatures by published keys (JWKS) cannot be checked yet")
    preset = Grammar() if rule.scheme == "custom" else SCHEMES.get(rule.scheme)
    if preset is None:
        raise SignatureMismatch(f"there is no scheme {rule.scheme[:60]!r}")
    own = {name: value for name in _OWN if (value := getattr(rule, name)) is not None}
    return msgspec.structs.replace(preset, **own, **_own_place(rule))


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


def _is_signed(
    grammar: Grammar, keys: list[bytes], raw: RawRequest, public_url: str, now: float
) -> bool:
    given = signatures_in(grammar, raw)
    if grammar.algorithm == "jwt-hs256":
        whole = known_url(public_url)
        audiences = (whole, whole.partition("?")[0])
        return any(jwt_holds(key, token, audiences, now) for key in keys for token in given)
    contents = [(key, content_of(grammar, raw, public_url, key)) for key in keys]
    matches = MATCHES[grammar.algorithm]
    held = [any(matches(key, content, one) for key, content in contents) for one in given]
    return all(held) if "[]" in grammar.body else any(held)
