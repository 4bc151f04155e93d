"""
What a definition's `oauth` section says about a provider.

Field names are camelCase in a definition. Addresses and parameter values are templates: `{name}` stands for an
input, a public secret or, in `token`, `refresh` and `revoke`, `{clientId}`; see `shared.oauth.templates`.
"""

from __future__ import annotations

from typing import Any, Literal

from msgspec import Struct, field

ClientAuth = Literal["post", "basic", "secret_as_user", "none"]
BodyForm = Literal["form", "json"]
InputType = Literal["dns_label", "enum", "digits", "uuid", "text"]


class _Section(
    Struct, frozen=True, rename="camel", omit_defaults=True, forbid_unknown_fields=True
):
    """What all sections share."""


class ClientPlace(_Section, frozen=True, kw_only=True):
    """Where a client id or secret lies: among global secrets or in the installation's configuration."""

    from_: Literal["global", "configuration"] = field(name="from", default="global")
    name: str


class ClientPlaces(_Section, frozen=True, kw_only=True):
    """`oauth.client`: the application registered at the provider. A public client has no secret."""

    id: ClientPlace
    secret: ClientPlace | None = None


class InputRule(_Section, frozen=True, kw_only=True):
    """A value the user is asked for before the redirect; *type* decides where a template may use it."""

    type: InputType = "text"
    title: str = ""
    description: str = ""
    example: str = ""
    choices: tuple[str, ...] = ()  # for enum
    optional: bool = False


class Scopes(_Section, frozen=True, kw_only=True):
    """What is asked for. *also* are further parameters with scopes of their own, Slack's `user_scope`."""

    join: str = " "
    default: tuple[str, ...] = ()
    also: dict[str, tuple[str, ...]] = {}
    implies: dict[str, tuple[str, ...]] = {}  # SCOPE: narrower ones that it covers


class Authorize(_Section, frozen=True, kw_only=True):
    """`oauth.authorize`: where the browser is sent, RFC 6749 §4.1.1."""

    url: str
    pkce: Literal["S256", "off"] = "S256"
    why_no_pkce: str = ""  # for people; asked for where pkce is off
    scopes: Scopes = Scopes()
    params: dict[str, str] = {}
    rename: dict[str, str] = {}  # our parameter: the provider's; "" leaves it out
    issuer: str = ""  # RFC 9207: the callback's `iss` must be this


class Callback(_Section, frozen=True, kw_only=True):
    """`oauth.callback`: what comes back through the browser."""

    code: str = "code"
    capture: tuple[str, ...] = ()  # kept for `identity`; anyone can have written them


class Predicate(_Section, frozen=True, kw_only=True):
    """A value at *path* of the answer; it holds when the value equals *equals*."""

    path: str
    equals: bool | int | str = True


class ErrorPlaces(_Section, frozen=True, kw_only=True):
    """Where an answer says what went wrong."""

    path: str = "error"
    detail: str = "error_description"


class TokenFields(_Section, frozen=True, kw_only=True):
    """Paths in the token answer, below `unwrap`."""

    access: str = "access_token"
    refresh: str = "refresh_token"
    expires_in: str = "expires_in"
    scope: str = "scope"


class TokenEndpoint(_Section, frozen=True, kw_only=True):
    """`oauth.token`: how a code becomes tokens, RFC 6749 §4.1.3."""

    url: str
    auth: ClientAuth = "post"
    body: BodyForm = "form"
    params: dict[str, str] = {}
    headers: dict[str, str] = {}
    rename: dict[str, str] = {}  # our parameter: the provider's; "" leaves it out
    ok: Predicate | None = None  # must hold beside a 2xx
    error: ErrorPlaces = ErrorPlaces()
    unwrap: str = ""  # path below which the tokens lie
    fields: TokenFields = TokenFields()
    assume_expires_in: int | None = None  # seconds, where the answer is silent


class Refresh(_Section, frozen=True, kw_only=True):
    """`oauth.refresh`: RFC 6749 §6; what is not said here is as in `token`."""

    url: str = ""
    rotates: bool = True
    grace: int = 0  # seconds in which the provider accepts the spent refresh token again
    margin: int = 300  # seconds before the end of an access token
    params: dict[str, str] = {}


class ValuePlace(_Section, frozen=True, kw_only=True):
    """Where a value lies: the token answer, the callback's query, or the identity call's answer."""

    from_: Literal["token", "callback", "call"] = field(name="from", default="token")
    path: str
    otherwise: str = ""  # a second path, where the first one is empty


class IdentityCall(_Section, frozen=True, kw_only=True):
    """A call with the user's own access token that tells who has connected."""

    method: Literal["GET", "POST"] = "GET"
    url: str
    json: dict[str, Any] | None = None
    headers: dict[str, str] = {}
    scheme: str = "Bearer"  # of the Authorization header


class Membership(_Section, frozen=True, kw_only=True):
    """The identifier is believed when this list, read with the user's own token, contains it."""

    url: str
    items: str = ""  # path of the list; the whole answer where empty
    id: str = "id"  # path in an item
    name: str = ""  # path in an item, for people
    headers: dict[str, str] = {}
    scheme: str = "Bearer"


class Fact(_Section, frozen=True, kw_only=True):
    """A value to keep with the account. A host must be one of *suffixes* or below one."""

    from_: Literal["token", "callback", "call"] = field(name="from", default="token")
    path: str
    type: Literal["text", "host"] = "text"
    suffixes: tuple[str, ...] = ()


class Identity(_Section, frozen=True, kw_only=True):
    """`oauth.identity`: which workspace or user was connected."""

    external_id: ValuePlace
    name: ValuePlace | None = None
    call: IdentityCall | None = None
    verify: Membership | None = None  # obligatory where externalId comes from the callback
    facts: dict[str, Fact] = {}


class Revoke(_Section, frozen=True, kw_only=True):
    """`oauth.revoke`: RFC 7009 or the provider's own; must end one token, not the user's whole grant."""

    url: str
    method: Literal["POST", "DELETE"] = "POST"
    auth: Literal["post", "basic", "bearer", "none"] = "post"
    body: BodyForm = "form"
    token: Literal["access", "refresh"] = "access"  # noqa: S105  which one is revoked
    param: str = "token"  # the parameter that carries it; "" for none
    params: dict[str, str] = {}


class OAuthProvider(_Section, frozen=True, kw_only=True):
    """One provider's OAuth, as data."""

    client: ClientPlaces
    authorize: Authorize
    token: TokenEndpoint
    identity: Identity
    callback: Callback = Callback()
    refresh: Refresh = Refresh()
    revoke: Revoke | None = None
