"""JSON Web Tokens as signatures: the key, the time and the claims that a scheme asks for (RFC 7519, RFC 8725)."""

from __future__ import annotations

import hashlib
import hmac
import re
import warnings
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qsl, quote, urlsplit

from joserfc import jws, jwt
from joserfc.errors import JoseError, SecurityWarning
from joserfc.jwk import JWKRegistry, OctKey
from msgspec import Struct

from shared.errors import SignatureMismatch
from shared.signatures.content import known_url
from shared.signatures.paths import json_of, value_at
from shared.signatures.records import Claims, ValuePlace

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from joserfc.jwk import Key

    from shared.model.requests import RawRequest

LONGEST_TOKEN = 8192
CONTEXT_QSH = "context-qsh"  # what Atlassian writes where a token is tied to no address
_COMPACT = re.compile(rb"[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+")
_HS = ("HS256",)
_RS = ("RS256",)


class UnknownKey(SignatureMismatch):
    """The token names a key that is not among the published ones: they may have changed."""


class Facts(Struct, frozen=True, kw_only=True):
    """What the caller knows beside secrets: the published keys as JWKs, and the values at a rule's places."""

    keys: tuple[dict[str, Any], ...] = ()
    values: dict[ValuePlace, str] = {}


class Asked(Struct, frozen=True, kw_only=True):
    """What a token is held against."""

    rule: Claims
    raw: RawRequest
    public_url: str
    facts: Facts
    now: float


def check_signed(token: bytes, keys: Sequence[bytes], asked: Asked) -> None:
    """Raise `SignatureMismatch` unless *token* is an HS256 JWT under one of *keys* and says what it must."""
    _check_form(token)
    for key in keys:
        claims = _claims(token, OctKey.import_key(key), _HS)
        if claims is not None:
            return _check_claims(claims, asked)
    raise SignatureMismatch("the token is not signed with the secret")


def check_published(token: bytes, asked: Asked) -> None:
    """Raise `SignatureMismatch` unless *token* is signed by a published key; `UnknownKey` when that is not known."""
    _check_form(token)
    found = _published(_key_id(token), asked.facts.keys)
    claims = _claims(token, _imported(found), asked.rule.algorithms or _RS)
    if claims is None:
        raise SignatureMismatch("the token is not signed by the key that it names")
    _check_endorsed(found, asked)
    _check_claims(claims, asked)


def _check_form(token: bytes) -> None:
    if len(token) > LONGEST_TOKEN or not _COMPACT.fullmatch(token):
        raise SignatureMismatch("is not a signed token")


def _key_id(token: bytes) -> str:
    try:
        name = jws.extract_compact(token).headers().get("kid")
    except (JoseError, ValueError, TypeError):
        name = None
    if not isinstance(name, str) or not name:
        raise SignatureMismatch("the token does not name its key")
    return name


def _published(name: str, keys: Sequence[Mapping[str, Any]]) -> Mapping[str, Any]:
    """The key of that name; else one without a name, which a provider with a single key may publish."""
    fit = [key for key in keys if key.get("use", "sig") == "sig"]
    for wanted in (name, None):
        if found := [key for key in fit if key.get("kid") == wanted]:
            return found[0]
    raise UnknownKey("the token names a key that the provider does not publish")


def _imported(key: Mapping[str, Any]) -> Key:
    """A public key alone: a published secret would be everybody's."""
    try:
        if key.get("kty") in {"RSA", "EC", "OKP"}:
            return JWKRegistry.import_key(dict(key))
    except (JoseError, ValueError, TypeError, KeyError):
        pass
    raise SignatureMismatch("the key that the provider publishes cannot be read")


def _claims(token: bytes, key: Key, algorithms: Sequence[str]) -> dict[str, Any] | None:
    try:
        with warnings.catch_warnings():
            # How long the secret is was the provider's choice; joserfc warns about it anew each time.
            warnings.simplefilter("ignore", SecurityWarning)
            return jwt.decode(token, key, algorithms=list(algorithms)).claims
    except (JoseError, ValueError, TypeError, RecursionError):
        return None


