"""The real `@botpress/client`, in two generations, against every call of the runtime API that it has."""

from __future__ import annotations

import asyncio
import uuid

import pytest
from aiohttp import web

from shared.storage.installations import Installations
from shared.storage.ledger import Ledger
from shared.storage.schedule import Schedule
from tests.compat.botpress.client import Client, ClientError, Home, Road
from tests.compat.botpress.recording import Json, runtime_error
from tests.journeys.system import System, until
from workers.scheduler import register_due

pytestmark = [
    pytest.mark.asyncio(loop_scope="session"),
    pytest.mark.needs("node", "npm"),
]


class TestStates:
    async def test_are_set_read_merged_and_removed(self, home: Home) -> None:
        client, place = home.client, home.state
        written = await client.setState(
            **place, payload={"a": {"x": 1}, "b": "é"}, expiry=60000
        )
        merged = await client.patchState(**place, payload={"a": {"y": 2}})
        read = await client.getState(**place)
        kept = await client.getOrSetState(**place, payload={"c": 1})
        idle = await client.setStateExpiry(**place, expiry=None)
        removed = await client.setState(**place, payload=None)
        made = await client.getOrSetState(**place, payload={"c": 1})

        assert {"a": {"x": 1}, "b": "é"} == written["state"]["payload"]
        assert {"a": {"y": 2}, "b": "é"} == merged["state"]["payload"]
        assert merged["state"] | {"expiresAt": ""} == read["state"] | {"expiresAt": ""}
        assert {"cached": False} == read["meta"]
        assert read["state"]["payload"] == kept["state"]["payload"]
        assert 60000 == kept["state"]["expiry"]
        assert "expiry" not in idle["state"]
        assert {} == removed["state"]["payload"]
        assert {"c": 1} == made["state"]["payload"]

    async def test_that_are_not_there_are_the_clients_own_error(self, home: Home) -> None:
        with pytest.raises(ClientError, match="No State found") as raised:
            await home.client.getState(**home.state)

        error = raised.value
        assert ("ResourceNotFound", 404, True) == (error.type, error.code, error.is_api_error)
        assert error.id.startswith("call_")

    async def test_of_users_and_conversations(self, home: Home) -> None:
        talk = await home.talk()
        for kind in ("user", "conversation"):
            place = {"type": kind, "id": talk[f"{kind}Id"], "name": "thread"}
            await home.client.setState(**place, payload={"kind": kind})
            read = (await home.client.getState(**place))["state"]

            assert ({"kind": kind}, talk[f"{kind}Id"]) == (read["payload"], read[f"{kind}Id"])


class TestConfiguring:
    async def test_binds_clears_and_schedules(self, system: System, home: Home) -> None:
        async def identifier() -> str | None:
            found: str | None = (await system.installation(home.webhook_id))["identifier"]
            return found

        team = uuid.uuid4().hex
        said = await home.client.configureIntegration(
            identifier=team, scheduleRegisterCall="monthly"
        )
        bound = await identifier()
        await home.client.configureIntegration()
        kept = await identifier()
        await home.client.configureIntegration(identifier=None, sandboxIdentifiers=None)

        assert ({}, team, team, None) == (said, bound, kept, await identifier())

    async def test_a_registration_that_is_due_runs_again(
        self, system: System, home: Home
    ) -> None:
        async def registrations() -> int:
            return len(home.server.named("register"))

        async def registered() -> bool:
            return await registrations() == 1

        await until(registered, 10.0, lambda: "register did not arrive")
        await home.client.configureIntegration(scheduleRegisterCall="hourly")
        schedule = Schedule(system.store)
        system.store.scripts.skew_ms = 3_601_000
        try:
            due = await schedule.due(1000)
            home_of = Installations(system.store)
            await register_due(schedule, home_of, Ledger(system.store))
        finally:
            system.store.scripts.skew_ms = 0

        async def again() -> bool:
            return await registrations() == 2

        assert home.webhook_id in [webhook_id for webhook_id, _ in due]
        await until(again, 10.0, lambda: "register did not run again")


