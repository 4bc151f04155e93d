"""What a rule must keep before it may guard a door."""

from __future__ import annotations

import difflib
import re
from typing import TYPE_CHECKING

from shared.signatures.presets import SCHEMES, UNCHECKED
from shared.signatures.verifying import grammar_of

if TYPE_CHECKING:
    from collections.abc import Iterator

    from shared.signatures.records import Grammar, Timestamp, Verify

LONGEST_WINDOW = 24 * 3600  # seconds
LONGEST_LEEWAY = 600
_HEADER = r"[a-z0-9][a-z0-9-]*"
_PATH = r"[^\[\].]+(\.[^\[\].]+)*"
_IS_HEADER = re.compile(_HEADER)
_IS_PATH = re.compile(rf"{_PATH}(\[\](\.{_PATH})?)?|\[\](\.{_PATH})?")
_IS_FORMAT = re.compile(r"plain|jwt|prefix\??:.+|list:[^:]+:[^:]+:.+")
_IS_PART = re.compile(
    rf"lit:.+|header:{_HEADER}|kv:.+|body|url|url-decoded|method|secret|form-sorted|query-sorted",
    re.DOTALL,
)
_IS_TIME = re.compile(rf"header:{_HEADER}|kv:.+|query:.+|json:{_PATH}")
_TOKENS = ("jwt-hs256", "jwt-jwks")
_SIGNED_BY_KEYS = frozenset({"RS256", "RS384", "RS512", "PS256", "ES256", "ES384", "EdDSA"})
_COVERS_THE_BODY = frozenset({"body", "form-sorted", "query-sorted"})


def check(rule: Verify) -> None:
    """Raise `ValueError` that names the field and the fix unless *rule* can be carried out."""
    for problem in _problems(rule):
        raise ValueError(problem)


def _problems(rule: Verify) -> Iterator[str]:
    if rule.scheme in UNCHECKED:
        yield from _unchecked_problems(rule)
        return
    yield from _scheme_problems(rule)
    grammar = grammar_of(rule)
    yield from _secret_problems(rule, grammar)
    yield from _place_problems(grammar)
    yield from _wrapping_problems(grammar)
    yield from _content_problems(grammar)
    if grammar.time is not None:
        yield from _time_problems(grammar, grammar.time)


def _unchecked_problems(rule: Verify) -> Iterator[str]:
    fields = (name for name in rule.__struct_fields__ if name != "scheme")
    for name in fields:
        if getattr(rule, name) not in (None, False):
            yield f"{name} means nothing with scheme {rule.scheme!r}; remove it or name a scheme"


def _scheme_problems(rule: Verify) -> Iterator[str]:
    if rule.scheme != "custom" and rule.scheme not in SCHEMES:
        known = [*SCHEMES, "custom", *UNCHECKED]
        near = difflib.get_close_matches(rule.scheme, known, n=1)
        hint = (
            f"did you mean {near[0]!r}?" if near else "known here: " + ", ".join(sorted(known))
        )
        yield f"scheme {rule.scheme[:60]!r} is not known; {hint}"


def _secret_problems(rule: Verify, grammar: Grammar) -> Iterator[str]:
    if not rule.places and not grammar.needs_keys:
        yield 'secret is missing; say where it lies: { from = "global", name = "…" }'
    if rule.places and grammar.needs_keys:
        yield "secret means nothing here, the provider publishes its keys; remove it"
    for place in rule.places:
        if place.from_ == "state" and not all(place.name.partition(".")):
            yield "secret.name of a state is written STATE.FIELD"
        if not place.name and place.from_ != "subscription":
            yield "secret.name is empty; write the secret's name"


def _place_problems(grammar: Grammar) -> Iterator[str]:
    if [bool(grammar.header), bool(grammar.query), bool(grammar.body)].count(True) != 1:
        yield "header, query or body: exactly one must say where the signature stands"
    for name in grammar.header:
        if not _IS_HEADER.fullmatch(name):
            yield f"header {name[:60]!r} is no header name in lower case"
    if grammar.body and not _IS_PATH.fullmatch(grammar.body):
        yield "body is not a path; write field.field, or list[].field"


def _wrapping_problems(grammar: Grammar) -> Iterator[str]:
    if not _IS_FORMAT.fullmatch(grammar.format):
        yield "format is not plain, prefix:P, prefix?:P, list:SEPARATOR:KV:LABEL or jwt"
    if (grammar.format == "jwt") != (grammar.algorithm in _TOKENS):
        yield "format jwt and algorithm jwt-hs256 or jwt-jwks belong together"
    if grammar.body and grammar.algorithm not in {"token", *_TOKENS}:
        yield 'body holds a shared token or JWTs only; write algorithm = "token"'
    if grammar.format == "jwt":
        yield from _claim_problems(grammar)


def _claim_problems(grammar: Grammar) -> Iterator[str]:
    rule = grammar.jwt
    if rule.audience is None:
        yield 'jwt.audience is missing: whom is the token for? { from = "global", name = "…" }, or "url"'
    if "google" in rule.keys and "email" not in rule.claims:
        # Everybody who rents a topic can have Google sign for any address.
        yield 'jwt.claims.email is missing: whose service account pushes? { from = "global", name = "…" }'
    if grammar.needs_keys and not rule.keys.startswith(("https://", "http://")):
        yield "jwt.keys is missing; write the address of the keys that the provider publishes"
    if grammar.needs_keys and not rule.issuers:
        yield "jwt.issuers is missing; write whose tokens are believed"
    for name in rule.algorithms:
        if name not in _SIGNED_BY_KEYS:
            yield f"jwt.algorithms: {name[:20]!r} is none of {', '.join(sorted(_SIGNED_BY_KEYS))}"
    if not 0 <= rule.leeway <= LONGEST_LEEWAY:
        yield f"jwt.leeway must be 0 to {LONGEST_LEEWAY} seconds"


def _content_problems(grammar: Grammar) -> Iterator[str]:
    for part in grammar.parts:
        if not _IS_PART.fullmatch(part):
            yield f"parts: {part[:60]!r} is none of lit:X header:N kv:L body url method secret …"
        if part.startswith("kv:") and not grammar.format.startswith("list:"):
            yield f"parts: {part[:60]!r} needs a format list:SEPARATOR:KV:LABEL"
    if grammar.algorithm in {"token", *_TOKENS}:
        return
    if not grammar.body_hash and not _COVERS_THE_BODY.intersection(grammar.parts):
        yield "parts must hold the body, or anybody could change it"
    if (grammar.algorithm == "sha256") != ("secret" in grammar.parts):
        yield "parts hold the secret with algorithm sha256, and only then"


def _time_problems(grammar: Grammar, time: Timestamp) -> Iterator[str]:
    for source in (time.from_,) if isinstance(time.from_, str) else time.from_:
        if not _IS_TIME.fullmatch(source):
            yield f"time.from {source[:60]!r} is none of header:N kv:L query:N json:PATH"
        if source.startswith("kv:") and not grammar.format.startswith("list:"):
            yield "time.from kv: needs a format list:SEPARATOR:KV:LABEL"
    for name, seconds in (("past", time.past), ("future", time.future)):
        if not 0 < seconds <= LONGEST_WINDOW:
            yield f"time.{name} must be 1 to {LONGEST_WINDOW} seconds"
