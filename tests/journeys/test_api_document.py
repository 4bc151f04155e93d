"""The OpenAPI document: it has every route, its examples fit its schemas, and they really work."""

from __future__ import annotations

import re
from typing import Any

import jsonschema
import msgspec
import pytest

from services.api import examples
from services.api.app import api_app
from services.api.openapi import document
from services.api.operations import OPERATIONS
from services.api.ports import PORTS
from services.api.wire import Operation
from shared.model.caught import Caught
from shared.model.events import Event
from shared.model.flows import Flow
from shared.secret import Secret
from shared.vrl.pool import VrlPool
from tests.journeys.api_builders import (
    HOOK,
    Api,
    as_integration,
    running_api,
    with_dead,
    with_installation,
    with_talk,
)

DOCUMENT = msgspec.json.decode(
    msgspec.json.encode(document(OPERATIONS, "http://127.0.0.1:8081"))
)
UNDESCRIBED = {
    "/",
    "/login",
    "/logout",
    "/static/console.css",
    "/health",
    "/metrics",
    "/openapi.json",
}
BY_NAME = {operation.name: operation for operation in OPERATIONS}
# They need an integration server and a worker; tests/compat/botpress has both.
WITH_SERVER = ("sendMessage", "callBotAction", "callAction")
LAST = (
    "deleteMessage", "removeParticipant", "deleteConversation", "deleteUser",
    "replayRequest", "dropRequest", "dropRequests", "uninstall",
)  # fmt: skip  # they take away what others show


def check(schema: dict[str, Any], value: Any) -> None:
    """Raise unless *value* fits *schema*, whose references are the document's."""
    whole = {**schema, "components": DOCUMENT["components"]}
    jsonschema.Draft202012Validator(whole, format_checker=jsonschema.FormatChecker()).validate(
        value
    )


def described(operation: Operation) -> dict[str, Any]:
    return DOCUMENT["paths"][operation.path][operation.method.lower()]


def content(part: dict[str, Any]) -> dict[str, Any]:
    return part["content"]["application/json"]


def ids(operation: Operation) -> str:
    return operation.name


class TestTheDocument:
    async def test_has_every_route_and_no_other(self, store):
        async with VrlPool(size=1) as scripts, running_api(store, scripts) as api:
            app = api_app(api.ports)
            routes = {
                (route.method, route.resource.canonical)
                for route in app.router.routes()
                if route.method != "HEAD" and route.resource.canonical not in UNDESCRIBED
            }
            assert app[PORTS] is api.ports

        told = {
            (method.upper(), path) for path, one in DOCUMENT["paths"].items() for method in one
        }
        assert told == routes

    async def test_is_served_as_it_is_made(self, api):
        said = await api.get("/openapi.json")

        assert DOCUMENT["paths"] == said.body["paths"]
        assert "3.1.0" == said.body["openapi"]

    def test_names_each_operation_once(self):
        assert len(OPERATIONS) == len(BY_NAME)

    @pytest.mark.parametrize("operation", OPERATIONS, ids=ids)
    def test_has_each_parameter_of_the_path_with_an_example(self, operation):
        told = {
            one["name"]: one["example"]
            for one in described(operation)["parameters"]
            if one["in"] == "path"
        }

        assert set(re.findall(r"{(\w+)}", operation.path)) == set(told)

    @pytest.mark.parametrize("operation", OPERATIONS, ids=ids)
    def test_has_a_full_example_of_the_answer_that_fits(self, operation):
        answer = content(described(operation)["responses"][str(operation.status)])

        check(answer["schema"], answer["example"])
        record = msgspec.convert(answer["example"], operation.answer)
        assert set(operation.answer.__struct_encode_fields__) == set(
            msgspec.to_builtins(record)
        )
        assert set(operation.answer.__struct_encode_fields__) <= set(answer["example"])

    @pytest.mark.parametrize("operation", [one for one in OPERATIONS if one.body], ids=ids)
    def test_has_a_full_example_of_the_body_that_fits(self, operation):
        body = content(described(operation)["requestBody"])

        check(body["schema"], body["example"])

    def test_refuses_in_its_schemas_what_the_server_refuses(self):
        with pytest.raises(jsonschema.ValidationError):
            check({"$ref": "#/components/schemas/PutBot"}, {"ulr": "https://x.example"})


async def before(api: Api, operation: Operation) -> None:
    """What the examples speak of that no call of the table makes."""
    if operation.name == "install":
        await with_installation(api)
        await api.ports.events.append(msgspec.convert(examples.EVENT, Event))
        await with_dead(api)
    if operation.name == "createUser":
        await with_talk(api)
    if operation.name == "acceptHandshake":
        caught = Caught(id="", at=1.0, source="global", name="WEBHOOK_SIGNING_SECRET")
        sent = Secret(b"what the provider sent")
        assert examples.HANDSHAKE_ID == await api.ports.handshakes.keep("acme", caught, sent)
    if operation.name == "confirmFlow":
        now = api.ports.clock.now()
        flow = Flow(
            id=examples.FLOW_ID, link="x", installation=HOOK, integration="acme", cookie_hash="x",
            status="confirming", confirm=True, created_at=now, expires_at=now + 600,
        )  # fmt: skip
        await api.ports.flows.begin_flow(flow)


class TestTheExamples:
    async def test_work_one_after_the_other_on_a_live_server(self, api):
        table = [one for one in OPERATIONS if one.name not in (*LAST, *WITH_SERVER)]
        table += [BY_NAME[name] for name in LAST]
        for operation in table:
            await before(api, operation)
            example = operation.example
            is_runtime = operation.access == "runtime"
            headers = await as_integration(api, "clickable") if is_runtime else {}

            said = await api.call(
                operation.method,
                operation.path.format(**example.path),
                example.body,
                params=example.query,
                headers=headers,
            )

            assert operation.status == said.status, (operation.name, said.body)
            answer = described(operation)["responses"][str(operation.status)]
            check(content(answer)["schema"], said.body)

    def test_hold_the_id_that_the_store_really_gives(self):
        from shared.storage.definitions import integration_id_of

        assert examples.INTEGRATION_ID == integration_id_of("acme", "1.0.0")