class TestActions:
    async def test_are_called_and_answer(self, system: System, home: Home) -> None:
        home.server.action = lambda asked: web.json_response(
            {"output": {"echo": asked.get("input")}, "meta": {"cost": 0}}
        )
        own = await home.client.callAction(type="close", input={"n": 1})
        bots = await system.call(
            "POST", f"bots/{home.bot}/actions",
            {"alias": home.alias, "type": "close", "input": {"n": 2}},
        )  # fmt: skip

        assert ({"echo": {"n": 1}}, {"cached": False}) == (own["output"], own["meta"])
        assert ({"echo": {"n": 2}}, {"cost": 0}) == (bots["output"], bots["meta"])
        assert {"type": "close", "input": {"n": 1}} == home.server.named("action_triggered")[
            0
        ].json

    async def test_that_fail_say_so_in_the_integrations_words(self, home: Home) -> None:
        for status in (400, 500):  # the two generations of the SDK
            home.server.action = lambda _, status=status: runtime_error(
                "there is no ticket", status
            )
            with pytest.raises(ClientError, match="there is no ticket") as raised:
                await home.client.callAction(type="close", input={})

            assert ("Runtime", 400) == (raised.value.type, raised.value.code)
        assert 2 == len(home.server.named("action_triggered"))  # never asked twice

    async def test_of_another_installation_are_not_its_to_call(self, home: Home) -> None:
        with pytest.raises(ClientError, match="another installation"):
            await home.client.callAction(type="slack:close", input={})


class TestOthers:
    async def test_analytics_are_counted(self, home: Home) -> None:
        assert {} == await home.client.trackAnalytics(name="opened", count=2)

    @pytest.mark.parametrize(
        ("call", "asked"),
        [
            ("listTagValues", {"key": "id", "type": "user"}),
            ("createWorkflow", {"name": "w", "status": "pending"}),
            ("captureObservation", {"name": "o", "data": {}}),
        ],
    )
    async def test_what_is_missing_says_so(self, home: Home, call: str, asked: Json) -> None:
        with pytest.raises(ClientError, match="no such route") as raised:
            await getattr(home.client, call)(**asked)

        assert "ResourceNotFound" == raised.value.type

    async def test_a_wrong_token_is_the_clients_own_error(self, home: Home) -> None:
        stranger = Client(home.client._node, **{**home.client.props, "token": "wprt_wrong"})
        with pytest.raises(ClientError) as raised:
            await stranger.getState(**home.state)

        assert ("Unauthorized", 401, True) == (
            raised.value.type, raised.value.code, raised.value.is_api_error,
        )  # fmt: skip


class TestRetries:
    @pytest.mark.parametrize("broken", [429, 502, "before"])
    async def test_what_was_never_passed_on_is_sent_again(
        self, system: System, home: Home, broken: int | str
    ) -> None:
        async with Road(system.api) as road:
            road.breaks = [broken]
            client = home.client.at(road.url)
            event = await client.createEvent(type="opened", payload={"broken": broken})

        assert [f"POST {broken}", "POST 0"] == road.seen
        assert [event["event"]["id"]] == [one["id"] for one in await system.events(home.bot, 1)]

    async def test_many_at_once_each_get_their_own_answer(self, home: Home) -> None:
        answers = await asyncio.gather(
            *(home.client.setState(**home.state, payload={"n": n}) for n in range(50))
        )

        assert set(range(50)) == {one["state"]["payload"]["n"] for one in answers}

    @pytest.mark.parametrize(
        "call", ["createEvent", "createMessage", "createUser", "createConversation"]
    )
    async def test_an_answer_that_was_lost_on_its_way_makes_nothing_twice(
        self, system: System, home: Home, call: str
    ) -> None:
        inputs: Json = {
            "createEvent": {"type": "opened", "payload": {}},
            "createMessage": {"type": "t", "payload": {}, "tags": {}, **await home.talk()},
            "createUser": {"tags": {"id": "1"}},
            "createConversation": {"channel": "lost", "tags": {}},
        }
        trace = f"00-{uuid.uuid4().hex}-b7ad6b7169203331-01"
        async with Road(system.api) as road:
            road.breaks = ["behind"]
            client = home.client.at(road.url, traceparent=trace)
            made = await getattr(client, call)(**inputs[call])

        assert ["POST behind", "POST 0"] == road.seen
        noun = call.removeprefix("create").lower()
        listed = await home.client.every(f"{noun}s")
        assert 1 == sum(one["id"] == made[noun]["id"] for one in listed)
        assert (
            1 == sum(one.get("channel", "lost") == "lost" for one in listed) or noun == "user"
        )
        if noun in ("event", "message"):
            events = await system.events(home.bot, 1)
            assert 1 == len(events)
