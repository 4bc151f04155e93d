"""One click, from the link to the result page, and everything by which a stranger could get in between."""

from __future__ import annotations

from urllib.parse import urlsplit

import pytest
from yarl import URL

from tests.journeys.connecting import a_link, expire, is_connected, state_in
from tests.journeys.system import APP, PROVIDERS, System, until
from tests.journeys.visitor import Visitor

pytestmark = pytest.mark.asyncio(loop_scope="session")


class TestOneClick:
    @pytest.mark.parametrize("provider", PROVIDERS)
    async def test_connects_an_account_and_binds_its_identifier(
        self, system: System, provider: str, since: int
    ) -> None:
        bot, account = await system.bot(), system.account(provider, "Acme & Söhne")
        made = await system.install(provider, bot)
        page = await system.connect(made["webhookId"], account)
        after = await system.installation(made["webhookId"])

        assert 200 == page.status
        assert "is connected" in page.headline
        assert ("connected", account) == (after["connection"], after["identifier"])
        assert ["issued"] == system.exchanges(provider, since)

    async def test_the_result_page_has_a_clean_address_and_names_the_bot(
        self, system: System
    ) -> None:
        """No code and no state stay in the history."""
        bot, account = await system.bot(), system.account("slack", "Acme <b>&amp;</b>")
        made = await system.install("slack", bot)
        page = await system.connect(made["webhookId"], account)

        assert urlsplit(page.url).path.startswith("/connect/flows/")
        assert "" == urlsplit(page.url).query
        assert bot in page.text
        assert "Acme &lt;b&gt;&amp;amp;&lt;/b&gt;" in page.text

    async def test_reloading_the_result_page_changes_nothing(
        self, system: System, since: int
    ) -> None:
        link = await a_link(system)
        async with Visitor() as visitor:
            first = await visitor.connect(link, system.account("slack"))
            second = await visitor.open(first.url)

        assert first.text == second.text
        assert ["issued"] == system.exchanges("slack", since)

    async def test_a_page_may_send_people_back_to_an_allowed_address(
        self, system: System
    ) -> None:
        made = await system.install("slack", await system.bot())
        page = await system.connect(
            made["webhookId"], system.account("slack"), returnTo=f"{APP}/done?x=1&y=2"
        )

        assert f'href="{APP}/done?x=1&amp;y=2"' in page.text

    @pytest.mark.parametrize(
        "evil",
        ["//evil.test", "https://app.example@evil.test", "https://evil.test/", "/\\evil"],
    )
    async def test_and_to_no_other(self, system: System, evil: str) -> None:
        made = await system.install("slack", await system.bot())
        path = f"installations/{made['webhookId']}/connect"
        said = await system.call("POST", path, {"returnTo": evil}, status=400)

        assert "returnTo" in said["message"]
        assert "WAYPOST_RETURN_TO" in said["message"]


class TestConnectingAgain:
    async def test_keeps_the_installation_of_the_same_account(self, system: System) -> None:
        account = system.account("slack")
        home = await system.connected("slack", await system.bot(), account)
        page = await system.connect(home["webhookId"], account)
        after = await system.installation(home["webhookId"])

        assert "Slack is connected" == page.headline
        assert ("connected", account) == (after["connection"], after["identifier"])

    async def test_as_somebody_else_is_refused_and_changes_nothing(
        self, system: System
    ) -> None:
        """What the bot knows of one workspace is not given another one's events; the page names both."""
        account, other = system.account("slack"), system.account("slack", "Other")
        home = await system.connected("slack", await system.bot(), account)
        page = await system.connect(home["webhookId"], other)
        after = await system.installation(home["webhookId"])

        assert "This is another account" == page.headline
        assert account in page.text
        assert f"Other ({other})" in page.text
        assert ("connected", account) == (after["connection"], after["identifier"])


