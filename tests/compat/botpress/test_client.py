"""The real `@botpress/client`, in two generations, against every call of the runtime API that it has."""

from __future__ import annotations

import asyncio
import re
import uuid
from collections.abc import AsyncIterator

import pytest
import pytest_asyncio
from aiohttp import web

from shared.botpress import bot_user_id
from shared.storage.installations import Installations
from shared.storage.ledger import Ledger
from shared.storage.schedule import Schedule
from tests.compat.botpress.client import Client, ClientError, Node, Road, a_node
from tests.compat.botpress.recording import Json, Recorder, a_recorder, runtime_error
from tests.journeys.system import System, until
from workers.scheduler import register_due

pytestmark = [
    pytest.mark.asyncio(loop_scope="session"),
    pytest.mark.needs("node", "npm"),
]


class Home:
    """An installation with a client and a server of its own."""

    def __init__(self, made: Json, client: Client, server: Recorder) -> None:
        self.client, self.server = client, server
        self.bot, self.webhook_id, self.alias = made["botId"], made["webhookId"], made["alias"]
        self.id = made["integrationId"]
        self.state = {"type": "integration", "id": self.id, "name": "tokens"}

    async def talk(self, channel: str = "dm") -> Json:
        """Ids of a new user and a new conversation."""
        user = await self.client.createUser(tags={})
        conversation = await self.client.createConversation(channel=channel, tags={})
        return {
            "userId": user["user"]["id"],
            "conversationId": conversation["conversation"]["id"],
        }


@pytest_asyncio.fixture(scope="module", loop_scope="session", params=["sdk5", "sdk7"])
async def node(request: pytest.FixtureRequest) -> AsyncIterator[Node]:
    async with a_node(request.param) as running:
        yield running


@pytest_asyncio.fixture(loop_scope="session")
async def server() -> AsyncIterator[Recorder]:
    async with a_recorder() as running:
        yield running


@pytest_asyncio.fixture(loop_scope="session")
async def home(system: System, node: Node, server: Recorder) -> Home:
    name = f"own-{uuid.uuid4().hex[:10]}"
    document = {"name": name, "version": "1.0.0", "url": server.url, "channels": {"dm": {}}}
    made = await system.call("POST", "integrations", document)
    id = made["integration"]["id"]
    token = (await system.call("POST", "integrations/iaks", {"integrationId": id}))["value"]
    installed = await system.install(name, await system.bot())
    client = Client(
        node, token=token, botId=installed["botId"], integrationId=id, apiUrl=system.api,
        integrationAlias=installed["alias"],
    )  # fmt: skip
    return Home(installed, client, server)


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


class TestUsers:
    async def test_from_making_to_removing(self, home: Home) -> None:
        client = home.client
        made = (await client.createUser(tags={"id": "C/1 ü", "x.y": "z"}, name="Ada"))["user"]
        same = await client.getOrCreateUser(
            tags={"id": "C/1 ü", "new": "1"}, discriminateByTags=["id"]
        )
        other = await client.getOrCreateUser(tags={"id": "2"}, pictureUrl="https://x.example/a")
        changed = await client.updateUser(id=made["id"], tags={"x.y": None}, name=None)
        read = await client.getUser(id=made["id"])
        listed = await client.listUsers(tags={"id": "C/1 ü"})

        assert (made["id"], False) == (same["user"]["id"], same["meta"]["created"])
        assert other["meta"]["created"]
        assert ({"id": "C/1 ü"}, None) == (read["user"]["tags"], read["user"].get("name"))
        assert changed == read
        assert ([made["id"]], {}) == ([one["id"] for one in listed["users"]], listed["meta"])
        assert {} == await client.deleteUser(id=made["id"])
        assert [other["user"]["id"]] == [one["id"] for one in await client.every("users")]

    async def test_the_bots_own(self, home: Home) -> None:
        id = bot_user_id(home.bot)
        changed = await home.client.updateUser(id=id, tags={"id": "B1"}, name="Bot")

        assert ({"id": "B1"}, "Bot") == (changed["user"]["tags"], changed["user"]["name"])


class TestConversations:
    async def test_from_making_to_removing(self, home: Home) -> None:
        client = home.client
        made = await client.createConversation(channel="dm", tags={"id": "1"})
        id = made["conversation"]["id"]
        same = await client.getOrCreateConversation(channel="dm", tags={"id": "1"})
        changed = await client.updateConversation(id=id, tags={"topic": "x"})
        read = await client.getConversation(id=id)
        user = (await client.createUser(tags={}))["user"]["id"]
        joined = await client.addParticipant(id=id, userId=user)
        listed = await client.listConversations(
            tags={"id": "1"}, channel="dm", participantIds=[user]
        )

        assert (id, False) == (same["conversation"]["id"], same["meta"]["created"])
        assert changed == read
        assert {"id": "1", "topic": "x"} == read["conversation"]["tags"]
        assert user == joined["participant"]["id"]
        assert [id] == [one["id"] for one in listed["conversations"]]
        assert [user] == [one["id"] for one in await client.every("participants", id=id)]
        assert user == (await client.getParticipant(id=id, userId=user))["participant"]["id"]
        assert {} == await client.removeParticipant(id=id, userId=user)
        assert [] == await client.every("participants", id=id)
        assert {} == await client.deleteConversation(id=id)
        assert [] == await client.every("conversations")


