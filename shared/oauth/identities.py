"""`oauth.identity`: which workspace or user was connected, and what is kept with it."""

from __future__ import annotations

from typing import Any, Literal

from msgspec import field

from shared.oauth.endpoints import Predicate
from shared.section import Section

Source = Literal["token", "callback", "claim", "call", "choice", "input"]


class ValuePlace(Section, frozen=True, kw_only=True):
    """
    Where a value lies.

    In the token answer, the callback's query, a claim of a JWT, the identity call's answer, the item that the user
    chose, or what the user was asked for.
    """

    from_: Source = field(name="from", default="token")
    path: str
    otherwise: str = ""  # a second path, where the first one is empty
    pattern: str = ""  # a regular expression; its first group is the value


class Fact(ValuePlace, frozen=True, kw_only=True):
    """A value to keep with the account. A host must be one of *suffixes* or below one."""

    type: Literal["text", "host"] = "text"
    suffixes: tuple[str, ...] = ()


class UserCall(Section, frozen=True, kw_only=True):
    """A call with the user's own access token."""

    method: Literal["GET", "POST"] = "GET"
    json: dict[str, Any] | None = None
    headers: dict[str, str] = {}
    header: str = "authorization"  # carries the token; "" for none
    scheme: str = "Bearer"  # stands before it; "" for nothing
    param: str = ""  # query parameter that carries the token


class IdentityCall(UserCall, frozen=True, kw_only=True):
    """The call that tells who has connected."""

    url: str


class Membership(UserCall, frozen=True, kw_only=True):
    """The identifier is believed when this list, read with the user's own token, contains it."""

    url: str
    items: str = ""  # path of the list; the whole answer where empty
    id: str = "id"  # path in an item
    name: str = ""  # path in an item, for people


class Choose(UserCall, frozen=True, kw_only=True):
    """
    One of several accounts that the user picks; a single one is taken without asking.

    The list comes from *url*, or lies in the token's or the identity call's answer.
    """

    from_: Literal["list", "token", "call"] = field(name="from", default="list")
    url: str = ""
    items: str = ""  # path of the list; the whole answer where empty
    id: str = "id"  # path in an item; what is chosen
    name: str = "name"  # path in an item, for people
    detail: str = ""  # path in an item: a second line for people
    where: Predicate | None = None  # items that do not fit are left out
    token: str = (
        ""  # path in an item of an access token of its own, which takes the place of the user's
    )


class Claims(Section, frozen=True, kw_only=True):
    """A JWT in the token answer whose claims tell who it is; it came from the provider itself, over TLS."""

    token: str = "id_token"  # noqa: S105  path in the token answer
    issuer: str = ""  # `iss` must be this


class Identity(Section, frozen=True, kw_only=True):
    """`oauth.identity`."""

    external_id: ValuePlace
    name: ValuePlace | None = None
    call: IdentityCall | None = None
    claims: Claims = Claims()
    choose: Choose | None = None
    verify: Membership | None = None  # obligatory where externalId comes from the callback
    facts: dict[str, Fact] = {}
