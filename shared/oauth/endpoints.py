"""The calls of `oauth.token`, `oauth.refresh` and `oauth.revoke`: what is sent, and how the answer is read."""

from __future__ import annotations

from typing import Literal

from shared.section import Section

ClientAuth = Literal[
    "post", "basic", "secret_as_user", "none", "client_secret_jwt", "private_key_jwt"
]
BodyForm = Literal["form", "json", "query"]
Method = Literal["GET", "POST", "DELETE"]


class Predicate(Section, frozen=True, kw_only=True):
    """A value at *path*; it holds when the value equals *equals*, or one of *oneOf* where that is given."""

    path: str
    equals: bool | int | str = True
    one_of: tuple[bool | int | str, ...] = ()


class ErrorPlaces(Section, frozen=True, kw_only=True):
    """Where an answer says what went wrong, and what the provider's codes mean where they are its own."""

    path: str = "error"
    detail: str = "error_description"
    means: dict[str, str] = {}  # CODE: a cause of a failed flow


class TokenFields(Section, frozen=True, kw_only=True):
    """Paths in the token answer, below `unwrap`."""

    access: str = "access_token"
    refresh: str = "refresh_token"
    expires_in: str = "expires_in"
    expires_at: str = ""  # a moment instead: seconds, milliseconds or ISO 8601
    refresh_expires_in: str = "refresh_token_expires_in"
    scope: str = "scope"


class TokenAnswer(Section, frozen=True, kw_only=True):
    """How an answer with tokens is read."""

    ok: Predicate | None = None  # where it is given, it decides beside a 2xx
    error: ErrorPlaces = ErrorPlaces()
    unwrap: str = ""  # path below which the tokens lie
    otherwise: str = ""  # a second such path, where the first one holds none
    fields: TokenFields = TokenFields()
    assume_expires_in: int | None = None  # seconds, where the answer is silent


class Assertion(Section, frozen=True, kw_only=True):
    """What a client's JWT says (RFC 7523), for `client_secret_jwt` and `private_key_jwt`."""

    algorithm: Literal["HS256", "RS256", "ES256", "PS256"] = "RS256"
    audience: str = ""  # the token address unless given
    issuer: str = ""  # the client id unless given
    key_id: str = ""
    lifetime: int = 300  # seconds


class FollowUp(TokenAnswer, frozen=True, kw_only=True):
    """A further exchange after the code's: a short-lived access token for a long-lived one."""

    url: str
    method: Literal["GET", "POST"] = "POST"
    auth: Literal["post", "basic", "bearer", "none"] = "post"
    body: BodyForm = "form"
    param: str = "access_token"  # carries the access token that we have; "" for none
    params: dict[str, str] = {}
    headers: dict[str, str] = {}


class TokenEndpoint(TokenAnswer, frozen=True, kw_only=True):
    """`oauth.token`: how a code becomes tokens, RFC 6749 §4.1.3."""

    url: str
    method: Literal["GET", "POST"] = "POST"
    auth: ClientAuth = "post"
    body: BodyForm = "form"
    params: dict[str, str] = {}
    headers: dict[str, str] = {}
    rename: dict[str, str] = {}  # our parameter: the provider's; "" leaves it out
    assertion: Assertion = Assertion()
    then: tuple[FollowUp, ...] = ()


class Refresh(Section, frozen=True, kw_only=True):
    """`oauth.refresh`: RFC 6749 §6; what is not said here is as in `token`."""

    url: str = ""
    method: Literal["GET", "POST"] | None = None
    auth: Literal[ClientAuth, "bearer"] | None = None
    body: BodyForm | None = None
    headers: dict[str, str] | None = None
    rename: dict[str, str] | None = None
    unwrap: str | None = None
    fields: TokenFields | None = None
    params: dict[str, str] = {}
    uses: Literal["refresh", "access"] = "refresh"  # the token that is traded for a new one
    rotates: bool = True
    grace: int = 0  # seconds in which the provider accepts the spent refresh token again
    margin: int = 300  # seconds before the end of an access token
    min_age: int = 0  # seconds that a token must be old before the provider renews it
    ended: tuple[str, ...] = ()  # further codes that mean: connect again


class Revoke(Section, frozen=True, kw_only=True):
    """`oauth.revoke`: RFC 7009 or the provider's own; must end one token, not the user's whole grant."""

    url: str
    method: Method = "POST"
    auth: Literal[ClientAuth, "bearer"] = "post"
    body: BodyForm = "form"
    token: Literal["access", "refresh"] = "access"  # noqa: S105  which one is revoked
    param: str = "token"  # the parameter that carries it; "" for none
    params: dict[str, str] = {}
    headers: dict[str, str] = {}
    ok: Predicate | None = None  # must hold beside a 2xx


class Limits(Section, frozen=True, kw_only=True):
    """`oauth.limits`: how this provider says "later", beside 429, 503 and the usual headers."""

    after: tuple[str, ...] = ()  # headers with a delay in seconds, or a date
    reset: tuple[str, ...] = ()  # headers with a moment or a delay, told apart by magnitude
    statuses: tuple[int, ...] = ()
    codes: tuple[str, ...] = ()  # error codes
