"""What an integration's own server is sent, and what becomes of its answers."""

from __future__ import annotations

import asyncio
import json
import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest
from aiohttp import web
from yarl import URL

from shared.botpress import bot_user_id
from tests.compat.botpress.installing import EXTRACT, an_integration, installed, registered
from tests.compat.botpress.recording import Recorder, html
from tests.journeys.system import System
from tests.journeys.visitor import Visitor

pytestmark = pytest.mark.asyncio(loop_scope="session")

TENANTS = int(os.environ.get("WAYPOST_TENANTS", "10"))
FIELDS = {
    "type": "object",
    "properties": {
        "region": {"type": "string"},
        "botName": {"type": "string"},
        "key": {"type": "string", "x-zui": {"secret": True}},
    },
}


class TestTheEnvelope:
    async def test_says_who_is_meant_and_how_it_is_configured(
        self, system: System, server: Recorder
    ) -> None:
        name = await an_integration(
            system, server, configurations={"manual": {"schema": FIELDS}}
        )
        values = {"region": "eu", "botName": "Zoë", "key": "s3cret"}
        home = await installed(system, name, configurationType="manual", configuration=values)
        await registered(server)
        (call,) = server.named("register")
        shown = {n: call.headers.get(n) for n in (
            "x-bot-id", "x-bot-user-id", "x-integration-id", "x-integration-alias",
            "x-webhook-id", "x-bp-configuration-type", "content-type",
        )}  # fmt: skip

        assert {
            "x-bot-id": home["botId"], "x-bot-user-id": bot_user_id(home["botId"]),
            "x-integration-id": home["integrationId"], "x-integration-alias": home["alias"],
            "x-webhook-id": home["webhookId"], "x-bp-configuration-type": "manual",
            "content-type": "application/json",
        } == shown  # fmt: skip
        assert values == call.configuration
        assert ("POST", "/") == (call.method, call.path)
        assert {"webhookUrl": f"{system.origin}/{home['webhookId']}"} == call.json

    async def test_leaves_the_type_of_the_default_configuration_out(
        self, system: System, server: Recorder
    ) -> None:
        await installed(system, await an_integration(system, server))
        await registered(server)
        (call,) = server.named("register")

        assert "x-bp-configuration-type" not in call.headers
        assert "e30=" == call.headers["x-bp-configuration"]

    async def test_is_ascii_whatever_the_request_holds(
        self, system: System, server: Recorder
    ) -> None:
        home = await installed(system, await an_integration(system, server))
        text = '{"name":"Zoë 😀"}'
        async with Visitor() as caller:
            await caller.ask("POST", f"{system.origin}/{home['webhookId']}", data=text.encode())
        (call,) = server.named("webhook_received")

        assert call.body.isascii()
        assert text == call.req["body"]


@asynccontextmanager
async def verbatim(said: bytes) -> AsyncIterator[str]:
    """The address of a server that answers *said* to everything."""

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(said)
        await writer.drain()
        writer.close()

    async with await asyncio.start_server(answer, "127.0.0.1", 0) as listening:
        yield f"http://127.0.0.1:{listening.sockets[0].getsockname()[1]}"


