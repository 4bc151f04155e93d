"""
Notion's webhooks: page events, and the first request that brings the verification token.

Signature and handshake: https://developers.notion.com/reference/webhooks
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from services.simulator.webhooks.occasion import Draft, Occasion, as_json, hex_mac, unsigned

KINDS = (
    "page.created", "page.content_updated", "page.properties_updated", "page.deleted",
    "verification_token",
)  # fmt: skip
SIGNATURES = ("X-Notion-Signature",)
HAS_TIME = False


def build(occasion: Occasion) -> Draft:
    """The request for one of `KINDS`; the handshake carries the key and no signature."""
    if occasion.kind == "verification_token":
        secret = occasion.envelope.secret or occasion.app.signing_secret
        return unsigned(as_json({"verification_token": secret}))
    return as_json(_event(occasion))


def sign(occasion: Occasion, secret: str, body: bytes) -> Mapping[str, str]:
    """`sha256=` and the HMAC of the body under the verification token."""
    del occasion
    return {"X-Notion-Signature": f"sha256={hex_mac(secret, body)}"}


def new_id(uuid: str) -> str:
    """An event id, which is in the body."""
    return uuid


def _event(occasion: Occasion) -> dict[str, Any]:
    account, person = occasion.account, occasion.account.users[0]
    return {
        "id": occasion.delivery_id,
        "timestamp": occasion.moment,
        "workspace_id": account.id,
        "workspace_name": account.name,
        "subscription_id": f"sub-{occasion.app.client_id}",
        "integration_id": f"int-{occasion.app.client_id}",
        "type": occasion.kind,
        "authors": [{"id": person.id, "type": "person"}],
        "accessible_by": [{"id": person.id, "type": "person"}],
        "attempt_number": occasion.envelope.retry + 1,
        "entity": {"id": occasion.say("page", f"page-{occasion.delivery_id}"), "type": "page"},
        "data": occasion.say("data", {"parent": {"id": account.id, "type": "space"}}),
        "api_version": "2025-09-03",
    }
