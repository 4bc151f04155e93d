"""An integration's own `/oauth` pages: they work as they are."""

from __future__ import annotations

import asyncio

import pytest
from aiohttp import web

from tests.compat.botpress.installing import (
    DIRECT,
    Setting,
    a_setting,
    an_integration,
    begun,
    installed,
    interstitial,
    registered,
)
from tests.compat.botpress.recording import (
    Handler,
    Json,
    Recorder,
    a_recorder,
    html,
    redirect,
    runtime_error,
)
from tests.journeys.system import APP, System, until
from tests.journeys.visitor import Visitor

FORM = "wizform.name=Zo%C3%AB&x=1"

pytestmark = pytest.mark.asyncio(loop_scope="session")


def a_wizard(system: System, identifier: str) -> Handler:
    """A page, a choice that leads to the provider, a form that does too, and an end after the second round trip."""

    def answer(req: Json) -> web.Response:
        match req["path"]:
            case "/oauth/wizard/start":
                return html("<form>")
            case "/oauth/wizard/choose":
                return redirect("https://provider.example/one")
            case "/oauth/wizard/oauth-callback" if "round=2" in req["query"]:
                end = interstitial(system, success=True)
                return redirect(end, x_bp_integration_identifier=identifier)
            case _:
                return redirect("https://provider.example/two")

    return answer


class TestADirectLink:
    async def test_leads_to_the_provider_with_the_webhook_id_as_state(
        self, system: System, server: Recorder
    ) -> None:
        one = await a_setting(system, server, link=DIRECT)
        async with Visitor() as visitor:
            pressed = await begun(system, visitor, one.id)

        assert 303 == pressed.status
        assert pressed.location == (
            f"https://provider.example/authorize?client_id=c&state={one.id}"
            f"&redirect_uri={system.origin}/oauth"
        )

    async def test_ends_on_our_result_page_where_the_integration_has_none(
        self, system: System, server: Recorder
    ) -> None:
        one = await a_setting(system, server, link=DIRECT)
        await registered(server)
        async with Visitor() as visitor:
            await begun(system, visitor, one.id)
            page = await visitor.open(one.at("", "code=a%2Fb&x=%7E"))
            again = await visitor.open(one.at("", "code=a%2Fb&x=%7E"))
        await registered(server, 2)
        (req,) = server.requests

        assert "is connected" in page.headline
        assert page.url == again.url
        assert ("GET", "/oauth") == (req["method"], req["path"])
        assert f"state={one.id}&code=a%2Fb&x=%7E" == req["query"]
        assert "connected" == (await one.now())["connection"]

    async def test_shows_why_where_the_integration_says_no(
        self, system: System, server: Recorder
    ) -> None:
        server.handler = lambda _: runtime_error("the team <b>is</b> unknown")
        one = await a_setting(system, server, link=DIRECT)
        async with Visitor() as visitor:
            await begun(system, visitor, one.id)
            page = await visitor.open(one.at("", "code=c"))
            again = await visitor.open(f"{system.origin}{page.again}")

        assert "The provider refused" == page.headline
        assert "the team &lt;b&gt;is&lt;/b&gt; unknown" in page.text
        assert again.headline.startswith("Connect ")
        assert "pending" == (await one.now())["connection"]

    async def test_that_was_cancelled_says_so(self, system: System, server: Recorder) -> None:
        server.handler = lambda _: runtime_error("provider said access_denied")
        one = await a_setting(system, server, link=DIRECT)
        async with Visitor() as visitor:
            await begun(system, visitor, one.id)
            page = await visitor.open(one.at("", "error=access_denied"))

        assert "You cancelled" == page.headline

    async def test_hands_one_code_over_once_however_often_it_is_brought(
        self, system: System, server: Recorder
    ) -> None:
        server.hold = 0.3
        one = await a_setting(system, server, link=DIRECT)
        async with Visitor() as visitor:
            await begun(system, visitor, one.id)
            pages = await asyncio.gather(
                *(visitor.stay(one.at("", "code=c")) for _ in range(3))
            )

        assert 1 == len(server.requests)
        assert {True} == {"is connected" in page.headline for page in pages}

    async def test_that_goes_on_with_a_page_of_its_own_takes_no_code_twice(
        self, system: System, server: Recorder
    ) -> None:
        server.handler = lambda _: redirect(f"{system.origin}/oauth/select")
        one = await a_setting(system, server, link=DIRECT)
        async with Visitor() as visitor:
            await begun(system, visitor, one.id)
            await visitor.ask("GET", one.at("", "code=c"))
            again = await visitor.open(one.at("", "code=c"))

        assert (409, "This step was done already") == (again.status, again.headline)
        assert 1 == len(server.requests)


