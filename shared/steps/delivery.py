"""One event to a bot's URL, signed by Standard Webhooks and the same on every attempt."""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
from collections.abc import Generator
from typing import Any

from msgspec import Struct

from shared.errors import HandlerUnavailable, Permanent, ProviderBusy, UnknownOutcome
from shared.model.calls import HttpAnswer, HttpCall
from shared.model.requests import Headers
from shared.retries import retry_after
from shared.secret import Secret
from shared.steps.effects import Call, Effect, Now, Reach

_PREFIX = b"whsec_"
_LATER = frozenset((401, 403, 408, 425, 429))


class DeliveryOrder(Struct, frozen=True, kw_only=True):
    """What a delivery takes. Without a secret it is not signed."""

    event_id: str
    url: str
    body: bytes  # `Event` JSON
    secret: Secret | None = None


def delivery(order: DeliveryOrder) -> Generator[Effect, Any, str]:
    """
    Send the event once; returns what was answered, in words.

    Sending again is safe for a bot that knows `webhook-id`. Raises `HandlerUnavailable` for later, `Permanent` when
    another attempt cannot help.
    """
    yield Reach("delivery.before")
    now: float = yield Now()
    try:
        answer: HttpAnswer = yield Call(_call(order, int(now)))
    except (ProviderBusy, UnknownOutcome) as error:
        raise HandlerUnavailable(f"the bot's URL: {error}") from None
    yield Reach("delivery.sent")
    return _verdict(answer, now)


def _call(order: DeliveryOrder, timestamp: int) -> HttpCall:
    headers: Headers = (
        ("content-type", "application/json"),
        ("idempotency-key", order.event_id),
    )
    headers += standard_webhooks_headers(order.secret, order.event_id, timestamp, order.body)
    return HttpCall(
        name="event",
        method="POST",
        url=order.url,
        headers=headers,
        body=order.body,
        idempotent=True,
    )


def _verdict(answer: HttpAnswer, now: float) -> str:
    status = answer.status
    if 200 <= status < 300:
        return f"the bot answered {status}"
    if status in _LATER or not 300 <= status < 500:
        after = retry_after(answer.headers, now=now)
        raise HandlerUnavailable(f"the bot answered {status}", after)
    raise Permanent(f"the bot answered {status}, and another attempt would change nothing")


def standard_webhooks_headers(
    secret: Secret | None, event_id: str, timestamp: int, body: bytes
) -> Headers:
    """
    The headers that say what event this is, when it was sent and that we sent it.

    `v1` of https://github.com/standard-webhooks/standard-webhooks/blob/main/spec/standard-webhooks.md: HMAC-SHA256 of
    `id.timestamp.body`. A *secret* that begins with `whsec_` is base64 after that, any other one is the key itself.
    Without a secret the signature is left out.
    """
    named: Headers = (("webhook-id", event_id), ("webhook-timestamp", str(timestamp)))
    if not secret:
        return named
    signed = f"{event_id}.{timestamp}.".encode() + body
    mac = hmac.digest(_key(secret), signed, hashlib.sha256)
    return (*named, ("webhook-signature", "v1," + base64.b64encode(mac).decode("ascii")))


def _key(secret: Secret) -> bytes:
    value = secret.reveal()
    if not value.startswith(_PREFIX):
        return value
    text = value.removeprefix(_PREFIX)
    try:
        return base64.b64decode(text + b"=" * (-len(text) % 4), validate=True)
    except binascii.Error:
        raise Permanent(
            "the bot's signing secret begins with whsec_ but is not base64 after that"
        ) from None
