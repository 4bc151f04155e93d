"""What comes back from the provider: forged, in another browser, twice, or with a no."""

from __future__ import annotations

import asyncio

import pytest
from yarl import URL

from tests.journeys.connecting import a_link, expire_state, state_in
from tests.journeys.system import System
from tests.journeys.visitor import Visitor

pytestmark = pytest.mark.asyncio(loop_scope="session")


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

    async def test_that_names_another_issuer_than_github_is_refused(
        self, system: System, since: int
    ) -> None:
        """And the one that names GitHub, or nobody, goes on (RFC 9207)."""
        account = system.account("github")
        pages = []
        async with Visitor() as visitor:
            for iss in ("https://evil.example", "https://github.com/login/oauth", None):
                came = URL(await visitor.callback(await a_link(system, "github"), account))
                named = came if iss is None else came.update_query(iss=iss)
                pages.append(await visitor.stay(str(named)))

        assert [
            "This answer belongs to no attempt to connect",
            "GitHub is connected",
            "GitHub is connected",
        ] == [page.headline for page in pages]
        assert ["issued"] * 2 == system.exchanges("github", since)

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