class TestAWizard:
    async def test_of_several_pages_forms_and_round_trips_is_one_flow(
        self, system: System, server: Recorder
    ) -> None:
        """A page, a reload, a GET form, a POST form, the provider twice, and the integration's own end."""
        one = await a_setting(system, server)
        server.handler = a_wizard(system, f"A-{one.id}")
        async with Visitor() as visitor:
            start = (await begun(system, visitor, one.id)).location
            shown = [await visitor.open(start) for _ in range(2)]
            await visitor.ask("GET", one.at("/wizard/choose", "wizchoice=a&wizchoice=b"))
            posted = await visitor.ask("POST", one.at("/wizard/submit"), data=FORM)
            await visitor.ask("GET", one.at("/wizard/oauth-callback", "round=1&code=c1"))
            last = await visitor.ask("GET", one.at("/wizard/oauth-callback", "round=2&code=c2"))
            end = await visitor.open(last.location)
        await registered(server, 2)
        now, form = await one.now(), server.requests[3]

        assert one.at("/wizard/start") == start
        assert ["<form>"] * 2 == [page.text for page in shown]
        assert (303, "https://provider.example/two", "{}") == (
            posted.status, posted.location, posted.text,
        )  # fmt: skip
        assert ("POST", FORM) == (form["method"], form["body"])
        assert ("connected", f"A-{one.id}") == (now["connection"], now["identifier"])
        assert "is connected" in end.headline

    async def test_keeps_its_own_headers_but_those_for_the_platform(
        self, system: System, server: Recorder
    ) -> None:
        server.handler = lambda _: html("<p>", x_own="1", service_worker_allowed="/")
        one = await a_setting(system, server)
        async with Visitor() as visitor:
            page = await visitor.open((await begun(system, visitor, one.id)).location)

        assert ("text/html", "1") == (page.headers["content-type"], page.headers["x-own"])
        assert {"x-bp-disable-interstitial", "service-worker-allowed", "content-security-policy",
                "x-frame-options"}.isdisjoint(page.headers)  # fmt: skip

    async def test_never_sees_our_cookie(self, system: System, server: Recorder) -> None:
        server.handler = lambda _: html("<p>")
        one = await a_setting(system, server)
        async with Visitor() as visitor:
            pressed = await begun(system, visitor, one.id)
            await visitor.ask("GET", pressed.location, cookies={"theirs": "1"})
        (req,) = server.requests

        assert "theirs=1" == req["headers"]["cookie"]

    async def test_ends_on_a_page_that_leads_back_to_the_operator(
        self, system: System, server: Recorder
    ) -> None:
        """Another browser sees what the integration says, and nothing of the flow."""
        server.handler = lambda _: redirect(interstitial(system, success=True))
        one = await a_setting(system, server)
        async with Visitor() as visitor, Visitor() as other:
            pressed = await begun(system, visitor, one.id, returnTo=f"{APP}/done")
            page = await visitor.open(pressed.location)
            foreign = await other.open(page.url)

        assert f'href="{APP}/done"' in page.text
        assert one.home["botId"] in page.text
        assert "Connected" == foreign.headline
        assert one.home["botId"] not in foreign.text

    async def test_works_while_the_installation_is_disabled(
        self, system: System, server: Recorder
    ) -> None:
        server.handler = lambda _: redirect(interstitial(system, success=True))
        one = await a_setting(system, server, install={"enabled": False})
        async with Visitor() as visitor:
            pressed = await begun(system, visitor, one.id)
            await visitor.ask("GET", pressed.location)
        await registered(server)

        assert "connected" == (await one.now())["connection"]

    async def test_that_ends_badly_may_be_gone_through_again(
        self, system: System, server: Recorder
    ) -> None:
        server.handler = lambda _: redirect(
            interstitial(system, success=False, message="no%20team")
        )
        one = await a_setting(system, server)
        async with Visitor() as visitor:
            pressed = await begun(system, visitor, one.id)
            bad = await visitor.open(pressed.location)
            failed = await one.flow()
            server.handler = lambda _: html("<form>")
            again = await visitor.open(pressed.location)

        assert "no team" in bad.text
        assert bad.again.startswith("/connect/")
        assert ("failed", "no team") == (failed.status, failed.detail)
        assert "<form>" == again.text

    async def test_takes_an_identifier_over_from_whoever_held_it(
        self, system: System, server: Recorder
    ) -> None:
        name = await an_integration(system, server)
        old = Setting(system, server, await installed(system, name))
        new = Setting(system, server, await installed(system, name))
        server.handler = lambda _: web.Response(
            body=b"{}", headers={"x-bp-integration-identifier": f"W-{name}"}
        )
        async with Visitor() as visitor:
            for one in (old, new):
                page = await visitor.open((await begun(system, visitor, one.id)).location)
        before, after = await old.now(), await new.now()

        assert "is connected" in page.headline
        assert ("needs_reauth", None) == (before["connection"], before["identifier"])
        assert ("connected", f"W-{name}") == (after["connection"], after["identifier"])

    async def test_does_not_take_over_where_ownership_is_exclusive(
        self, system: System, server: Recorder
    ) -> None:
        name = await an_integration(system, server, ownership="exclusive")
        old = Setting(system, server, await installed(system, name))
        new = Setting(system, server, await installed(system, name))
        server.handler = lambda _: web.Response(
            body=b"{}", headers={"x-bp-integration-identifier": f"W-{name}"}
        )
        async with Visitor() as visitor:
            for one in (old, new):
                page = await visitor.open((await begun(system, visitor, one.id)).location)

        assert "This account is connected already" == page.headline
        assert f"W-{name}" == (await old.now())["identifier"]

    async def test_waits_for_the_operator_s_word_before_anything_is_handed_over(
        self, system: System, server: Recorder
    ) -> None:
        one = await a_setting(system, server, link=DIRECT)
        link = await system.link(one.id, confirm=True)
        async with Visitor() as visitor:
            await visitor.press(link["url"])
            waiting = await visitor.open(one.at("", "code=c"))
            before = len(server.requests)
            await system.call("POST", f"flows/{link['flowId']}/confirm")
            page = await visitor.open(one.at("", "code=c"))

        assert "Waiting for confirmation" == waiting.headline
        assert (0, 1) == (before, len(server.requests))
        assert "is connected" in page.headline


class TestAServerThatIsAway:
    async def test_shows_a_page_with_a_way_on(self, system: System) -> None:
        async with a_recorder() as gone:
            one = await a_setting(system, gone)
            await registered(gone)
        async with Visitor() as visitor:
            page = await visitor.open((await begun(system, visitor, one.id)).location)

        assert "The integration is not there at the moment" == page.headline
        assert page.again.startswith("/connect/")

    async def test_that_breaks_off_is_not_asked_twice(
        self, system: System, server: Recorder
    ) -> None:
        one = await a_setting(system, server, link=DIRECT, maxExecutionTime=1)
        server.hold = 1.5
        async with Visitor() as visitor:
            await begun(system, visitor, one.id)
            page = await visitor.open(one.at("", "code=c"))

        async def once() -> bool:
            return len(server.requests) == 1

        await until(once, 2, lambda: f"{len(server.requests)} requests")

        assert "We lost the provider's answer" == page.headline
