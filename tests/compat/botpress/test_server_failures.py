"""What becomes of a request whose integration's own server fails."""

from __future__ import annotations

import json

import pytest
from aiohttp import web

from tests.compat.botpress.installing import an_integration, installed, registered
from tests.compat.botpress.recording import Recorder, a_recorder, runtime_error
from tests.journeys.system import System, until
from tests.journeys.visitor import Visitor

pytestmark = pytest.mark.asyncio(loop_scope="session")


class TestAFailure:
    async def test_that_the_caller_was_told_is_final(
        self, system: System, server: Recorder
    ) -> None:
        """Whether it comes again is the caller's business then."""
        server.handler = lambda _: runtime_error("no team", 500)
        home = await installed(system, await an_integration(system, server))
        known = await system.known()
        async with Visitor() as caller:
            page = await caller.ask("POST", f"{system.origin}/{home['webhookId']}", data=b"x")
        (record,) = await system.settled(known)

        assert (500, "no team") == (page.status, json.loads(page.text)["message"])
        assert ("dead", 1) == (record["state"], len(server.requests))

    async def test_behind_a_2xx_is_tried_again(self, system: System, server: Recorder) -> None:
        server.handler = lambda _: (
            runtime_error("not yet") if len(server.requests) < 2 else None
        )
        name = await an_integration(system, server, reply="ack")
        home = await installed(system, name)
        known = await system.known()
        async with Visitor() as caller:
            page = await caller.ask("POST", f"{system.origin}/{home['webhookId']}", data=b"x")

        async def again() -> bool:
            return len(server.requests) == 2

        await until(again, 10, lambda: "a second attempt")
        (record,) = await system.settled(known)

        assert (200, "done") == (page.status, record["state"])
        keys = {one.headers["idempotency-key"] for one in server.named("webhook_received")}
        assert {f'"{record["id"]}"'} == keys

    async def test_that_says_no_for_good_is_not_tried_again(
        self, system: System, server: Recorder
    ) -> None:
        server.handler = lambda _: web.Response(status=422, body=b"bad")
        home = await installed(system, await an_integration(system, server, reply="ack"))
        known = await system.known()
        async with Visitor() as caller:
            await caller.ask("POST", f"{system.origin}/{home['webhookId']}", data=b"x")
        (record,) = await system.settled(known)

        assert ("dead", 1) == (record["state"], len(server.requests))

    async def test_of_a_server_that_is_not_there_loses_nothing(self, system: System) -> None:
        async with a_recorder() as gone:
            name = await an_integration(system, gone)
            home = await installed(system, name)
            await registered(gone)
        known = await system.known()
        async with Visitor() as caller:
            page = await caller.ask("POST", f"{system.origin}/{home['webhookId']}", data=b"x")
        (record,) = [one for one in await system.records() if one["id"] not in known]

        assert (200, "retrying") == (page.status, record["state"])

    async def test_of_register_shows_on_the_installation(
        self, system: System, server: Recorder
    ) -> None:
        server.status["register"] = 500
        home = await installed(system, await an_integration(system, server))

        async def failed() -> bool:
            one = await system.installation(home["webhookId"])
            return one["status"] == "registration_failed"

        await until(failed, 10, lambda: "the failure")
        one = await system.installation(home["webhookId"])

        assert ("no", 1) == (one["statusReason"], len(server.named("register")))
