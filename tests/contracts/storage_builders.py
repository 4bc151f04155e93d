"""What the contract tests of the storage classes start from."""

from __future__ import annotations

import uuid
from typing import Any

from shared.model.events import Event
from shared.model.flows import FLOW_LIFETIME, LINK_LIFETIME, ConnectLink, Flow
from shared.model.installations import Installation

NOON = 1_790_000_000.0


class FakeClock:
    """Stands still until it is told."""

    def __init__(self, at: float = NOON) -> None:
        self.at = at

    def now(self) -> float:
        return self.at

    def monotonic(self) -> float:
        return self.at


def an_installation(**parts: Any) -> Installation:
    """An installation of Slack on the bot `shop`."""
    defaults: dict[str, Any] = {
        "webhook_id": str(uuid.uuid4()), "bot_id": "shop", "alias": "slack", "integration": "slack",
        "integration_id": "int_1", "created_at": NOON, "connection": "pending",
    }  # fmt: skip
    return Installation(**{**defaults, **parts})


def a_link(**parts: Any) -> ConnectLink:
    """A link that was minted at noon."""
    defaults: dict[str, Any] = {
        "flow_id": "flow_1", "installation": "w1", "created_at": NOON, "expires_at": NOON + LINK_LIFETIME,
    }  # fmt: skip
    return ConnectLink(**{**defaults, **parts})


def a_flow(**parts: Any) -> Flow:
    """A flow that a browser opened at noon."""
    defaults: dict[str, Any] = {
        "id": "flow_1", "link": "l1", "installation": "w1", "integration": "slack", "cookie_hash": "c1",
        "created_at": NOON, "expires_at": NOON + FLOW_LIFETIME,
    }  # fmt: skip
    return Flow(**{**defaults, **parts})


def an_event(number: int = 1, **parts: Any) -> Event:
    """The event number *number* of the bot `shop`."""
    defaults: dict[str, Any] = {
        "id": f"evt_{number}", "type": "webhook", "created_at": "2026-09-21T12:00:00Z", "bot_id": "shop",
        "integration": "slack", "alias": "slack", "webhook_id": "w1", "identifier": "T1",
        "delivery_id": f"dlv_{number}", "payload": {"n": number},
    }  # fmt: skip
    return Event(**{**defaults, **parts})
