"""A provider that grants less than was asked for: connected, and everybody can see what is missing (RFC 6749 §3.3)."""

from __future__ import annotations

import pytest

from tests.journeys.system import System
from tests.journeys.test_choosing import APP, definition

pytestmark = pytest.mark.asyncio(loop_scope="session")

NAME = "stingy"


async def stingy(system: System) -> str:
    """The scopes go under another name here, so the provider grants none and says so."""
    document = {**definition(system.simulator.base("acme")), "name": NAME}
    oauth = document["oauth"]
    oauth["authorize"]["scopes"] = {"default": ["read", "write"], "optional": ["write"]}
    oauth["authorize"]["rename"] = {"scope": "scopes"}
    oauth["identity"] = {
        "externalId": {"from": "call", "path": "team.id"},
        "call": {"url": f"{system.simulator.base('acme')}/acme.example/api/me"},
    }
    await system.register(document)
    await system.set_secrets(NAME, APP)
    return NAME


async def test_what_was_not_granted_is_shown_and_kept(system: System) -> None:
    made = await system.install(await stingy(system), await system.bot())
    page = await system.connect(made["webhookId"], system.account("acme"))
    after = await system.installation(made["webhookId"])

    assert "Acme is connected" == page.headline
    assert "<dd>read</dd>" in page.text
    assert "connected" == after["connection"]
    assert ["read"] == after["account"]["missingScopes"]
