"""Connecting as a person sees it: a real browser, from the link to the last page."""

from __future__ import annotations

from pathlib import Path
from urllib.parse import urlsplit

import msgspec
import pytest
from playwright.async_api import Response

from shared.model.flows import CAUSES
from shared.storage.flows import Flows
from tests.browser.offers import an_offer, connect
from tests.browser.pages import People, Tab
from tests.journeys.system import APP, TOKEN_PATHS, System

pytestmark = [pytest.mark.asyncio(loop_scope="session"), pytest.mark.needs("chromium")]


class TestOneClick:
    async def test_leads_from_the_link_to_the_success_page(
        self, system: System, people: People, since: int
    ) -> None:
        offer, tab = await an_offer(system), await people.tab()
        await tab.page.goto(offer.link)
        shown = await tab.page.inner_text("main")
        await tab.go_on()
        consent = await tab.headline()
        await tab.allow(offer.account)
        done = await tab.page.inner_text("main")
        state = await offer.state()

        assert "Connect Slack" in shown
        assert offer.bot in shown
        assert "app_mentions:read" in shown
        assert "would like access" in consent
        assert "Slack is connected" == await tab.headline()
        assert "Initech" in done
        assert offer.bot in done
        assert urlsplit(tab.page.url).path.startswith("/connect/flows/")
        assert "" == urlsplit(tab.page.url).query
        assert ("connected", offer.account) == (state["connection"], state["identifier"])
        assert ["issued"] == system.exchanges("slack", since)

    @pytest.mark.parametrize("provider", ["github", "linear", "notion"])
    async def test_works_for_the_other_providers(
        self, system: System, people: People, provider: str
    ) -> None:
        offer, tab = await an_offer(system, provider), await people.tab()
        await tab.page.goto(offer.link)
        await tab.go_on()
        await tab.allow(offer.account)

        assert "is connected" in await tab.headline()
        assert offer.account == (await offer.state())["identifier"]

    async def test_ends_where_the_operator_s_page_asked_for(
        self, system: System, people: People
    ) -> None:
        offer, tab = await an_offer(system, returnTo=f"{APP}/done"), await people.tab()
        await connect(tab, offer)

        assert f"{APP}/done" == await tab.page.get_by_role(
            "link", name="Continue"
        ).get_attribute("href")

    async def test_survives_a_reload_of_the_success_page(
        self, system: System, people: People, since: int
    ) -> None:
        offer, tab = await an_offer(system), await people.tab()
        await connect(tab, offer)
        await tab.page.reload()
        await tab.page.go_back()
        await tab.page.go_forward()

        assert "Slack is connected" == await tab.headline()
        assert "connected" == (await offer.state())["connection"]
        assert ["issued"] == system.exchanges("slack", since)


class TestCancelling:
    async def test_is_said_plainly_and_start_again_works(
        self, system: System, people: People
    ) -> None:
        offer, tab = await an_offer(system), await people.tab()
        await tab.page.goto(offer.link)
        await tab.go_on()
        await tab.cancel()
        said, between = await tab.headline(), await offer.state()
        await tab.page.get_by_role("link", name="Start again").click()
        await tab.page.wait_for_load_state()
        await tab.go_on()
        await tab.allow(offer.account)

        assert "You cancelled" == said
        assert "pending" == between["connection"]
        assert "Slack is connected" == await tab.headline()


class TestALinkUsedTwice:
    async def test_shows_the_page_that_it_was_used(
        self, system: System, people: People, since: int
    ) -> None:
        offer, tab, other = await an_offer(system), await people.tab(), await people.tab()
        await connect(tab, offer)
        for one in (tab, other):
            answer = await one.page.goto(offer.link)
            assert answer is not None
            assert 410 == answer.status
            assert "This link was used already" == await one.headline()
            assert 0 == await one.page.get_by_role("button").count()
        assert ["issued"] == system.exchanges("slack", since)


class TestAnotherBrowser:
    async def test_is_refused_and_the_first_can_still_finish(
        self, system: System, people: People, gallery: Path, since: int
    ) -> None:
        """The address to come back to is carried from one browser to the other, as an attacker would."""
        offer, mine, other = await an_offer(system), await people.tab(), await people.tab()
        await mine.page.goto(offer.link)
        await mine.go_on()
        callback = await agreed(mine, offer.account)
        answer = await other.page.goto(callback)
        refused, between = await other.headline(), system.exchanges("slack", since)
        await other.shot(gallery, "other_browser")
        await mine.page.goto(callback)

        assert answer is not None
        assert 403 == answer.status
        assert "This was begun in another browser" == refused
        assert [] == between
        assert "Slack is connected" == await mine.headline()
        assert ["issued"] == system.exchanges("slack", since)


