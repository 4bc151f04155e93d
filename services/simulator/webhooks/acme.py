"""Acme's webhooks: a message in a team, signed like GitHub's by an HMAC of the body."""

from __future__ import annotations

from collections.abc import Mapping

from services.simulator.webhooks.occasion import Draft, Occasion, as_json, hex_mac

KINDS = ("message", "ping")
SIGNATURES = ("X-Acme-Signature",)
HAS_TIME = False


def build(occasion: Occasion) -> Draft:
    """The request for one of `KINDS`."""
    body = {
        "id": occasion.delivery_id,
        "type": occasion.kind,
        "team_id": occasion.account.id,
        "at": occasion.moment,
        "user_id": occasion.say("user", occasion.account.users[0].id),
        "text": occasion.say("text", "Hello from the simulated team"),
    }
    return as_json(body, X_Acme_Delivery=occasion.delivery_id)


def sign(occasion: Occasion, secret: str, body: bytes) -> Mapping[str, str]:
    """The body under the app's signing secret."""
    del occasion
    return {"X-Acme-Signature": f"sha256={hex_mac(secret, body)}"}


def new_id(uuid: str) -> str:
    """A delivery id."""
    return uuid