class TestALink:
    async def test_previews_of_it_change_nothing(self, system: System, since: int) -> None:
        """A chat that fetches every link is no visitor; nobody gets a cookie by looking."""
        link = await a_link(system)
        async with Visitor() as bot, Visitor() as person:
            previews = [await bot.ask(method, link) for method in ("GET", "HEAD", "GET")]
            page = await person.connect(link, system.account("slack"))

        assert [200, 200, 200] == [one.status for one in previews]
        assert {} == bot.cookies
        assert "Slack is connected" == page.headline
        assert ["issued"] == system.exchanges("slack", since)

    async def test_is_good_until_somebody_has_connected(self, system: System) -> None:
        link = await a_link(system)
        async with Visitor() as first, Visitor() as second:
            await first.connect(link, system.account("slack"))
            again, pressed = await second.open(link), await second.press(link)

        assert (410, 410) == (again.status, pressed.status)
        assert "This link was used already" == again.headline == pressed.headline

    async def test_that_nobody_made_is_not_known(self, system: System) -> None:
        async with Visitor() as visitor:
            page = await visitor.open(f"{system.origin}/connect/{'x' * 43}")

        assert (404, "This link is not known") == (page.status, page.headline)

    async def test_ends_after_a_day(self, system: System, since: int) -> None:
        link = await a_link(system)
        await expire(system, link)
        async with Visitor() as visitor:
            page, pressed = await visitor.open(link), await visitor.press(link)

        assert (410, "This link has expired") == (page.status, page.headline)
        assert 410 == pressed.status
        assert [] == system.simulator.log[since:]

    async def test_names_the_state_differently_for_every_click(self, system: System) -> None:
        """256 random bits; never the webhookId, never the token of the link."""
        made = await system.install("slack", await system.bot())
        link = (await system.link(made["webhookId"]))["url"]
        async with Visitor() as visitor:
            states = [state_in(await visitor.press(link)) for _ in range(5)]

        assert 5 == len(set(states))
        assert {43} == {len(state) for state in states}
        known = {made["webhookId"], link.rpartition("/")[2]}
        assert not known & set(states)


class TestPressingTheButton:
    @pytest.mark.parametrize(
        "headers",
        [
            {"Sec-Fetch-Site": "cross-site"},
            {"Sec-Fetch-Site": "same-site"},
            {"Origin": "https://evil.test"},
        ],
        ids=str,
    )
    async def test_from_another_site_is_refused(
        self, system: System, headers: dict[str, str]
    ) -> None:
        """Or somebody else's page could connect your browser to their account (login CSRF)."""
        link = await a_link(system)
        async with Visitor() as visitor:
            answer = await visitor.ask("POST", link, headers=headers)

        assert 403 == answer.status
        assert "press its button" in answer.text
        assert {} == visitor.cookies

    async def test_from_our_own_page_is_not(self, system: System) -> None:
        link = await a_link(system)
        async with Visitor() as visitor:
            answer = await visitor.ask("POST", link, headers={"Origin": system.origin})

        assert 303 == answer.status

    async def test_gives_the_browser_a_cookie_no_script_can_read(self, system: System) -> None:
        async with Visitor() as visitor:
            answer = await visitor.press(await a_link(system))
        cookie = answer.headers["set-cookie"]

        assert "HttpOnly" in cookie
        assert "SameSite=Lax" in cookie
        assert "Path=/" in cookie
        assert "Domain" not in cookie

    async def test_asks_the_provider_with_pkce_where_it_has_it(self, system: System) -> None:
        async with Visitor() as visitor:
            pressed = await visitor.press(await a_link(system, "linear"))
        query = URL(pressed.location).query

        assert "S256" == query["code_challenge_method"]
        assert 43 == len(query["code_challenge"])


class TestConfirmation:
    async def test_waits_for_the_operator_s_word(self, system: System, since: int) -> None:
        """The code is exchanged at once, and nothing is active before the operator has confirmed."""
        bot, account = await system.bot(), system.account("slack")
        made = await system.install("slack", bot)
        link = await system.link(made["webhookId"], confirm=True)
        flow = f"flows/{link['flowId']}"
        async with Visitor() as visitor:
            waiting = await visitor.connect(link["url"], account)
            before = await system.installation(made["webhookId"])
            await system.call("POST", f"{flow}/confirm")
            await until(lambda: is_connected(system, made["webhookId"]), 10, lambda: "")
            page = await visitor.open(waiting.url)

        assert "Waiting for confirmation" == waiting.headline
        assert ("pending", None) == (before["connection"], before["identifier"])
        assert "Slack is connected" == page.headline
        assert ["issued"] == system.exchanges("slack", since)

    async def test_is_refused_for_a_flow_that_does_not_wait(self, system: System) -> None:
        made = await system.install("slack", await system.bot())
        link = await system.link(made["webhookId"])
        async with Visitor() as visitor:
            await visitor.press(link["url"])
        said = await system.call("POST", f"flows/{link['flowId']}/confirm", status=409)

        assert "does not wait for a confirmation" in said["message"]


class TestServiceWorkers:
    async def test_are_not_served_on_the_shared_origin(self, system: System) -> None:
        async with Visitor() as visitor:
            answer = await visitor.ask(
                "GET", f"{system.origin}/oauth/sw.js", headers={"Service-Worker": "script"}
            )

        assert 403 == answer.status
