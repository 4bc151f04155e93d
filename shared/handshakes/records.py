"""How a definition declares a handshake."""

from __future__ import annotations

import re
from typing import Literal

from shared.model.requests import HandshakeMatch
from shared.section import Section
from shared.signatures.records import SecretPlace

Form = Literal[
    "query-echo", "json-echo", "query-hmac", "json-hmac", "header-echo", "empty", "static"
]
Scalar = str | int | bool
_UNESCAPED = re.compile(r"[A-Za-z0-9_.:-]+")  # what every JSON writer writes as it is


class Handshake(Section, frozen=True, kw_only=True):
    """One handshake: what it looks like (every given condition must hold), and its answer."""

    form: Form
    signed: bool = False  # answered only after the request has passed `verify`

    method: str | None = None
    query: str | None = None  # parameter that must be present; the challenge of a query form
    header: str | None = None  # lower case, must be present; what a header echo returns
    json: str | None = None  # path that must hold text; the challenge of a JSON form
    when_query: dict[str, str] = {}  # parameters and their exact values
    when_header: dict[str, str] = {}
    when_json: dict[str, Scalar] = {}  # paths and their exact values
    token: str | None = None  # parameter that must equal the secret: Meta's hub.verify_token

    secret: SecretPlace | None = None  # default: the first place of `verify`
    reply: Literal["text", "json"] = "text"  # of an echo
    reply_field: str | None = None  # key of the challenge in a JSON reply, default its own name
    signature_field: str | None = None  # key of the HMAC in a JSON reply
    status: int | None = None  # default 200, 204 for `empty`
    headers: dict[str, str] = {}  # of a static reply
    body: str = ""  # of a static reply
    note: str = ""  # for the operator: why the record is done
    catch: SecretPlace | None = None  # the value it brings is kept, for this place

    @property
    def match(self) -> HandshakeMatch:
        """The cheap test for the ingress, which lets through more than `answer` accepts."""
        return HandshakeMatch(
            method=self.method,
            query=self.query or self.token or next(iter(self.when_query), None),
            header=self.header or next(iter(self.when_header), None),
            body=_literal(self),
        )

    @property
    def needs_secret(self) -> bool:
        """Whether the answer is computed from a secret, or given only to who knows it."""
        return self.token is not None or self.form in {"query-hmac", "json-hmac"}


def _literal(handshake: Handshake) -> str | None:
    """What the raw body of a JSON handshake holds: an awaited text, else the last key of a path."""
    values = (value for value in handshake.when_json.values() if isinstance(value, str))
    texts = [value for value in values if _UNESCAPED.fullmatch(value)]
    paths = [path for path in (handshake.json, *handshake.when_json) if path]
    return next(iter(texts), None) or next((path.split(".")[-1] for path in paths), None)
