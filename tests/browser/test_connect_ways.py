"""Every way that connecting can take, on a telephone of 360 px; each page is searched for what shuts people out."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.browser.offers import Offer, an_offer, connect
from tests.browser.pages import People, Tab
from tests.journeys.connecting import expire
from tests.journeys.system import APP, System, until
from tests.journeys.test_choosing import choosy
from tests.journeys.test_configurations import exclusive
from tests.journeys.test_granted import stingy

pytestmark = [pytest.mark.asyncio(loop_scope="session"), pytest.mark.needs("chromium")]

TELEPHONE = {"width": 360, "height": 740}


class Walk:
    """One person with a telephone, and what was wrong with the pages that they were shown."""

    def __init__(self, tab: Tab, gallery: Path) -> None:
        self.tab, self._gallery = tab, gallery
        self.wrong: list[str] = []

    async def look(self, name: str) -> str:
        """Take a picture, note what is wrong; returns what is read."""
        await self.tab.shot(self._gallery, f"360-{name}")
        self.wrong += [f"{name}: {one}" for one in await self.tab.flaws()]
        self.wrong += self.tab.complaints
        return await self.tab.page.inner_text("main")

    async def start_again(self) -> None:
        """The one button of a page that says what went wrong."""
        await self.tab.page.get_by_role("link", name="Start again").click()
        await self.tab.page.wait_for_load_state()


async def a_walk(people: People, gallery: Path, **settings: object) -> Walk:
    return Walk(await people.tab(viewport=TELEPHONE, **settings), gallery)


async def test_a_page_that_shuts_people_out_is_found_out(people: People) -> None:
    tab = await people.tab(viewport=TELEPHONE)
    await tab.page.set_content(
        '<input name="x"><button></button><div style="width: 400px">wide</div>'
    )

    assert [
        "no language", "no title", "0 h1", "0 main", "no label: x", "no words: BUTTON",
        "too small: ", "wider than the window",
    ] == await tab.flaws()  # fmt: skip


async def test_an_expired_link_says_whom_to_ask(
    system: System, people: People, gallery: Path
) -> None:
    offer, walk = await an_offer(system), await a_walk(people, gallery)
    await walk.tab.page.goto(offer.link)
    await walk.look("connect")
    await expire(system, offer.link)
    await walk.tab.go_on()
    pressed = await walk.look("expired")
    answer = await walk.tab.page.goto(offer.link)

    assert "This link has expired" in pressed
    assert "Ask whoever sent it" in pressed
    assert answer is not None
    assert 410 == answer.status
    assert [] == walk.wrong


async def test_an_account_that_serves_another_bot_stays_there(
    system: System, people: People, gallery: Path
) -> None:
    name = await exclusive(system, title="Acme")
    offer, walk = await an_offer(system, name, accounts="acme"), await a_walk(people, gallery)
    first = await system.install(name, await system.bot())
    await system.connect(first["webhookId"], offer.account)
    await connect(walk.tab, offer)
    said = await walk.look("already_bound")

    assert "This account is connected already" in said
    assert "pending" == (await offer.state())["connection"]
    assert "connected" == (await system.installation(first["webhookId"]))["connection"]
    assert [] == walk.wrong


async def test_a_lost_connection_is_made_again_as_the_same_account_and_no_other(
    system: System, people: People, gallery: Path
) -> None:
    offer, walk = await an_offer(system), await a_walk(people, gallery)
    page, other = walk.tab.page, system.account("slack", "Globex")
    await connect(walk.tab, offer)
    await system.send("slack", offer.account, "app_uninstalled")
    await until(lambda: is_lost(offer), 10.0, lambda: "the connection is not lost")
    again = (await system.link(offer.webhook_id))["url"]
    await page.goto(again)
    shown, tone = await walk.look("reconnect"), await page.get_attribute("main", "class")
    await page.get_by_role("button", name="Reconnect Slack").click()
    await walk.tab.allow(other)
    refused = await walk.look("wrong_account")
    await walk.start_again()
    await page.get_by_role("button", name="Reconnect Slack").click()
    await walk.tab.allow(offer.account)
    await walk.look("reconnected")

    assert "warn" == tone
    assert "The connection to Slack ended: the app was removed from the workspace" in shown
    assert "sign in as Initech" in shown
    assert "This is another account" in refused
    assert f"made for Initech ({offer.account})" in refused
    assert f"signed in as Globex ({other})" in refused
    assert "Slack is connected" == await walk.tab.headline()
    after = await offer.state()
    assert ("connected", offer.account) == (after["connection"], after["identifier"])
    assert [] == walk.wrong


async def is_lost(offer: Offer) -> bool:
    return "needs_reauth" == (await offer.state())["connection"]


async def test_the_names_of_two_accounts_are_said_in_the_reader_s_language(
    system: System, people: People, gallery: Path
) -> None:
    offer = await an_offer(system)
    walk = await a_walk(people, gallery, locale="de-DE")
    other = system.account("slack", "Globex")
    await system.connect(offer.webhook_id, offer.account)
    await walk.tab.page.goto((await system.link(offer.webhook_id))["url"])
    await walk.tab.page.get_by_role("button").click()
    await walk.tab.allow(other)
    said = await walk.look("wrong_account-de")

    assert f"Diese Verbindung gehört zu Initech ({offer.account})" in said
    assert f"als Globex ({other})" in said
    assert "connected to" not in said
    assert [] == walk.wrong


async def test_permissions_that_were_not_granted_are_named_with_what_to_do(
    system: System, people: People, gallery: Path
) -> None:
    offer = await an_offer(system, await stingy(system), accounts="acme")
    walk = await a_walk(people, gallery)
    await connect(walk.tab, offer)
    said = await walk.look("scopes_missing")

    assert "Acme is connected" == await walk.tab.headline()
    assert "Not granted" in said
    assert "Connect again and allow them" in said
    assert [] == walk.wrong


async def test_one_of_several_accounts_is_chosen(
    system: System, people: People, gallery: Path
) -> None:
    offer = await an_offer(system, await choosy(system), accounts="acme")
    walk = await a_walk(people, gallery)
    await connect(walk.tab, offer)
    await walk.tab.page.get_by_text("Which account?").wait_for()
    await walk.look("choose")
    await walk.tab.page.get_by_label("Initech 2").check()
    await walk.tab.page.get_by_role("button", name="Connect this account").click()
    await walk.tab.page.get_by_text("Acme is connected").wait_for()
    said = await walk.look("chosen")

    assert f"Initech 2 ({offer.account}-2)" in said
    assert f"{offer.account}-2" == (await offer.state())["identifier"]
    assert [] == walk.wrong


async def test_what_is_typed_in_is_explained_checked_and_can_be_mended(
    system: System, people: People, gallery: Path
) -> None:
    """An empty field is the browser's own to complain of: nothing is sent."""
    about = {
        "title": "Shop",
        "example": "my-shop",
        "description": "The first part of its address",
    }
    rules = {"shop": {"type": "dns_label", **about}}
    offer = await an_offer(
        system, await exclusive(system, title="Acme", inputs=rules), accounts="acme"
    )
    walk = await a_walk(people, gallery)
    field, page = walk.tab.page.get_by_label("Shop"), walk.tab.page
    await page.goto(offer.link)
    await walk.look("inputs")
    described = await page.inner_text(f"#{await field.get_attribute('aria-describedby')}")
    await walk.tab.go_on()
    stayed = page.url
    await field.fill("not a label")
    await walk.tab.go_on()
    wrong = await walk.look("invalid_input")
    left, focused = (
        await field.input_value(),
        await page.evaluate("document.activeElement.name"),
    )
    await field.fill("my-shop")
    await walk.tab.go_on()
    await walk.tab.allow(offer.account)

    assert offer.link == stayed
    assert about["description"] == described
    assert "Something you entered is not right" in wrong
    assert "Lower-case letters, digits and dashes are expected" in wrong
    assert ("not a label", "shop") == (left, focused)
    assert "Acme is connected" == await walk.tab.headline()
    assert [] == walk.wrong


