"""What a webhook is made from, and what comes out before it is posted."""

from __future__ import annotations

import hmac
import json
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from typing import Any, Literal, get_args

from services.simulator.records import Account, App

Tamper = Literal["", "signature", "body", "missing", "secret", "stale", "future"]

TAMPERS: tuple[str, ...] = get_args(Tamper)

DISTANCE = 600.0  # seconds a stale or future timestamp is off; every provider allows less


@dataclass(frozen=True, kw_only=True)
class Envelope:
    """How a webhook travels, apart from what it says."""

    tamper: Tamper = ""
    delivery_id: str = ""  # repeat one to send a duplicate
    retry: int = 0  # which repetition this is, told the way the provider tells it
    retry_reason: str = "http_timeout"  # Slack's X-Slack-Retry-Reason
    secret: str = field(default="", repr=False)  # an installation's own
    url: str = ""  # an installation's own
    client_id: str = ""  # which app sends; the provider's first if empty

    def __post_init__(self) -> None:
        """Refuse a way of tampering that does not exist, with those that do."""
        if self.tamper not in TAMPERS:
            known = ", ".join(repr(one) for one in TAMPERS)
            message = f"tamper {self.tamper!r} does not exist: use one of {known}"
            raise ValueError(message)


@dataclass(frozen=True, kw_only=True)
class Occasion:
    """One thing that happened at a provider and is about to be told."""

    app: App
    account: Account
    kind: str
    content: Mapping[str, Any]
    delivery_id: str
    at: float  # what the webhook claims, seconds since 1970
    envelope: Envelope

    def say(self, name: str, otherwise: Any) -> Any:
        """The caller's word for a part of the content, or a plausible one."""
        return self.content.get(name, otherwise)

    @property
    def url(self) -> str:
        """Where it goes to."""
        return self.envelope.url or self.app.webhook_url

    @property
    def moment(self) -> str:
        """
        The time in ISO 8601 with milliseconds.

        Notion and Linear both write it so.
        """
        text = datetime.fromtimestamp(self.at, UTC).isoformat(timespec="milliseconds")
        return text.replace("+00:00", "Z")


@dataclass(frozen=True, kw_only=True)
class Draft:
    """A webhook that still lacks its signature."""

    body: bytes
    headers: Mapping[str, str]
    below: str = ""  # path or query after the webhook's address
    signed: bool = True  # False for handshakes that come before any secret is shared


@dataclass(frozen=True, kw_only=True)
class Signed:
    """A webhook ready to be posted; `headers` and `body` are exactly what goes out."""

    url: str
    headers: Mapping[str, str]
    body: bytes
    delivery_id: str


@dataclass(frozen=True, kw_only=True)
class Sent:
    """A posted webhook and what the receiver answered."""

    request: Signed
    status: int
    headers: Mapping[str, str]
    body: bytes

    @property
    def delivery_id(self) -> str:
        """The provider's own id of the delivery, to send it again."""
        return self.request.delivery_id

    def json(self) -> Any:
        """The answer's body, decoded."""
        return json.loads(self.body)


def as_json(value: object, **headers: str) -> Draft:
    """A JSON webhook; text outside ASCII stays as it is, like most providers send it."""
    text = json.dumps(value, ensure_ascii=False, separators=(",", ":"))
    return Draft(
        body=text.encode(),
        headers={"Content-Type": "application/json", **_dashed(headers)},
    )


def unsigned(draft: Draft) -> Draft:
    """The same, sent without a signature."""
    return replace(draft, signed=False)


def hex_mac(secret: str, content: bytes, digest: str = "sha256") -> str:
    """HMAC in lower-case hexadecimal."""
    return hmac.new(secret.encode(), content, digest).hexdigest()


def _dashed(headers: Mapping[str, str]) -> dict[str, str]:
    return {name.replace("_", "-"): value for name, value in headers.items()}
