"""Uninstalling ends the tokens at the provider, and the receipt says what became of them."""

from __future__ import annotations

import pytest

from tests.journeys.system import System

pytestmark = pytest.mark.asyncio(loop_scope="session")

REVOKED = {"slack": "auth.revoke", "linear": "oauth/revoke"}


def revocations(system: System, provider: str, since: int) -> list[str]:
    """What the provider said to each call that ends a token."""
    calls = system.simulator.log[since:]
    ours = [one for one in calls if one.provider == provider]
    return [one.outcome for one in ours if one.path.endswith(REVOKED[provider])]


class TestTheReceipt:
    @pytest.mark.parametrize("provider", ["slack", "linear"])
    async def test_says_that_the_tokens_are_revoked(
        self, system: System, provider: str, since: int
    ) -> None:
        account = system.account(provider)
        home = await system.connected(provider, await system.bot(), account)
        receipt = (await system.call("DELETE", f"installations/{home['webhookId']}"))["receipt"]

        assert ("revoked", True) == (receipt["revocation"], receipt["dataKeyDestroyed"])
        assert ["revoked"] == revocations(system, provider, since)
        await system.call("GET", f"installations/{home['webhookId']}", status=404)

    async def test_says_that_there_was_nothing_to_revoke(self, system: System) -> None:
        made = await system.install("slack", await system.bot())
        receipt = (await system.call("DELETE", f"installations/{made['webhookId']}"))["receipt"]

        assert "not_needed" == receipt["revocation"]

    async def test_says_that_the_provider_would_not(self, system: System) -> None:
        """It is removed all the same, and what was sealed for it cannot be opened any more."""
        account = system.account("linear")
        home = await system.connected("linear", await system.bot(), account)
        for _ in range(3):
            system.simulator.fault("linear", "oauth/revoke", "502-before")
        receipt = (await system.call("DELETE", f"installations/{home['webhookId']}"))["receipt"]

        assert ("failed", True) == (receipt["revocation"], receipt["dataKeyDestroyed"])
        await system.call("GET", f"installations/{home['webhookId']}", status=404)