def _check_claims(claims: Mapping[str, Any], asked: Asked) -> None:
    _check_times(claims, asked)
    rule = asked.rule
    if rule.issuers and not any(_is_issuer(claims.get("iss"), one) for one in rule.issuers):
        raise SignatureMismatch("the token's issuer is another one")
    _check_audience(claims.get("aud"), asked)
    for name, wanted in rule.claims.items():
        if not _same(_claim(claims, name), _wanted(wanted, asked)):
            raise SignatureMismatch(f"the token's {name[:60]} is another one")
    if rule.qsh and claims.get("qsh") not in {CONTEXT_QSH, _query_hash(asked)}:
        raise SignatureMismatch("the token was made for another address (qsh)")


def _claim(claims: Mapping[str, Any], names: str) -> Any:
    """The first claim of `azp|appid` that there is."""
    return next((claims[name] for name in names.split("|") if name in claims), None)


def _check_times(claims: Mapping[str, Any], asked: Asked) -> None:
    registry = jwt.JWTClaimsRegistry(
        now=int(asked.now), leeway=asked.rule.leeway, exp={"essential": True}
    )
    try:
        registry.validate(dict(claims))
    except (JoseError, ValueError, TypeError, OverflowError):
        raise SignatureMismatch("the token has run out, or is not valid yet") from None


def _is_issuer(given: Any, allowed: str) -> bool:
    pattern = "[^/]+".join(map(re.escape, allowed.split("*")))
    return isinstance(given, str) and re.fullmatch(pattern, given) is not None


def _check_audience(given: Any, asked: Asked) -> None:
    wanted = asked.rule.audience
    if wanted == "any":
        return
    if isinstance(wanted, ValuePlace):
        allowed = {_wanted(wanted, asked)}
    else:
        whole = known_url(asked.public_url)
        allowed = {whole, whole.partition("?")[0]}
    listed = given if isinstance(given, list) else [given]
    if not any(_same(one, other) for one in listed for other in allowed):
        raise SignatureMismatch("the token was made for somebody else (aud)")


def _wanted(wanted: str | bool | ValuePlace, asked: Asked) -> Any:  # noqa: FBT001 - a claim's value
    if not isinstance(wanted, ValuePlace):
        return wanted
    if wanted.from_ == "body":
        return value_at(json_of(asked.raw.body), wanted.name)
    found = asked.facts.values.get(wanted, "")
    if not found:
        raise SignatureMismatch(f"{wanted.from_} {wanted.name} is not set to check it with")
    return found


def _same(given: Any, wanted: Any) -> bool:
    if isinstance(given, str) and isinstance(wanted, str):
        return hmac.compare_digest(
            given.encode("utf-8", "replace"), wanted.encode("utf-8", "replace")
        )
    return wanted is not None and type(given) is type(wanted) and bool(given == wanted)


def _check_endorsed(key: Mapping[str, Any], asked: Asked) -> None:
    if not asked.rule.endorses:
        return
    channel, known = (
        value_at(json_of(asked.raw.body), asked.rule.endorses),
        key.get("endorsements"),
    )
    if not isinstance(known, list) or channel not in known:
        raise SignatureMismatch("the key may not sign for this channel")


def _query_hash(asked: Asked) -> str:
    """https://developer.atlassian.com/cloud/jira/platform/understanding-jwt-for-connect-apps/#qsh."""
    parts = urlsplit(known_url(asked.public_url))
    by_name: dict[str, list[str]] = {}
    for name, value in parse_qsl(parts.query, keep_blank_values=True):
        if name != "jwt":
            by_name.setdefault(_escaped(name), []).append(_escaped(value))
    query = "&".join(f"{name}={','.join(sorted(by_name[name]))}" for name in sorted(by_name))
    path = (parts.path.rstrip("/") or "/").replace("&", "%26")
    canonical = f"{asked.raw.method.upper()}&{path}&{query}"
    return hashlib.sha256(canonical.encode("utf-8", "replace")).hexdigest()


def _escaped(text: str) -> str:
    return quote(text, safe="~")
