"""What all sections of a definition's `oauth` share, and what the user is asked for."""

from __future__ import annotations

from typing import Literal

from msgspec import field

from shared.section import Section

InputType = Literal["dns_label", "host", "url", "enum", "digits", "uuid", "text"]


class ClientPlace(Section, frozen=True, kw_only=True):
    """Where a client id or secret lies: among global secrets or in the installation's configuration."""

    from_: Literal["global", "configuration"] = field(name="from", default="global")
    name: str


class ClientPlaces(Section, frozen=True, kw_only=True):
    """`oauth.client`: the application registered at the provider. A public client has no secret."""

    id: ClientPlace
    secret: ClientPlace | None = None  # for private_key_jwt: the key in PEM


class InputRule(Section, frozen=True, kw_only=True):
    """A value that comes from outside; *type* decides what it may be and where a template may use it."""

    type: InputType = "text"
    title: str = ""
    description: str = ""
    example: str = ""
    choices: tuple[str, ...] = ()  # for enum
    suffixes: tuple[str, ...] = ()  # domains that a host or url must be, or be below
    pattern: str = ""  # the whole value must match
    default: str = ""  # where nothing is given
    optional: bool = False
