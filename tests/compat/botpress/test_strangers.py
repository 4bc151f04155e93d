"""An integration's own `/oauth` pages work only in the browser that pressed the button."""

from __future__ import annotations

import pytest

from shared.storage.flows import Flows
from tests.compat.botpress.installing import (
    Setting,
    a_setting,
    an_integration,
    begun,
    installed,
    interstitial,
    registered,
)
from tests.compat.botpress.recording import Recorder, html, redirect
from tests.journeys.system import System
from tests.journeys.visitor import Page, Visitor

pytestmark = pytest.mark.asyncio(loop_scope="session")


class TestAStranger:
    async def test_s_browser_is_told_what_to_do(self, system: System, server: Recorder) -> None:
        """A callback that was sent by link, or a page that was opened elsewhere."""
        one = await a_setting(system, server)
        async with Visitor() as visitor, Visitor() as other:
            pressed = await begun(system, visitor, one.id)
            pages = [
                await other.open(pressed.location),
                await other.open(one.at("/wizard/oauth-callback", "code=c")),
                await other.ask("POST", one.at("/wizard/submit"), data="a=1"),
            ]

        assert [403] * 3 == [page.status for page in pages]
        assert {"This was begun in another browser"} == {page.headline for page in pages}
        assert [] == server.requests

    async def test_cannot_go_on_with_a_flow_of_another_installation(
        self, system: System, server: Recorder
    ) -> None:
        name = await an_integration(system, server)
        mine, other = [Setting(system, server, await installed(system, name)) for _ in range(2)]
        async with Visitor() as visitor:
            await begun(system, visitor, mine.id)
            page = await visitor.open(other.at("/wizard/start"))

        assert (403, "This page belongs to an attempt to connect") == (
            page.status,
            page.headline,
        )
        assert [] == server.requests

    async def test_finds_nothing_behind_an_end(self, system: System, server: Recorder) -> None:
        server.handler = lambda _: redirect(interstitial(system, success=True))
        one = await a_setting(system, server)
        async with Visitor() as visitor:
            pressed = await begun(system, visitor, one.id)
            await visitor.ask("GET", pressed.location)
            page = await visitor.open(pressed.location)

        assert (409, "This step was done already") == (page.status, page.headline)
        assert 1 == len(server.requests)

    async def test_finds_nothing_behind_a_flow_that_ran_out(
        self, system: System, server: Recorder
    ) -> None:
        one = await a_setting(system, server)
        async with Visitor() as visitor:
            pressed = await begun(system, visitor, one.id)
            await Flows(system.store).update_flow((await one.flow()).id, expires_at=1.0)
            page = await visitor.open(pressed.location)

        assert "This took too long" == page.headline
        assert [] == server.requests

    @pytest.mark.parametrize("query", ["", "?state=", "?state=no", "?x=state"])
    async def test_without_a_state_is_told_so(self, system: System, query: str) -> None:
        async with Visitor() as visitor:
            page = await visitor.open(f"{system.origin}/oauth/wizard/start{query}")

        assert (400, "This answer belongs to no attempt to connect") == (
            page.status,
            page.headline,
        )

    @pytest.mark.parametrize("method", ["PUT", "PATCH", "DELETE", "OPTIONS"])
    async def test_may_use_any_method_where_plain_links_are_wanted(
        self, system: System, server: Recorder, method: str
    ) -> None:
        one = await a_setting(system, server, stateBinding="plain")
        server.handler = lambda _: html("<p>")
        async with Visitor() as visitor:
            page = await visitor.ask(method, one.at("/a%20b/c"))

        assert 200 == page.status
        assert [(method, "/oauth/a%20b/c")] == [
            (req["method"], req["path"]) for req in server.requests
        ]

    async def test_needs_no_cookie_where_the_operator_wants_plain_links(
        self, system: System, server: Recorder
    ) -> None:
        one = await a_setting(system, server, stateBinding="plain")
        async with Visitor() as visitor:
            page: Page = await visitor.open(one.at("/wizard/x", "code=c") + f"&state={one.id}")
            again = await visitor.open(one.at("/wizard/x", "code=c") + f"&state={one.id}")
        (req,) = server.requests

        assert (200, "Connected") == (page.status, page.headline)
        assert f"state={one.id}&code=c&state={one.id}" == req["query"]
        assert "This step was done already" == again.headline
        assert "connected" == (await one.now())["connection"]

    async def test_is_a_round_trip_by_its_trace_where_there_is_no_flow(
        self, system: System, server: Recorder
    ) -> None:
        """So that what the integration calls meanwhile, and in `register` behind it, counts as connecting."""
        one = await a_setting(system, server, stateBinding="plain")
        await registered(server)
        async with Visitor() as visitor:
            await visitor.ask("POST", f"{system.origin}/{one.id}", data=b"x")
            await visitor.open(one.at("", "code=c"))
        await registered(server, 2)
        first, second = server.named("register")
        hook, page = server.named("webhook_received")
        flows = Flows(system.store)

        assert [False, False, True, True] == [
            await flows.is_round_trip(call.headers["traceparent"].split("-")[1], one.id)
            for call in (first, hook, page, second)
        ]

    async def test_meets_an_integration_with_an_origin_of_its_own_there_only(
        self, system: System, server: Recorder
    ) -> None:
        own = "http://127.0.0.1:1"
        one = await a_setting(system, server, publicUrl=own)
        url = (await system.link(one.id))["url"].replace(own, system.origin)
        async with Visitor() as visitor:
            pressed = await visitor.press(url)
            page = await visitor.open(pressed.location.replace(own, system.origin))

        assert pressed.location.startswith(f"{own}/oauth/wizard/start?state=")
        assert 403 == page.status
        assert [] == server.requests
