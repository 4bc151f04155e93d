"""An outgoing HTTP call and its answer, as `workers.outbound` carries them."""

from __future__ import annotations

from msgspec import Struct

from shared.model.requests import Headers


class HttpCall(Struct, frozen=True, kw_only=True):
    """
    One request to send. No redirect is ever followed.

    An *idempotent* call may be sent again within a step; another one only where it was provably not processed.
    """

    name: str  # for logs and limits: token, refresh, identity, membership, revoke, event
    method: str
    url: str
    headers: Headers = ()
    body: bytes = b""
    idempotent: bool = False
    seconds: float = 0.0  # for the whole call; 0 leaves it to the way out
    hosts: tuple[str, ...] | None = None  # that it may go to; None: any that the way out allows

    def __repr__(self) -> str:
        """Name and method; the rest may hold secrets."""
        return f"HttpCall({self.name} {self.method})"


class HttpAnswer(Struct, frozen=True, kw_only=True):
    """What came back: complete, decompressed and within the size limit. Nothing in it is trusted."""

    status: int
    headers: Headers = ()  # names in lower case
    body: bytes = b""
    spelt: Headers = ()  # the same headers, names as they came

    def header(self, name: str) -> str:
        """The first value of the header *name* (lower case); empty when absent."""
        return next((value for key, value in self.headers if key == name), "")

    def __repr__(self) -> str:
        """Status and size; the body may hold secrets."""
        return f"HttpAnswer({self.status}, {len(self.body)} bytes)"