async def agreed(tab: Tab, account: str) -> str:
    """Agree on the consent page with the browser's own cookies, without opening what comes next."""
    fields = {
        name: await tab.page.locator(f'input[name="{name}"]').get_attribute("value") or ""
        for name in ("ask", "csrf")
    }
    form = {**fields, "choice": f"{account}/", "action": "allow"}
    answer = await tab.context.request.post(
        tab.page.url.partition("?")[0], form=dict(form), max_redirects=0
    )
    return answer.headers["location"]


class TestAFailedExchange:
    async def test_shows_what_happened_and_how_to_go_on(
        self, system: System, people: People, since: int
    ) -> None:
        offer, tab = await an_offer(system), await people.tab()
        system.simulator.fault("slack", TOKEN_PATHS["slack"], "502-after")
        await connect(tab, offer)
        said = await tab.headline()
        await tab.page.get_by_role("link", name="Start again").click()
        await tab.go_on()
        await tab.allow(offer.account)

        assert "We lost the provider's answer" == said
        assert "Slack is connected" == await tab.headline()

    async def test_that_may_still_succeed_is_waited_for_on_a_page_that_goes_on_by_itself(
        self, system: System, people: People, gallery: Path, since: int
    ) -> None:
        """Without a script; it may be opened in a second tab meanwhile."""
        offer, tab = await an_offer(system), await people.tab()
        system.simulator.fault("slack", TOKEN_PATHS["slack"], "429", retry_after=3)
        await tab.page.goto(offer.link)
        await tab.go_on()
        callback = await agreed(tab, offer.account)
        second = Tab(tab.context, await tab.context.new_page())
        await tab.page.evaluate(f"location.href = {callback!r}")
        await second.page.goto(f"{system.origin}/connect/flows/{offer.flow_id}")
        first = await second.headline()
        await second.shot(gallery, "pending")
        await second.page.get_by_text("Slack is connected").wait_for()
        await tab.page.get_by_text("Slack is connected").wait_for()

        assert "Connecting" == first
        assert ["untouched", "issued"] == system.exchanges("slack", since)


async def is_discreet(answer: Response) -> bool:
    """Kept by no cache, and the next site learns the origin at most."""
    headers = await answer.all_headers()
    policy = "no-referrer" if answer.status == 303 else "strict-origin"
    return (policy, "no-store") == (headers["referrer-policy"], headers["cache-control"])


async def origins_told(answers: list[Response]) -> list[str]:
    """Where the browser says that its forms were."""
    pressed = [one.request for one in answers if one.request.method == "POST"]
    return [(await one.all_headers())["origin"] for one in pressed]