class TestTheKeyboard:
    async def test_leads_from_the_link_to_the_way_on_and_one_sees_where_it_is(
        self, system: System, people: People, gallery: Path
    ) -> None:
        offer, tab = await an_offer(system, returnTo=f"{APP}/done"), await people.tab()
        await tab.page.goto(offer.link)
        outlines = [await tabbed_to(tab, "Continue to Slack")]
        await tab.shot(gallery, "keyboard-connect")
        await tab.page.keyboard.press("Enter")
        await tab.page.get_by_role("button", name="Allow").wait_for()
        await picked_with_arrows(tab, offer.account)
        await tabbed_to(tab, "Allow")
        await tab.page.keyboard.press("Enter")
        await tab.page.get_by_text("Slack is connected").wait_for()
        outlines.append(await tabbed_to(tab, "Continue"))
        await tab.shot(gallery, "keyboard-success")

        assert ["solid 3px", "solid 3px"] == outlines
        assert "connected" == (await offer.state())["connection"]


async def picked_with_arrows(tab: Tab, account: str) -> None:
    """On the provider's page: Tab to its list of accounts, then up, where the newest is the last."""
    await tab.page.keyboard.press("Tab")
    for _ in range(200):
        await tab.page.keyboard.press("ArrowUp")
        chosen = await tab.page.evaluate("document.activeElement.value")
        if str(chosen).startswith(f"{account}/"):
            return
    raise AssertionError(f"no way to {account} by keyboard")


async def tabbed_to(tab: Tab, words: str) -> str:
    """Press Tab until the element with these words has the focus; returns its outline."""
    for _ in range(20):
        await tab.page.keyboard.press("Tab")
        if words == await tab.page.evaluate("document.activeElement.textContent.trim()"):
            return str(
                await tab.page.evaluate(
                    "(({outlineStyle: s, outlineWidth: w}) => `${s} ${w}`)"
                    "(getComputedStyle(document.activeElement))"
                )
            )
    raise AssertionError(f"no way to {words} by keyboard")