class TestAWebhook:
    @pytest.mark.parametrize("method", ["GET", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"])
    async def test_reaches_the_server_byte_for_byte(
        self, system: System, server: Recorder, method: str
    ) -> None:
        home = await installed(system, await an_integration(system, server))
        url = f"{system.origin}/{home['webhookId']}/api/x%20y?b=2&a=%7E&b=1&c"
        async with Visitor() as caller:
            await caller.ask(
                method, url, data=b" a\r\nb ", headers={"X-Sig": "1", "Authorization": "B t"}
            )
        (req,) = server.requests

        assert ("/api/x%20y", "b=2&a=%7E&b=1&c") == (req["path"], req["query"])
        assert (method, " a\r\nb ") == (req["method"], req["body"])
        assert ("1", "B t") == (req["headers"]["x-sig"], req["headers"]["authorization"])

    async def test_without_a_body_has_none_and_an_empty_query(
        self, system: System, server: Recorder
    ) -> None:
        home = await installed(system, await an_integration(system, server))
        async with Visitor() as caller:
            await caller.ask("GET", f"{system.origin}/{home['webhookId']}")
        (req,) = server.requests

        assert ("/", "") == (req["path"], req["query"])
        assert "body" not in req

    async def test_is_answered_as_the_server_says(
        self, system: System, server: Recorder
    ) -> None:
        headers = {"Content-Type": "text/plain", "X-Custom": "kept", "Set-Cookie": "a=1"}
        server.handler = lambda _: web.Response(status=202, body=b"event", headers=headers)
        home = await installed(system, await an_integration(system, server))
        async with (
            system.http.post(f"{system.origin}/{home['webhookId']}", data=b"x") as answer,
        ):
            names = {name.decode() for name, _ in answer.raw_headers}
            found = (answer.status, await answer.text(), answer.headers["X-Custom"])

        assert (202, "event", "kept") == found
        assert {"X-Custom", "Set-Cookie"} <= names

    async def test_is_answered_with_the_very_octets_of_the_server_s_headers(
        self, system: System, server: Recorder
    ) -> None:
        """Node writes é as one octet; others write UTF-8."""
        said = b"HTTP/1.1 200 OK\r\nX-A: caf\xe9\r\nX-B: caf\xc3\xa9\r\nContent-Length: 2\r\n\r\n{}"
        async with verbatim(said) as server.url:
            home = await installed(system, await an_integration(system, server))
            url = f"{system.origin}/{home['webhookId']}"
            async with system.http.post(url, data=b"x") as answer:
                found = {name.lower(): value for name, value in answer.raw_headers}

        assert (b"caf\xe9", b"caf\xc3\xa9") == (found[b"x-a"], found[b"x-b"])

    async def test_that_is_answered_with_nothing_gets_the_sdk_s_two_characters(
        self, system: System, server: Recorder
    ) -> None:
        home = await installed(system, await an_integration(system, server))
        async with Visitor() as caller:
            page = await caller.ask("POST", f"{system.origin}/{home['webhookId']}", data=b"x")

        assert (200, "{}", "application/json") == (
            page.status, page.text, page.headers["content-type"],
        )  # fmt: skip

    @pytest.mark.parametrize(
        ("headers", "lost"),
        [
            ({"Service-Worker-Allowed": "/"}, "service-worker-allowed"),
            ({"Clear-Site-Data": '"*"'}, "clear-site-data"),
            ({"Set-Cookie": "__Host-waypost-flow=x; Secure; Path=/"}, "set-cookie"),
            ({"Set-Cookie": "waypost-flow=x"}, "set-cookie"),
            ({"X-Bp-Integration-Identifier": "T1"}, "x-bp-integration-identifier"),
        ],
    )
    async def test_answer_cannot_reach_other_pages_of_the_origin(
        self, system: System, server: Recorder, headers: dict[str, str], lost: str
    ) -> None:
        server.handler = lambda _: web.Response(body=b"x", headers=headers)
        home = await installed(system, await an_integration(system, server))
        async with Visitor() as caller:
            page = await caller.ask("GET", f"{system.origin}/{home['webhookId']}")

        assert 200 == page.status
        assert lost not in page.headers

    @pytest.mark.parametrize(
        ("headers", "has_own_origin"),
        [
            ({"Sec-Fetch-Dest": "document"}, True),
            ({"Sec-Fetch-Dest": "iframe"}, True),
            ({"Accept": "text/html,*/*"}, True),  # a browser that says no more
            ({"Sec-Fetch-Dest": "empty", "Accept": "text/html"}, False),
            ({"Accept": "*/*"}, False),  # a provider
        ],
    )
    async def test_answer_is_a_page_of_its_own_origin_in_a_browser(
        self, system: System, server: Recorder, headers: dict[str, str], has_own_origin: bool
    ) -> None:
        server.handler = lambda _: html("<script>")
        home = await installed(system, await an_integration(system, server))
        async with Visitor() as caller:
            url = f"{system.origin}/{home['webhookId']}"
            page = await caller.ask("GET", url, headers=headers)

        assert has_own_origin is page.headers.get("content-security-policy", "").startswith(
            "sandbox"
        )

    async def test_of_a_disabled_installation_is_refused(
        self, system: System, server: Recorder
    ) -> None:
        home = await installed(system, await an_integration(system, server), enabled=False)
        async with Visitor() as caller:
            page = await caller.ask("POST", f"{system.origin}/{home['webhookId']}", data=b"x")

        assert (404, "ResourceNotFound") == (page.status, json.loads(page.text)["type"])
        assert [] == server.calls

    async def test_asks_for_no_service_worker(self, system: System, server: Recorder) -> None:
        home = await installed(system, await an_integration(system, server))
        async with Visitor() as caller:
            page = await caller.ask(
                "GET",
                f"{system.origin}/{home['webhookId']}/sw.js",
                headers={"Service-Worker": "script"},
            )

        assert 403 == page.status


class TestUninstalling:
    async def test_asks_the_server_to_take_itself_down_while_everything_is_there(
        self, system: System, server: Recorder
    ) -> None:
        home = await installed(system, await an_integration(system, server))
        await registered(server)
        gone = await system.call("DELETE", f"installations/{home['webhookId']}")
        (call,) = server.named("unregister")

        assert "done" == gone["receipt"]["unregistered"]
        assert {"webhookUrl": f"{system.origin}/{home['webhookId']}"} == call.json

    async def test_goes_on_where_the_server_refuses(
        self, system: System, server: Recorder
    ) -> None:
        server.status["unregister"] = 500
        home = await installed(system, await an_integration(system, server))
        gone = await system.call("DELETE", f"installations/{home['webhookId']}")
        await system.call("GET", f"installations/{home['webhookId']}", status=404)

        assert "failed" == gone["receipt"]["unregistered"]
        assert 1 == len(server.named("unregister"))


class TestTheGlobalWebhook:
    async def test_finds_the_installation_and_keeps_the_path_below_the_name(
        self, system: System, server: Recorder
    ) -> None:
        name = f"acme/{await an_integration(system, server)}"
        await system.register(
            {"name": name, "version": "1.0.0", "url": server.url, "identifier": EXTRACT}
        )
        mine = await installed(system, name, identifier=f"T-{name}")
        await installed(system, name, identifier=f"U-{name}")
        url = f"{system.origin}/integration/global/{name}"
        body = json.dumps({"team": f"T-{name}"}).encode()
        async with Visitor() as caller:
            plain = await caller.ask("POST", url, data=body)
            await caller.ask("POST", f"{url}/interactive?x=1", data=body)
            nobody = await caller.ask("POST", url, data=b'{"team":"none"}')
        calls = server.named("webhook_received")

        assert (200, "{}") == (plain.status, plain.text)
        assert (202, "nobody") == (nobody.status, nobody.text)
        assert [("/", ""), ("/interactive", "x=1")] == [
            (one.req["path"], one.req["query"]) for one in calls
        ]
        assert {mine["webhookId"]} == {one.headers["x-webhook-id"] for one in calls}

    async def test_without_a_fallback_says_that_nobody_has_it(
        self, system: System, server: Recorder
    ) -> None:
        script = {"extractScript": EXTRACT["extractScript"]}
        name = await an_integration(system, server, identifier=script)
        async with Visitor() as caller:
            page = await caller.ask(
                "POST", f"{system.origin}/integration/global/{name}", data=b'{"team":"T"}'
            )

        assert (404, "ResourceNotFound") == (page.status, json.loads(page.text)["type"])


class TestManyTenants:
    """With WAYPOST_TENANTS=1000 it takes a minute or two."""

    async def test_of_one_server_never_meet(self, system: System, server: Recorder) -> None:
        name = await an_integration(system, server)
        homes = [await installed(system, name) for _ in range(TENANTS)]
        async with Visitor() as caller:
            await asyncio.gather(*(
                caller.ask("POST", str(URL(system.origin) / home["webhookId"]), data=home["botId"])
                for home in homes
            ))  # fmt: skip
        calls = server.named("webhook_received")

        assert {(home["webhookId"], home["botId"], home["botId"]) for home in homes} == {
            (one.headers["x-webhook-id"], one.headers["x-bot-id"], one.req["body"])
            for one in calls
        }
