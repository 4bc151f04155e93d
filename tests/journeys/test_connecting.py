"""One click, from the link to the result page, and everything by which a stranger could get in between."""

from __future__ import annotations

import asyncio
import hashlib
from urllib.parse import parse_qs, urlsplit

import msgspec
import pytest
from yarl import URL

from shared.storage.flows import Flows
from tests.journeys.system import APP, PROVIDERS, System, until
from tests.journeys.visitor import Page, Visitor

pytestmark = pytest.mark.asyncio(loop_scope="session")


async def a_link(system: System, provider: str = "slack", **link: object) -> str:
    """A connect link of a fresh installation."""
    made = await system.install(provider, await system.bot())
    return str((await system.link(made["webhookId"], **link))["url"])


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


async def expire(system: System, link: str) -> None:
    """The link's record is moved into the past, as time would."""
    flows, hashed = Flows(system.store), hashed_token(link)
    stored = await flows.link(hashed)
    assert stored is not None
    past = msgspec.structs.replace(stored, expires_at=stored.created_at - 1)
    await flows.put_link(hashed, past)


def hashed_token(link: str) -> str:
    """Under what a link is stored."""
    return hashlib.sha256(link.rpartition("/")[2].encode()).hexdigest()


def state_in(pressed: Page) -> str:
    """The OAuth state in the address of a consent page."""
    return parse_qs(urlsplit(pressed.location).query)["state"][0]


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


class TestAForgedCallback:
    @pytest.mark.parametrize(
        "query",
        [
            "",
            "code=abc",
            "code=abc&state=",
            "code=abc&state=" + "A" * 43,
            "error=access_denied",
        ],
    )
    async def test_belongs_to_no_attempt(self, system: System, query: str, since: int) -> None:
        async with Visitor() as visitor:
            await visitor.press(await a_link(system))
            page = await visitor.open(f"{system.origin}/oauth?{query}")

        assert 400 == page.status
        assert "This answer belongs to no attempt to connect" == page.headline
        assert [] == system.exchanges("slack", since)

    async def test_with_the_webhook_id_as_its_state_is_refused(
        self, system: System, since: int
    ) -> None:
        """Botpress's own way; here only an integration server of its own may use it, and by a flow."""
        made = await system.install("slack", await system.bot())
        async with Visitor() as visitor:
            page = await visitor.open(
                f"{system.origin}/oauth?code=abc&state={made['webhookId']}"
            )

        assert 400 == page.status
        assert [] == system.exchanges("slack", since)

    async def test_with_an_altered_state_is_refused(self, system: System, since: int) -> None:
        async with Visitor() as visitor:
            callback = await visitor.callback(await a_link(system), system.account("slack"))
            url = URL(callback)
            state = url.query["state"]
            flipped = state[:-1] + ("A" if state[-1] != "A" else "B")
            page = await visitor.open(str(url.update_query(state=flipped)))
            right = await visitor.open(callback)

        assert 400 == page.status
        assert "Slack is connected" == right.headline
        assert ["issued"] == system.exchanges("slack", since)

    async def test_past_its_ten_minutes_is_refused(self, system: System, since: int) -> None:
        """The state's record is gone, as it is when its time is over."""
        async with Visitor() as visitor:
            callback = await visitor.callback(await a_link(system), system.account("slack"))
            state = URL(callback).query["state"]
            await expire_state(system, state)
            page = await visitor.open(callback)

        assert (400, []) == (page.status, system.exchanges("slack", since))

    async def test_of_an_attempt_that_a_newer_one_replaced_is_refused(
        self, system: System, since: int
    ) -> None:
        """Two tabs: the second press voids the first."""
        link, account = await a_link(system), system.account("slack")
        async with Visitor() as visitor:
            old = await visitor.callback(link, account)
            new = await visitor.callback(link, account)
            refused, right = await visitor.open(old), await visitor.open(new)

        assert (409, "This step was done already") == (refused.status, refused.headline)
        assert "Slack is connected" == right.headline
        assert ["issued"] == system.exchanges("slack", since)

    async def test_says_what_the_provider_said_escaped_and_short(self, system: System) -> None:
        async with Visitor() as visitor:
            pressed = await visitor.press(await a_link(system))
            words = "%3Cscript%3Ealert(1)%3C/script%3E%0d%0aSet-Cookie:%20a=b" + "x" * 5000
            page = await visitor.open(
                f"{system.origin}/oauth?error=server_error&error_description={words}"
                f"&state={state_in(pressed)}"
            )

        assert "The provider refused" == page.headline
        assert "<script>" not in page.text
        assert "&lt;script&gt;" in page.text
        assert "x" * 400 not in page.text


