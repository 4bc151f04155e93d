"""Definitions in Botpress's shape: what is read, what is kept for later versions, and the command that adds them."""

from __future__ import annotations

import asyncio
import contextlib
import json
import uuid
from pathlib import Path

import pytest

from shared.storage.definitions import integration_id_of
from tests.compat.botpress.installing import LINK, an_integration, begun, installed, registered
from tests.compat.botpress.recording import Call, Json, Recorder, a_recorder
from tests.journeys.cli_builders import Shell
from tests.journeys.system import System, until
from tests.journeys.visitor import Visitor

pytestmark = pytest.mark.asyncio(loop_scope="session")

# As Botpress's own command sends it: nulls for what is not there, pictures, code, schemas with words of zui.
SENT: Json = {
    "version": "0.4.3",
    "title": "Own",
    "description": "…",
    "iconKey": "icon",
    "readme": "cmVhZG1l",
    "icon": None,
    "code": "exports.handler = 1",
    "sdkVersion": "5.4.3",
    "user": {"tags": {"id": {}}, "creation": {"enabled": False, "requiredTags": []}},
    "identifier": {
        "extractScript": "to_string!(parse_json!(.body).team) + to_string!(.secrets.SUFFIX)\n",
        "fallbackHandlerScript": None,
    },
    "configuration": {
        "schema": {"type": "object", "properties": {}, "additionalProperties": False},
        "identifier": {"required": True, "linkTemplateScript": None},
    },
    "configurations": {
        "manual": {
            "title": "Manual",
            "description": "…",
            "schema": {
                "$schema": "http://json-schema.org/draft-07/schema#",
                "type": "object",
                "properties": {
                    "host": {"type": "string", "pattern": "^(?<name>[a-z]+)$", "x-zui": {}},
                    "key": {
                        "type": "object",
                        "properties": {"value": {"type": "string", "x-zui": {"secret": True}}},
                    },
                },
                "required": ["host"],
            },
            "identifier": {"required": False},
        }
    },
    "states": {"tokens": {"type": "integration", "schema": {"type": "object"}}},
    "channels": {"dm": {"messages": {"text": {"schema": {}}}}},
    "actions": {"echo": {"input": {"schema": {}}, "output": {"schema": {}}}},
    "events": {"thing": {"schema": {}}},
    "secrets": {"SUFFIX": "-x", "LATER": None},
    "maxExecutionTime": 30,
}


def a_name() -> str:
    return f"own-{uuid.uuid4().hex[:10]}"


class TestADocumentOfBotpress:
    async def test_is_read_with_its_secrets_for_scripts(
        self, system: System, server: Recorder
    ) -> None:
        name = a_name()
        made = await system.call(
            "POST", "integrations", SENT | {"name": name, "url": server.url}
        )
        home = await installed(system, name, identifier=f"{name}-x")
        async with Visitor() as caller:
            await caller.ask(
                "POST",
                f"{system.origin}/integration/global/{name}",
                data=json.dumps({"team": name}),
            )
        secrets = {one["name"]: one["isSet"] for one in made["integration"]["secrets"]}

        assert {"SUFFIX": True, "LATER": False} == secrets
        assert [home["webhookId"]] == [
            one.headers["x-webhook-id"] for one in server.named("webhook_received")
        ]

    async def test_may_be_configured_by_hand_and_keeps_nested_secrets_sealed(
        self, system: System, server: Recorder
    ) -> None:
        name, values = a_name(), {"host": "a", "key": {"value": "s3cret"}}
        await system.register(SENT | {"name": name, "url": server.url})
        home = await installed(system, name, configurationType="manual", configuration=values)
        await registered(server)

        assert {"host": "a"} == home["configuration"]
        assert values == server.named("register")[0].configuration

    async def test_whose_script_compiles_nowhere_works_otherwise(
        self, system: System, server: Recorder
    ) -> None:
        """LinkedIn's does not, at Botpress either: its global webhook finds nobody, the rest of it runs."""
        name = a_name()
        scripts = {
            "extractScript": "parts[length(parts)-1]\n",
            "fallbackHandlerScript": '{"body": "fell"}\n',
        }
        document = {"name": name, "version": "1.0.0", "url": server.url, "identifier": scripts}
        made = await system.call("POST", "integrations", document)
        async with Visitor() as caller:
            page = await caller.ask("GET", f"{system.origin}/integration/global/{name}")

        assert "identifier.extractScript" in made["warnings"][0]
        assert (200, "fell") == (page.status, page.text)

    async def test_may_hold_what_later_versions_of_their_tools_send(
        self, system: System, server: Recorder
    ) -> None:
        more = {
            "brandNew": {"x": 1},
            "secrets": ["A_KEY"],
            "states": {"s": {"type": "user", "new": 1}},
        }
        made = await system.call(
            "POST", "integrations", SENT | more | {"name": a_name(), "url": server.url}
        )

        assert ["brandNew: is not known here and left out"] == made["warnings"]
        assert ["A_KEY"] == [one["name"] for one in made["integration"]["secrets"]]

    async def test_names_a_field_that_nobody_knows(self, system: System) -> None:
        said = await system.call(
            "POST",
            "integrations",
            SENT | {"name": "own", "url": "http://x.example", "identfier": {}},
            status=400,
        )

        assert "did you mean identifier?" in said["message"]

    async def test_that_requires_connecting_is_registered_behind_it(
        self, system: System, server: Recorder
    ) -> None:
        name = a_name()
        document: Json = {
            "name": name, "version": "1.0.0", "url": server.url,
            "configuration": {
                "identifier": {"required": True, "linkTemplateScript": LINK + '"{{ webhookUrl }}/oauth"'}
            },
        }  # fmt: skip
        await system.register(document)
        home = await installed(system, name)
        before = len(server.calls)
        async with Visitor() as visitor:
            await begun(system, visitor, home["webhookId"])
            await visitor.open(f"{system.origin}/oauth?state={home['webhookId']}&code=c")
        await registered(server)

        assert 0 == before

    async def test_may_have_its_link_overridden(self, system: System, server: Recorder) -> None:
        name = await an_integration(
            system, server, linkOverrides={"default": '"https://provider.example/mine"\n'}
        )
        home = await installed(system, name)
        async with Visitor() as visitor:
            pressed = await begun(system, visitor, home["webhookId"])

        assert "https://provider.example/mine" == pressed.location


