"""An account that several bots share: who joins an installation, and who leaves it."""

from __future__ import annotations

import json

import pytest

from tests.compat.botpress.installing import EXTRACT, an_integration, begun, installed
from tests.compat.botpress.recording import Recorder
from tests.journeys.system import System, until
from tests.journeys.visitor import Visitor

pytestmark = pytest.mark.asyncio(loop_scope="session")


class TestASharedAccount:
    """A sandbox: who writes the shareable id of an installation joins it, until they leave."""

    SANDBOX = {
        "identifierExtractScript": "to_string!(parse_json!(.body).from)\n",
        "messageExtractScript": "parse_json!(.body).text\n",
    }

    async def test_follows_who_joins_and_who_leaves(
        self, system: System, server: Recorder
    ) -> None:
        name = await an_integration(system, server, identifier=EXTRACT, sandbox=self.SANDBOX)
        one, two = [await shared(system, name, word) for word in ("tulip", "rose")]
        said = [
            await wrote(system, name, person, text)
            for person, text in [
                ("ann", "hello"), ("ann", " tulip "), ("ann", "hi"), ("bob", "rose"), ("bob", "hi"),
                ("ann", "rose"), ("ann", "hi"), ("ann", "//leave"), ("ann", "hi"), ("bob", "hi"),
            ]
        ]  # fmt: skip
        nobody = (202, "nobody")
        await until(lambda: _count(server, 8), 10, lambda: str(server.requests))
        got = [
            (call.headers["x-webhook-id"], *json.loads(call.req["body"]).values(),
             call.req["headers"].get("x-bp-sandbox-operation"))
            for call in server.named("webhook_received")
        ]  # fmt: skip

        assert [nobody, nobody] == [said[0], said[8]]
        assert [200] * 8 == [status for status, _ in said[1:8] + said[9:]]
        assert sorted([
            (one, "ann", " tulip ", "join"), (one, "ann", "hi", None),
            (two, "bob", "rose", "join"), (two, "bob", "hi", None),
            (two, "ann", "rose", "join"), (two, "ann", "hi", None),
            (two, "ann", "//leave", "leave"), (two, "bob", "hi", None),
        ], key=str) == sorted(got, key=str)  # fmt: skip

    async def test_puts_the_shareable_id_into_the_link(
        self, system: System, server: Recorder
    ) -> None:
        link = '"https://wa.example/?text=" + to_string!(.shareableId)\n'
        name = await an_integration(system, server, link, sandbox=self.SANDBOX)
        home = await shared(system, name, "tulip")
        async with Visitor() as visitor:
            pressed = await begun(system, visitor, home)

        assert "https://wa.example/?text=tulip" == pressed.location

    async def test_says_by_itself_who_joins(self, system: System, server: Recorder) -> None:
        name = await an_integration(system, server, identifier=EXTRACT, sandbox=self.SANDBOX)
        await shared(system, name, "tulip")
        url = f"{system.origin}/integration/global/{name}/sandbox"
        for text in ("tulip", "hi"):
            body, headers = {"from": "ann", "text": text}, {"X-Bp-Sandbox-Operation": "leave"}
            async with system.http.post(url, json=body, headers=headers) as answer:
                assert 200 == answer.status
        await until(lambda: _count(server, 2), 10, lambda: str(server.requests))

        assert {"tulip": "join", "hi": None} == {
            json.loads(req["body"])["text"]: req["headers"].get("x-bp-sandbox-operation")
            for req in server.requests
        }

    async def test_only_exists_below_its_own_path(
        self, system: System, server: Recorder
    ) -> None:
        name = await an_integration(system, server, identifier=EXTRACT, sandbox=self.SANDBOX)
        await shared(system, name, "tulip")
        for path in ("", "/sandboxes", "/x/sandbox"):
            assert (202, "nobody") == await wrote(system, name, "ann", "tulip", path)
        assert (200, "") == await wrote(system, name, "ann", "tulip", "/sandbox/x")


async def shared(system: System, name: str, word: str) -> str:
    """An installation that people join with *word*; its webhookId."""
    home: str = (await installed(system, name))["webhookId"]
    await system.call("PUT", f"installations/{home}/subscriptions/shareable:{word}", {})
    return home


async def wrote(
    system: System, name: str, person: str, text: str, path: str = "/sandbox"
) -> tuple[int, str]:
    """*person* writes *text* to the shared account; what its provider is answered."""
    url = f"{system.origin}/integration/global/{name}{path}"
    async with system.http.post(url, json={"from": person, "text": text}) as answer:
        return answer.status, await answer.text()


async def _count(server: Recorder, wanted: int) -> bool:
    return len(server.requests) >= wanted
