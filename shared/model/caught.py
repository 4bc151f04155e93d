"""What a handshake has brought."""

from __future__ import annotations

from msgspec import Struct


class Caught(Struct, frozen=True, kw_only=True, rename="camel", omit_defaults=True):
    """A secret that came in a handshake, and what it is for; its value is sealed apart."""

    id: str  # hsk_…, the same for the same value and place
    at: float  # seconds since 1970, when it last came
    source: (
        str  # global | configuration | subscription | state: what kind of secret it is to be
    )
    name: str = ""  # of the secret
    installation: str = (
        ""  # webhookId, where it came to an installation's own address or subscription
    )
    subscription: str = ""
    note: str = ""
    accepted: bool = False  # it is in use