class TestAVersion:
    async def test_stays_until_somebody_moves_the_installation(
        self, system: System, server: Recorder
    ) -> None:
        """Two versions run beside each other, each on its own server."""
        async with a_recorder() as newer:
            name = await an_integration(system, server)
            home = await installed(system, name)
            await registered(server)
            await system.register({"name": name, "version": "1.1.0", "url": newer.url})
            moved = {"integrationId": integration_id_of(name, "1.1.0")}
            url, path = (
                f"{system.origin}/{home['webhookId']}",
                f"installations/{home['webhookId']}",
            )
            async with Visitor() as caller:
                await caller.ask("POST", url, data=b"one")
                after = await system.call("PATCH", path, moved)
                await registered(newer)
                await caller.ask("POST", url, data=b"two")
            bodies = [[req["body"] for req in one.requests] for one in (server, newer)]
            ids = {call.headers["x-integration-id"] for call in newer.calls}

        assert [["one"], ["two"]] == bodies
        assert {moved["integrationId"]} == ids
        assert moved["integrationId"] == after["installation"]["integrationId"]

    async def test_may_be_named_when_it_is_installed(
        self, system: System, server: Recorder
    ) -> None:
        name = await an_integration(system, server)
        await system.register({"name": name, "version": "1.1.0", "url": server.url})
        path = f"bots/{await system.bot()}/integrations"
        made = await system.call("POST", f"{path}/one", {"integration": f"{name}@1.0.0"})
        none = await system.call(
            "POST", f"{path}/two", {"integration": f"{name}@9.0.0"}, status=400
        )
        own = await system.call(
            "POST", f"{path}/three", {"integration": "acme@1.0.0"}, status=400
        )

        assert integration_id_of(name, "1.0.0") == made["installation"]["integrationId"]
        assert f"there is no version 9.0.0 of {name}" in none["message"]
        assert "leave @1.0.0 out" in own["message"]

    async def test_of_another_integration_is_refused(
        self, system: System, server: Recorder
    ) -> None:
        home = await installed(system, await an_integration(system, server))
        other = integration_id_of(await an_integration(system, server), "1.0.0")
        said = await system.call(
            "PATCH", f"installations/{home['webhookId']}", {"integrationId": other}, status=400
        )

        assert said["message"].startswith("integrationId: is no version of")