async def expire_state(system: System, state: str) -> None:
    """Let the time of a state run out."""
    hashed = hashlib.sha256(state.encode()).hexdigest()
    keys = await system.store.redis.keys(f"*oauth-state:{hashed}")
    assert 1 == await system.store.redis.delete(*keys)


class TestAnotherBrowser:
    async def test_cannot_finish_what_it_has_not_begun(
        self, system: System, since: int
    ) -> None:
        """And the one that began still can."""
        async with Visitor() as mine, Visitor() as other:
            callback = await mine.callback(await a_link(system), system.account("slack"))
            refused = await other.open(callback)
            nothing = system.exchanges("slack", since)
            right = await mine.open(callback)

        assert (403, "This was begun in another browser") == (refused.status, refused.headline)
        assert [] == nothing
        assert "Slack is connected" == right.headline

    async def test_with_a_flow_of_its_own_cannot_either(
        self, system: System, since: int
    ) -> None:
        """An attacker's callback, opened by a victim who is connecting something just now."""
        async with Visitor() as attacker, Visitor() as victim:
            await victim.press(await a_link(system))
            callback = await attacker.callback(await a_link(system), system.account("slack"))
            refused = await victim.open(callback)

        assert 403 == refused.status
        assert [] == system.exchanges("slack", since)

    async def test_cannot_look_at_the_flow(self, system: System) -> None:
        async with Visitor() as mine, Visitor() as other:
            page = await mine.connect(await a_link(system), system.account("slack"))
            seen = await other.open(page.url)

        assert 403 == seen.status
        assert "Acme" not in seen.text


class TestARepeatedCallback:
    async def test_lands_on_the_result_page(self, system: System, since: int) -> None:
        async with Visitor() as visitor:
            callback = await visitor.callback(await a_link(system), system.account("slack"))
            pages = [await visitor.open(callback) for _ in range(3)]

        assert ["Slack is connected"] * 3 == [page.headline for page in pages]
        assert ["issued"] == system.exchanges("slack", since)

    async def test_twenty_at_once_are_one_exchange(self, system: System, since: int) -> None:
        link = await a_link(system)
        async with Visitor() as visitor:
            callback = await visitor.callback(link, system.account("slack"))
            pages = await asyncio.gather(*(visitor.open(callback) for _ in range(20)))
            last = await visitor.open(pages[0].url)

        assert ["issued"] == system.exchanges("slack", since)
        assert {200} == {page.status for page in pages}
        assert "Slack is connected" == last.headline


class TestAPersonWhoCancels:
    @pytest.mark.parametrize("provider", ["slack", "linear", "notion"])
    async def test_is_told_so_and_may_start_again(self, system: System, provider: str) -> None:
        link = await a_link(system, provider)
        async with Visitor() as visitor:
            page = await visitor.open(await visitor.callback(link, "deny"))
            again = await visitor.connect(
                f"{system.origin}{page.again}", system.account(provider)
            )

        assert "You cancelled" == page.headline
        assert link == f"{system.origin}{page.again}"
        assert "is connected" in again.headline


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


async def is_connected(system: System, webhook_id: str) -> bool:
    """Whether somebody has connected it."""
    return (await system.installation(webhook_id))["connection"] == "connected"


class TestServiceWorkers:
    async def test_are_not_served_on_the_shared_origin(self, system: System) -> None:
        async with Visitor() as visitor:
            answer = await visitor.ask(
                "GET", f"{system.origin}/oauth/sw.js", headers={"Service-Worker": "script"}
            )

        assert 403 == answer.status
