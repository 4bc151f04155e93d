"""The real `@botpress/client`, in two generations, about users, conversations, messages and events."""

from __future__ import annotations

import re

import pytest

from shared.botpress import bot_user_id
from tests.compat.botpress.client import ClientError, Home
from tests.journeys.system import System, until

pytestmark = [
    pytest.mark.asyncio(loop_scope="session"),
    pytest.mark.needs("node", "npm"),
]


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