class TestEveryPage:
    """Looks the same for everybody: strict headers, no script, nothing from elsewhere."""

    async def test_is_shown_without_script_or_strangers(
        self, system: System, people: People, gallery: Path, since: int
    ) -> None:
        offer, tab = await an_offer(system, confirm=True), await people.tab()
        answers: list[Response] = []
        tab.page.on("response", lambda one: answers.append(one))  # noqa: PLW0108
        shown = []
        await tab.page.goto(offer.link)
        shown.append(await tab.seen(gallery, "connect"))
        await tab.go_on()
        await tab.allow(offer.account)
        shown.append(await tab.seen(gallery, "confirming"))
        await system.call("POST", f"flows/{offer.flow_id}/confirm")
        await tab.page.get_by_text("Slack is connected").wait_for()
        shown.append(await tab.seen(gallery, "success"))
        await tab.page.goto(offer.link)
        shown.append(await tab.seen(gallery, "link_used"))

        assert [] == [page for page in shown if "<script" in page or "javascript:" in page]
        ours = [one for one in answers if one.url.startswith(system.origin)]
        assert [] == [one for one in ours if not await is_discreet(one)]
        assert [system.origin] == await origins_told(ours)
        for headers in [await one.all_headers() for one in ours if one.status in {200, 410}]:
            policy = headers["content-security-policy"]
            assert "default-src 'none'" in policy
            assert "frame-ancestors 'none'" in policy
            assert "script-src" not in policy
        here = {urlsplit(system.origin).netloc, urlsplit(system.simulator.url).netloc}
        assert here == {urlsplit(one.url).netloc for one in tab.asked}
        assert [] == tab.complaints

    @pytest.mark.parametrize("scheme", ["light", "dark"])
    async def test_of_a_failure_can_be_looked_at(
        self, system: System, people: People, gallery: Path, scheme: str, since: int
    ) -> None:
        """One per cause that a browser can come to by itself; the same in the dark."""
        tab = await people.tab(color_scheme=scheme)
        offer = await an_offer(system)
        await tab.page.goto(f"{system.origin}/connect/{'x' * 43}")
        await tab.shot(gallery, f"{scheme}-unknown_link")
        await tab.page.goto(f"{system.origin}/oauth?state=x&code=y")
        await tab.shot(gallery, f"{scheme}-unknown_state")
        await tab.page.goto(offer.link)
        await tab.go_on()
        await tab.cancel()
        await tab.shot(gallery, f"{scheme}-cancelled")
        await tab.page.goto(f"{system.origin}/oauth/interstitial?success=true")
        await tab.shot(gallery, f"{scheme}-interstitial")
        body = '{"ok": false, "error": "fatal_error"}'
        system.simulator.fault("slack", TOKEN_PATHS["slack"], "answer", status=200, body=body)
        await connect(tab, offer)
        await tab.shot(gallery, f"{scheme}-provider_error")
        detail = await tab.page.locator("pre").inner_text()

        assert "fatal_error" in detail
        assert [] == tab.complaints

    async def test_of_an_ended_flow_has_one_headline_and_at_most_one_button(
        self, system: System, people: People, gallery: Path
    ) -> None:
        """One cause, one page: all of them, on a flow that is made to end so, on a telephone."""
        offer = await an_offer(system)
        tab = await people.tab(viewport={"width": 360, "height": 740})
        await tab.page.goto(offer.link)
        await tab.go_on()
        flows, headlines, flaws = Flows(system.store), set(), list[str]()
        begun = await flows.flow(offer.flow_id)
        assert begun is not None
        for cause in CAUSES:
            ended = msgspec.structs.replace(begun, status="failed", cause=cause, detail="a=<b>")
            await flows.put_flow(ended)
            await tab.page.goto(f"{system.origin}/connect/flows/{offer.flow_id}")
            await tab.shot(gallery, f"cause-{cause}")
            headlines.add(await tab.headline())
            flaws += await tab.flaws()
            assert await tab.page.locator("a.button, button").count() <= 1

        assert len(CAUSES) == len(headlines)
        assert [] == flaws

    @pytest.mark.parametrize(
        ("locale", "headline", "button"),
        [
            ("de-CH", "Slack verbinden", "Weiter zu Slack"), ("fr-FR", "Connecter Slack", "Continuer vers Slack"),
            ("es-MX", "Conectar Slack", "Continuar a Slack"), ("ja-JP", "Slack を接続", "Slack へ進む"),
            ("nl-NL", "Connect Slack", "Continue to Slack"),
        ],
    )  # fmt: skip
    async def test_speaks_the_reader_s_language_from_the_link_to_the_end(
        self,
        system: System,
        people: People,
        gallery: Path,
        locale: str,
        headline: str,
        button: str,
    ) -> None:
        offer, tab = await an_offer(system), await people.tab(locale=locale)
        await tab.page.goto(offer.link)
        await tab.shot(gallery, f"connect-{locale}")
        first = await tab.headline()
        await tab.page.get_by_role("button", name=button).click()
        await tab.page.wait_for_load_state()
        await tab.cancel()
        await tab.shot(gallery, f"cancelled-{locale}")

        assert headline == first
        assert locale[:2] in {await tab.page.get_attribute("html", "lang"), "nl"}
        assert [] == tab.complaints

    @pytest.mark.parametrize("width", [320, 1280])
    async def test_fits_a_telephone_and_a_desk(
        self, system: System, people: People, gallery: Path, width: int
    ) -> None:
        offer = await an_offer(system)
        tab = await people.tab(viewport={"width": width, "height": 700})
        await tab.page.goto(offer.link)
        await tab.shot(gallery, f"width-{width}")
        wide = await tab.page.evaluate("document.documentElement.scrollWidth")

        assert wide <= width