class TestMessages:
    async def test_from_making_to_removing(self, home: Home) -> None:
        client, talk = home.client, await home.talk()
        body = {**talk, "type": "text", "payload": {"text": "Zoë"}, "tags": {"id": "77"}}
        made = (await client.createMessage(**body))["message"]
        same = await client.getOrCreateMessage(**body, discriminateByTags=["id"])
        changed = await client.updateMessage(id=made["id"], tags={"ack": "1"})
        past = await client.importMessages(
            messages=[
                body
                | {
                    "tags": {"id": "0"},
                    "createdAt": "2020-01-02T03:04:05.678Z",
                    "discriminateByTags": ["id"],
                }
            ]
        )

        assert ("incoming", {"text": "Zoë"}) == (made["direction"], made["payload"])
        assert (made["id"], False) == (same["message"]["id"], same["meta"]["created"])
        assert {"id": "77", "ack": "1"} == changed["message"]["tags"]
        assert changed == await client.getMessage(id=made["id"])
        old = past["messages"][0]["id"]
        assert [made["id"], old] == [
            one["id"]
            for one in await client.every("messages", conversationId=talk["conversationId"])
        ]
        assert {} == await client.deleteMessage(id=made["id"])
        assert [old] == [one["id"] for one in await client.every("messages")]

    async def test_reach_the_bot_and_the_bot_answers(self, system: System, home: Home) -> None:
        talk = await home.talk()
        await home.client.createMessage(**talk, type="text", payload={"text": "hi"}, tags={})
        (event,) = await system.events(home.bot, 1)
        said = await system.call(
            "POST", f"bots/{home.bot}/messages",
            {"conversationId": event["conversationId"], "type": "text", "payload": {"text": "yes"}},
        )  # fmt: skip

        async def arrived() -> bool:
            return bool(home.server.named("message_created"))

        await until(arrived, 10.0, lambda: "message_created did not arrive")
        (call,) = home.server.named("message_created")
        assert ("message_created", talk["userId"]) == (event["type"], event["userId"])
        sent = call.json
        assert re.fullmatch("00-[0-9a-f]{32}-[0-9a-f]{16}-01", call.headers["traceparent"])
        assert ("text", {"text": "yes"}, "dm", bot_user_id(home.bot)) == (
            sent["type"], sent["payload"], sent["conversation"]["channel"], sent["user"]["id"],
        )  # fmt: skip
        assert said["message"] == sent["message"]
        assert ("outgoing", talk["conversationId"]) == (
            sent["message"]["direction"], sent["message"]["conversationId"],
        )  # fmt: skip
        ack = await home.client.updateMessage(id=sent["message"]["id"], tags={"id": "ext-1"})
        assert {"id": "ext-1"} == ack["message"]["tags"]

    async def test_with_user_and_conversation_in_one_call(self, home: Home) -> None:
        body = {
            "user": {"tags": {"id": "U"}, "discriminateByTags": ["id"]},
            "conversation": {"channel": "dm", "tags": {"id": "C"}, "discriminateByTags": ["id"]},
            "message": {
                "type": "t", "payload": {}, "tags": {"id": "M"}, "discriminateByTags": ["id"],
            },
        }  # fmt: skip
        first = await home.client.initializeIncomingMessage(**body)
        again = await home.client.initializeIncomingMessage(**body)

        assert [first[part]["id"] for part in body] == [again[part]["id"] for part in body]


class TestEvents:
    async def test_reach_the_bot_in_order(self, system: System, home: Home) -> None:
        talk = await home.talk()
        made = [
            (await home.client.createEvent(type="opened", payload={"n": n}, **talk))["event"]
            for n in range(3)
        ]
        found = await system.events(home.bot, 3)

        assert [one["id"] for one in made] == [one["id"] for one in found]
        assert [{"n": 0}, {"n": 1}, {"n": 2}] == [one["payload"] for one in found]
        read = (await home.client.getEvent(id=made[0]["id"]))["event"]
        assert ("processed", talk["userId"]) == (read["status"], read["userId"])
        listed = await home.client.every("events", type="opened")
        assert [one["id"] for one in made[::-1]] == [one["id"] for one in listed]

    async def test_reach_the_bot_at_their_time(self, system: System, home: Home) -> None:
        scheduled = (
            await home.client.createEvent(type="late", payload={}, schedule={"delay": 500})
        )["event"]
        at_once = (await home.client.createEvent(type="now", payload={}))["event"]
        found = await system.events(home.bot, 2)

        assert ("scheduled", "pending") == (scheduled["status"], at_once["status"])
        assert [at_once["id"], scheduled["id"]] == [one["id"] for one in found]
        with pytest.raises(ClientError, match="schedule") as raised:
            await home.client.createEvent(type="t", payload={}, schedule={})
        assert "InvalidPayload" == raised.value.type


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
