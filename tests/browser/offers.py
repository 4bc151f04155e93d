"""What there is to connect, for tests that walk the pages."""

from __future__ import annotations

from tests.browser.pages import Tab
from tests.journeys.system import Json, System


class Offer:
    """An installation, its link, and an account to connect it to."""

    def __init__(self, system: System, made: Json, link: Json, account: str) -> None:
        self.system, self.webhook_id = system, str(made["webhookId"])
        self.bot, self.account = str(made["botId"]), account
        self.link, self.flow_id = str(link["url"]), str(link["flowId"])

    async def state(self) -> Json:
        """The installation as it is now."""
        return await self.system.installation(self.webhook_id)


async def an_offer(
    system: System, provider: str = "slack", *, accounts: str = "", **link: object
) -> Offer:
    """A fresh installation with its connect link; *accounts* names who has the account, where it differs."""
    made = await system.install(provider, await system.bot())
    minted = await system.link(made["webhookId"], **link)
    return Offer(system, made, minted, system.account(accounts or provider, "Initech"))


async def connect(tab: Tab, offer: Offer) -> None:
    """Go all the way."""
    await tab.page.goto(offer.link)
    await tab.go_on()
    await tab.allow(offer.account)
