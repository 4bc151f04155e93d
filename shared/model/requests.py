"""What arrives at a door, and what a door is."""

from __future__ import annotations

from typing import Literal

from msgspec import Struct

DoorKind = Literal["global", "installation", "oauth", "connect"]
Headers = tuple[tuple[str, str], ...]

WEBHOOK_WAIT = 2.0  # seconds a caller of a webhook waits for the worker's reply
FLOW_COOKIES = (
    "__Host-waypost-flow",
    "waypost-flow",
)  # over https, and where that is not to be had


class ReplyAddress(Struct, frozen=True, kw_only=True):
    """Where a waiting ingress listens: its inbox channel and the nonce of this request."""

    inbox: str
    nonce: str


class RawRequest(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What arrived, byte for byte. Nothing has been checked yet."""

    id: str  # req_…
    door: DoorKind
    name: str = ""  # integration of the global door (may be handle/name), webhookId of the installation door
    method: str
    path: str  # below the door's prefix, with a leading slash; whole path for oauth and connect
    query: str = ""  # raw, without the question mark
    headers: Headers = ()  # in order, names in lower case, repeats kept; values decoded as latin-1
    body: bytes = b""
    received_at: float  # seconds since 1970
    reply_to: ReplyAddress | None = None
    cookie_hash: str = ""  # sha256 hex of our flow cookie; the cookie itself is never stored
    new_cookie_hash: str = (
        ""  # sha256 hex of the cookie value this ingress is about to set (POST /connect)
    )
    sealed: bytes = (
        b""  # a `SealedPart` of oauth and connect doors, and of webhooks where that is wanted
    )

    def header(self, name: str) -> str | None:
        """The value of the header *name* (lower case), repeats joined by a comma; None when absent."""
        found = [value for key, value in self.headers if key == name]
        return ", ".join(found) if found else None

    def header_values(self, name: str) -> list[str]:
        """Every value given for *name*, in order."""
        return [value for key, value in self.headers if key == name]


class WhoWaits(Struct, frozen=True):
    """The part of a stored request, operation or revocation that says who waits for its answer."""

    reply_to: ReplyAddress | None = None


class SealedPart(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What a caller brings that could be a secret; stored only inside `RawRequest.sealed`."""

    path: str = ""
    query: str = ""
    headers: Headers = ()
    body: bytes = b""


class Reply(Struct, frozen=True, kw_only=True):
    """An HTTP answer for the caller."""

    status: int = 200
    headers: Headers = ()
    body: bytes = b""


class ReplyMessage(Struct, frozen=True, kw_only=True):
    """A reply on its way to the inbox of an ingress."""

    nonce: str
    reply: Reply


class HandshakeMatch(Struct, frozen=True, kw_only=True, rename="camel", omit_defaults=True):
    """A cheap test by which the ingress recognises a handshake; every given part must hold."""

    method: str | None = None
    query: str | None = None  # name of a query parameter that must be present
    header: str | None = None  # name of a header that must be present, lower case
    body: str | None = None  # literal that the raw body must contain


class Door(Struct, frozen=True, kw_only=True, rename="camel", omit_defaults=True):
    """All the ingress knows of an integration."""

    name: str
    enabled: bool = True
    reply: Literal["ack", "wait"] = "ack"
    handshakes: tuple[HandshakeMatch, ...] = ()  # requests that match wait even under `ack`
    body_limit: int = 1 << 20  # bytes
    delivery_id: str | None = None  # header that carries the provider's delivery id, lower case
    ack_status: int = 200
    ack_headers: dict[str, str] = {}
    ack_body: str = ""
