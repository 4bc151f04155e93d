"""A user with several accounts at a provider picks one, on a page of the flow."""

from __future__ import annotations

import asyncio
import re
from typing import Any

import pytest

from tests.journeys.system import System
from tests.journeys.visitor import Page, Visitor

pytestmark = pytest.mark.asyncio(loop_scope="session")

NAME = "choosy"
APP = {"CLIENT_ID": "simulated-acme-client", "CLIENT_SECRET": "simulated-acme-client-secret"}


def definition(base: str) -> dict[str, Any]:
    """Acme, whose teams have two sites each."""
    return {
        "name": NAME,
        "version": "1.0.0",
        "title": "Acme",
        "verify": "none",
        "secrets": {"CLIENT_ID": {"public": True}, "CLIENT_SECRET": {}},
        "configuration": {"identifier": {"required": True}},
        "oauth": {
            "client": {"id": {"name": "CLIENT_ID"}, "secret": {"name": "CLIENT_SECRET"}},
            "authorize": {
                "url": f"{base}/acme.example/oauth/authorize",
                "scopes": {"default": ["read"]},
            },
            "token": {"url": f"{base}/acme.example/oauth/token"},
            "identity": {
                "externalId": {"from": "choice", "path": "id"},
                "name": {"from": "choice", "path": "name"},
                "choose": {"url": f"{base}/acme.example/api/sites", "detail": "url"},
            },
            "revoke": {"url": f"{base}/acme.example/oauth/revoke"},
        },
    }


async def choosy(system: System) -> str:
    """Registered, and its secrets set; returns its name."""
    await system.register(definition(system.simulator.base("acme")))
    await system.set_secrets(NAME, APP)
    return NAME


async def asked(system: System, visitor: Visitor, account: str) -> tuple[str, Page]:
    """A flow at the page that asks: the installation, and the page."""
    made = await system.install(await choosy(system), await system.bot())
    link = (await system.link(made["webhookId"]))["url"]
    return made["webhookId"], await visitor.stay(await visitor.callback(link, account))


async def pick(visitor: Visitor, page: Page, choice: str, **headers: str) -> Page:
    """Press the button of the page that asks."""
    sent = {"Sec-Fetch-Site": "same-origin", **headers}
    return await visitor.ask("POST", page.url, data={"choice": choice}, headers=sent)


class TestSeveralAccounts:
    async def test_the_one_that_was_picked_is_connected(
        self, system: System, since: int
    ) -> None:
        account = system.account("acme", "Söhne & Co")
        async with Visitor() as visitor:
            webhook_id, page = await asked(system, visitor, account)
            options = re.findall(r'type="radio"[^>]* value="([^"]+)"', page.text)
            pressed = await pick(visitor, page, options[1])
            ended = await visitor.stay(page.url)
        after = await system.installation(webhook_id)

        assert [f"{account}-1", f"{account}-2"] == options
        assert "Söhne &amp; Co 2" in page.text
        assert 303 == pressed.status
        assert "Acme is connected" == ended.headline
        assert ("connected", f"{account}-2") == (after["connection"], after["identifier"])
        assert ["issued"] == system.exchanges("acme", since)

    async def test_nobody_picks_what_was_not_offered(self, system: System) -> None:
        async with Visitor() as visitor:
            webhook_id, page = await asked(system, visitor, system.account("acme"))
            await pick(visitor, page, "T-of-somebody-else")
            again = await visitor.open(page.url)

        assert "Which account?" == again.headline
        assert "pending" == (await system.installation(webhook_id))["connection"]

    async def test_nobody_else_picks(self, system: System) -> None:
        """Neither another browser nor a page on another site."""
        account = system.account("acme")
        async with Visitor() as visitor, Visitor() as stranger:
            _, page = await asked(system, visitor, account)
            foreign = await pick(stranger, page, f"{account}-1")
            crossed = await pick(
                visitor, page, f"{account}-1", **{"Sec-Fetch-Site": "cross-site"}
            )
            await asyncio.sleep(0)
            again = await visitor.open(page.url)

        assert (403, 403) == (foreign.status, crossed.status)
        assert "Which account?" == again.headline
