"""`ctx.client.add_subscription`: what a handler says of its provider's webhooks."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest

from shared.errors import Permanent
from shared.model.installations import Installation
from shared.secret import Secret
from workers.runtime.context import Client

HOME = Installation(webhook_id="w1", bot_id="shop", alias="asana", integration="asana")


class Subscriptions:
    """Remembers what it is told."""

    def __init__(self) -> None:
        self.told: list[Any] = []

    async def put(self, home: Installation, id: str, secret: Secret | None = None) -> int:
        self.told.append((home.webhook_id, id, secret and secret.reveal()))
        return 0

    async def remove(self, home: Installation, id: str) -> bool:
        self.told.append((home.webhook_id, id))
        return True


async def test_a_handler_announces_and_ends_them() -> None:
    kept = Subscriptions()
    tools: Any = SimpleNamespace(subscriptions=kept)
    owner: Any = SimpleNamespace(installation=HOME)
    record: Any = None
    client = Client(tools, record, owner, in_flow=False)
    await client.add_subscription("22")
    await client.add_subscription("23", secret="s3cret")
    await client.remove_subscription("22")

    assert [("w1", "22", None), ("w1", "23", b"s3cret"), ("w1", "22")] == kept.told
    with pytest.raises(Permanent, match="1 to 200"):
        await client.add_subscription("")
