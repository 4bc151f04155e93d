"""What a token endpoint's answer means. 200 is not success: Slack, GitHub and others put errors into it."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from msgspec import Struct

from shared.errors import ProviderBusy, ProviderRefused, UnknownOutcome
from shared.oauth.answers import document_of, text_at, value_at
from shared.oauth.claims import claims_in
from shared.oauth.limits import asked_wait
from shared.oauth.refusals import is_rate_limit
from shared.secret import Secret

if TYPE_CHECKING:
    from shared.model.calls import HttpAnswer
    from shared.oauth.endpoints import ErrorPlaces, Limits, Predicate, TokenAnswer
    from shared.oauth.records import OAuthProvider

LONGEST_TOKEN = 16 << 10  # characters
LONGEST_LIFE = 10 * 366 * 86400.0  # seconds
_VSCHAR = re.compile(r"[\x20-\x7e]+")  # RFC 6749 appendix A.12
_CODE = re.compile(r"[A-Za-z0-9_.:-]{1,80}")
_TELLING = re.compile(r"secret|token|password|assertion", re.IGNORECASE)


class Tokens(Struct, frozen=True, kw_only=True):
    """What a user granted."""

    access: Secret
    refresh: Secret | None = None
    obtained_at: float  # seconds since 1970
    expires_at: float | None = None  # None: never, or the provider does not say
    scopes: tuple[str, ...] | None = None  # None: the answer is silent
    refresh_expires_at: float | None = None
    said: dict[str, Any] = {}  # the answer without its secrets; empty for stored tokens
    claims: dict[
        str, Any
    ] = {}  # of the JWT that `identity.claims` names; empty for stored tokens

    def __repr__(self) -> str:
        """Nothing about their values."""
        return f"Tokens(expires_at={self.expires_at})"


def tokens_of(provider: OAuthProvider, answer: HttpAnswer, *, now: float) -> Tokens:
    """
    The tokens in *answer* to a code, which arrived at *now*.

    Raises:
        ProviderBusy: 429, 503 with Retry-After, or what the definition calls a limit: it was not processed.
        UnknownOutcome: any other 5xx, and 408: it may have been.
        ProviderRefused: everything else that is not success, with the provider's code.

    """
    return tokens_in(provider, provider.token, answer, now=now)


def tokens_in(
    provider: OAuthProvider, rule: TokenAnswer, answer: HttpAnswer, *, now: float
) -> Tokens:
    """The tokens in an answer that is read by *rule*: a refresh's or a follow-up's; raises like `tokens_of`."""
    _check_status(provider.limits, answer, now)
    document = _accepted(provider.limits, rule, answer)
    inner, fields = _unwrapped(rule, document), rule.fields
    ending = lifetime_in(value_at(inner, fields.refresh_expires_in))
    return Tokens(
        access=token_at(inner, fields.access) or _missing(),
        refresh=token_at(inner, fields.refresh),
        obtained_at=now,
        expires_at=_expires_at(inner, rule, now),
        refresh_expires_at=now + min(ending, LONGEST_LIFE) if ending else None,
        scopes=scopes_in(value_at(inner, fields.scope)),
        said=_without_secrets(document),
        claims=claims_in(value_at(document, provider.identity.claims.token)),
    )


def _unwrapped(rule: TokenAnswer, document: Any) -> Any:
    """Where the tokens lie: at the first of two places, or at the second where the first holds none."""
    first = value_at(document, rule.unwrap)
    if rule.otherwise and not text_at(first, rule.fields.access):
        return value_at(document, rule.otherwise)
    return first


def _check_status(limits: Limits, answer: HttpAnswer, now: float) -> None:
    status = answer.status
    is_later = status == 429 or status in limits.statuses
    if is_later or (status == 503 and answer.header("retry-after")):
        raise ProviderBusy(f"the provider answered {status}", asked_wait(limits, answer, now))
    if status >= 500 or status == 408:
        raise UnknownOutcome(f"the provider answered {status}")
    if 300 <= status < 400:
        raise ProviderRefused(
            f"the provider answered {status}, and redirects are never followed", "redirected"
        )


def _accepted(limits: Limits, rule: TokenAnswer, answer: HttpAnswer) -> Any:
    """The document of a success; raises for a refusal, whatever its status."""
    is_2xx = 200 <= answer.status < 300
    try:
        document = document_of(answer)
    except ProviderRefused:
        if is_2xx:
            raise
        document = {}
    code = _code(document, rule.error)
    if is_2xx and (holds(rule.ok, document) if rule.ok else not code):
        return document
    if is_rate_limit(code) or code in limits.codes:
        raise ProviderBusy(f"the provider answered {code}")
    raise _refused(code or f"http_{answer.status}", document, rule.error)


def holds(rule: Predicate, document: Any) -> bool:
    """
    Whether *rule* holds in *document*; true is not 1.

    >>> from shared.oauth.endpoints import Predicate
    >>> holds(Predicate(path="ok"), {"ok": True}), holds(Predicate(path="ok"), {"ok": 1})
    (True, False)
    >>> holds(Predicate(path="type", one_of=("a", "b")), {"type": "b"})
    True
    """
    found = value_at(document, rule.path)
    wanted = rule.one_of or (rule.equals,)
    return any(type(found) is type(one) and found == one for one in wanted)


def _code(document: Any, places: ErrorPlaces) -> str:
    """The provider's error code; Meta's is an object with a type."""
    value = value_at(document, places.path)
    inner = text_at(value, "type") or text_at(value, "code") if isinstance(value, dict) else ""
    code = text_at(document, places.path) or inner
    return code if not code or _CODE.fullmatch(code) else "unknown_error"


def _refused(code: str, document: Any, places: ErrorPlaces) -> ProviderRefused:
    # A long word may be the code or a token that came back as an echo.
    words = re.sub(r"[^\x20-\x7e]+|\S{16,}", "…", text_at(document, places.detail)[:300])
    return ProviderRefused(
        f"the provider refused: {code}" + (f" ({words})" if words else ""), code
    )


def _missing() -> Secret:
    raise ProviderRefused("the answer holds no access token", "no_access_token")


def token_at(document: Any, path: str) -> Secret | None:
    """The token at *path*, None where there is none; raises `ProviderRefused` for one that no header may hold."""
    value = value_at(document, path)
    if not isinstance(value, str) or not value:
        return None
    if len(value) > LONGEST_TOKEN or not _VSCHAR.fullmatch(value):
        raise ProviderRefused(
            "a token in the answer holds forbidden characters", "malformed_token"
        )
    return Secret(value.encode("ascii"))


def _expires_at(document: Any, rule: TokenAnswer, now: float) -> float | None:
    moment = (
        moment_in(value_at(document, rule.fields.expires_at))
        if rule.fields.expires_at
        else None
    )
    if moment is not None:
        return min(moment, now + LONGEST_LIFE)
    given = lifetime_in(value_at(document, rule.fields.expires_in))
    seconds = rule.assume_expires_in if given is None else given
    return now + min(seconds, LONGEST_LIFE) if seconds else None


def moment_in(value: Any) -> float | None:
    """
    Seconds since 1970 from seconds, milliseconds or ISO 8601; None where there is nothing of the kind.

    >>> [moment_in(v) for v in (1790000000, "1790000000000", "2026-09-21T14:13:20Z")]
    [1790000000.0, 1790000000.0, 1790000000.0]
    >>> [moment_in(v) for v in (None, "soon", 0, True)]
    [None, None, None, None]
    """
    if isinstance(value, str) and re.fullmatch(r"[0-9]{9,13}", value):
        value = int(value)
    if isinstance(value, int | float) and 1e8 <= value < 1e13:
        return value / 1000 if value >= 1e11 else float(value)
    try:
        when = datetime.fromisoformat(value) if isinstance(value, str) else None
    except ValueError:
        return None
    return when.replace(tzinfo=when.tzinfo or UTC).timestamp() if when else None


def lifetime_in(value: Any) -> float | None:
    """
    Seconds, from whatever stands at `expires_in`; 0 means never, None that nothing readable stands there.

    >>> [lifetime_in(v) for v in (3600, "3600", " 12.5 ", 0, "0")]
    [3600.0, 3600.0, 12.5, 0.0, 0.0]
    >>> [lifetime_in(v) for v in (None, "", "soon", -5, True, [], "nan", "9" * 400)]
    [None, None, None, None, None, None, None, None]
    """
    if isinstance(value, str) and re.fullmatch(r"\s*[0-9]{1,12}(\.[0-9]{1,9})?\s*", value):
        value = float(value)
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value < 1e12:
        return None
    return float(value)


def scopes_in(value: Any) -> tuple[str, ...] | None:
    """
    Scopes from text with spaces or commas, or a list; None when there is nothing of the kind.

    >>> scopes_in("read,write"), scopes_in("read write"), scopes_in(["read", "write"]), scopes_in(""), scopes_in(None)
    (('read', 'write'), ('read', 'write'), ('read', 'write'), (), None)
    """
    if isinstance(value, list):
        return tuple(one for one in value if isinstance(one, str))
    return tuple(filter(None, re.split(r"[,\s]+", value))) if isinstance(value, str) else None


def _without_secrets(document: Any) -> Any:
    if isinstance(document, dict):
        kept = {
            k: v for k, v in document.items() if not (isinstance(v, str) and _TELLING.search(k))
        }
        return {key: _without_secrets(value) for key, value in kept.items()}
    return (
        [_without_secrets(one) for one in document] if isinstance(document, list) else document
    )