class TestAnInstallation:
    async def test_is_turned_on_and_registered(self, system: System, server: Recorder) -> None:
        home = await installed(system, await an_integration(system, server), enabled=False)
        before = len(server.calls)
        await system.call("PATCH", f"installations/{home['webhookId']}", {"enabled": True})
        await registered(server)

        async def done() -> bool:
            one = await system.installation(home["webhookId"])
            return (one["enabled"], one["status"]) == (True, "registered")

        await until(done, 10, lambda: "registered")

        assert 0 == before

    async def test_is_configured_anew(self, system: System, server: Recorder) -> None:
        schema = {"type": "object", "properties": {"region": {"type": "string"}}}
        name = await an_integration(system, server, configurations={"m": {"schema": schema}})
        home = await installed(
            system, name, configurationType="m", configuration={"region": "eu"}
        )
        await registered(server)
        await system.call(
            "PATCH", f"installations/{home['webhookId']}", {"configuration": {"region": "us"}}
        )
        await registered(server, 2)

        assert ["eu", "us"] == [one.configuration["region"] for one in server.named("register")]

    async def test_is_registered_by_one_at_a_time(
        self, system: System, server: Recorder
    ) -> None:
        """What its server did last is what the installation is now, though the first call took longer."""
        schema = {"type": "object", "properties": {"region": {"type": "string"}}}
        name = await an_integration(system, server, configurations={"m": {"schema": schema}})
        second = asyncio.Event()

        async def first_waits_for_the_second(call: Call) -> None:
            if call.configuration["region"] == "us":
                second.set()
                return
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(second.wait(), 1)

        server.holds = first_waits_for_the_second
        home = await installed(
            system, name, configurationType="m", configuration={"region": "eu"}
        )
        await registered(server)
        await system.call(
            "PATCH", f"installations/{home['webhookId']}", {"configuration": {"region": "us"}}
        )

        async def both() -> bool:
            return len(server.ended) == 2

        await until(both, 10, lambda: f"{len(server.ended)} ended")

        assert ["eu", "us"] == [one.configuration["region"] for one in server.ended]

    async def test_that_could_not_be_registered_is_asked_for_again(
        self, system: System, server: Recorder
    ) -> None:
        server.status["register"] = 400
        home = await installed(system, await an_integration(system, server))

        async def has(status: str) -> bool:
            return bool((await system.installation(home["webhookId"]))["status"] == status)

        await until(lambda: has("registration_failed"), 10, lambda: "the failure")
        del server.status["register"]
        await system.call("PATCH", f"installations/{home['webhookId']}", {"enabled": True})
        await until(lambda: has("registered"), 10, lambda: "the success")

        assert 2 == len(server.named("register"))

    async def test_is_changed_by_nothing(self, system: System, server: Recorder) -> None:
        home = await installed(system, await an_integration(system, server))
        await registered(server)
        await system.call("PATCH", f"installations/{home['webhookId']}", {"enabled": True})

        assert 1 == len(server.named("register"))


class TestTheCommand:
    async def test_adds_a_server_and_says_how_to_start_it(
        self, system: System, server: Recorder, tmp_path: Path
    ) -> None:
        name = a_name()
        scripts = {"extractScript": "extract.vrl"}
        document = SENT | {"name": name, "identifier": scripts}
        (tmp_path / "integration.json").write_text(json.dumps(document))
        (tmp_path / "extract.vrl").write_text('"T1"\n')
        (tmp_path / "link.vrl").write_text('"https://provider.example/mine"\n')
        shell = Shell(tmp_path, WAYPOST_API_URL=system.api, WAYPOST_ADMIN_TOKEN=system.token)
        added = shell(
            "integrations", "add", "--url", server.url,
            "--definition", str(tmp_path / "integration.json"), "--link-script", "manual=link.vrl",
        )  # fmt: skip
        found = (await system.call("GET", f"integrations/{name}"))["definition"]
        token = shell("integrations", "token", name)

        assert f"published {name} 0.4.3" in added.out
        assert ('"T1"\n', server.url) == (found["identifier"]["extractScript"], found["url"])
        assert {"manual": '"https://provider.example/mine"\n'} == found["linkOverrides"]
        assert f"BP_API_URL={system.api}\nBP_TOKEN=wprt_" in token.out
        assert f"BP_WEBHOOK_URL={system.origin}\n" in token.out

    @pytest.mark.parametrize(
        ("text", "told"),
        [
            ("{", "is not JSON"),
            ('{"name": "a", "version": "1.0.0"}', "name it with --url"),
            ('{"identifier": {"extractScript": "no.vrl"}}', "no.vrl cannot be read"),
        ],
    )
    async def test_says_what_is_wrong_with_a_file(
        self, tmp_path: Path, text: str, told: str
    ) -> None:
        (tmp_path / "x.json").write_text(text)
        ended = Shell(tmp_path)("integrations", "add", "--definition", str(tmp_path / "x.json"))

        assert 1 == ended.code
        assert told in ended.err
