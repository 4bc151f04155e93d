"""Messages over the runtime API, and what the bot receives of them."""

from __future__ import annotations

from shared.botpress import bot_user_id
from tests.journeys.chat_builders import CONVERSATIONS, MESSAGES, a_caller, every_page


class TestMessages:
    async def test_reach_the_bot_once(self, one):
        user, conversation = await one.talk()
        body = {
            "type": "text", "payload": {"text": "Zoë", "list": [], "n": 1.5}, "userId": user,
            "conversationId": conversation, "tags": {"id": "77"},
        }  # fmt: skip
        made = await one.post(MESSAGES, body)
        again = await one.post(f"{MESSAGES}/get-or-create", body)

        message = made.body["message"]
        assert (201, "incoming", {"id": "77"}) == (
            made.status, message["direction"], message["tags"],
        )  # fmt: skip
        assert (200, message["id"], False) == (
            again.status, again.body["message"]["id"], again.body["meta"]["created"],
        )  # fmt: skip
        (event,) = await one.events()
        assert ("message_created", "acme", "one", one.home) == (
            event.type, event.integration, event.alias, event.webhook_id,
        )  # fmt: skip
        assert (conversation, user, message["id"]) == (
            event.conversation_id, event.user_id, event.message_id,
        )  # fmt: skip
        assert message == event.payload["message"]
        assert (body["payload"], conversation, user) == (
            event.payload["payload"], event.payload["conversation"]["id"], event.payload["user"]["id"],
        )  # fmt: skip

    async def test_of_which_the_bot_was_not_told_are_told_by_the_next_call(self, api, one):
        """The process died between storing the message and telling the bot."""
        user, conversation = await one.talk()
        body = {
            "type": "text", "payload": {}, "userId": user, "conversationId": conversation,
            "tags": {"id": "77"},
        }  # fmt: skip
        append = api.ports.events.append
        api.ports.events.append = dies  # type: ignore[method-assign]
        died = await one.post(f"{MESSAGES}/get-or-create", body)
        api.ports.events.append = append  # type: ignore[method-assign]
        again = [await one.post(f"{MESSAGES}/get-or-create", body) for _ in range(2)]

        assert 500 == died.status
        assert [False, False] == [said.body["meta"]["created"] for said in again]
        assert [again[0].body["message"]["id"]] == [e.message_id for e in await one.events()]

    async def test_are_the_same_within_their_conversation(self, one):
        user, conversation = await one.talk()
        elsewhere = (await one.made("conversation", channel="dm"))["id"]
        ids = [
            (
                await one.post(
                    f"{MESSAGES}/get-or-create",
                    {
                        "type": "text",
                        "userId": user,
                        "conversationId": where,
                        "tags": {"ts": "1", "n": str(n)},
                        "discriminateByTags": ["ts"],
                    },
                )
            ).body["message"]["id"]
            for n, where in enumerate((conversation, conversation, elsewhere))
        ]

        assert ids[0] == ids[1] != ids[2]

    async def test_make_their_user_a_participant_and_are_counted(self, one):
        user, conversation = await one.talk()
        for _ in range(3):
            await one.made(
                "message", type="t", payload={}, userId=user, conversationId=conversation
            )

        said = await one.get(f"{CONVERSATIONS}/{conversation}")
        assert 3 == said.body["conversation"]["messageCount"]
        assert [user] == await every_page(
            one, f"{CONVERSATIONS}/{conversation}/participants", "participants"
        )

    async def test_of_the_bot_itself_are_outgoing_and_not_told(self, one):
        _, conversation = await one.talk()
        bot = bot_user_id(one.bot)
        message = await one.made(
            "message", type="t", payload={}, userId=bot, conversationId=conversation
        )

        assert "outgoing" == message["direction"]
        assert [] == await one.events()
        assert [bot] == await every_page(
            one, f"{CONVERSATIONS}/{conversation}/participants", "participants"
        )

    async def test_need_a_user_and_a_conversation_of_the_installation(self, api, one):
        other = await a_caller(api, bot="b2")
        user, conversation = await one.talk()
        theirs, there = await other.talk()
        for field, wrong in (("userId", theirs), ("conversationId", there), ("userId", "*")):
            body = {"userId": user, "conversationId": conversation, field: wrong}
            said = await one.post(MESSAGES, {"type": "t", "payload": {}, "tags": {}, **body})

            assert (400, "ReferenceNotFound") == (said.status, said.type)
            assert said.message.startswith(f"{field}: ")

    async def test_are_changed_listed_and_removed(self, one):
        user, conversation = await one.talk()
        ids = [
            (
                await one.made(
                    "message",
                    type="t",
                    payload={"n": n},
                    userId=user,
                    tags={"id": str(n)},
                    conversationId=conversation,
                )
            )["id"]
            for n in range(5)
        ]
        changed = await one.put(f"{MESSAGES}/{ids[0]}", {"tags": {"ack": "1"}})
        payload = await one.put(f"{MESSAGES}/{ids[0]}", {"payload": {"m": 1}})

        assert {"id": "0", "ack": "1"} == changed.body["message"]["tags"]
        assert ({"m": 1}, {"id": "0", "ack": "1"}) == (
            payload.body["message"]["payload"], payload.body["message"]["tags"],
        )  # fmt: skip
        assert ids[::-1] == await every_page(
            one, MESSAGES, "messages", conversationId=conversation, pageSize=2
        )
        assert [ids[3]] == await every_page(one, MESSAGES, "messages", **{"tags.id": "3"})
        at = (await one.get(f"{MESSAGES}/{ids[2]}")).body["message"]["createdAt"]
        before = await every_page(one, MESSAGES, "messages", beforeDate=at)
        after = await every_page(one, MESSAGES, "messages", afterDate=at)
        assert ids[2] not in (*before, *after)
        assert set(before) <= set(ids[:2])
        assert set(after) <= set(ids[3:])
        await one.delete(f"{MESSAGES}/{ids[4]}")
        assert 404 == (await one.get(f"{MESSAGES}/{ids[4]}")).status

    async def test_of_the_past_are_imported_at_their_time_and_not_told(self, one):
        user, conversation = await one.talk()
        recent = await one.made(
            "message", type="t", payload={}, userId=user, conversationId=conversation
        )
        told = len(await one.events())
        old = {
            "type": "t", "payload": {}, "userId": user, "conversationId": conversation,
            "tags": {"id": "9"}, "createdAt": "2020-01-02T03:04:05.678Z", "discriminateByTags": ["id"],
        }  # fmt: skip
        answers = [
            await one.post(f"{MESSAGES}/import-messages", {"messages": [old]}) for _ in range(2)
        ]

        (message,) = answers[0].body["messages"]
        assert "2020-01-02T03:04:05.678Z" == message["createdAt"]
        assert answers[0].body == answers[1].body
        assert [recent["id"], message["id"]] == await every_page(one, MESSAGES, "messages")
        assert told == len(await one.events())

    async def test_user_and_conversation_can_be_made_in_one_call(self, one):
        body = {
            "user": {"tags": {"id": "U"}, "discriminateByTags": ["id"]},
            "conversation": {
                "channel": "dm",
                "tags": {"id": "C"},
                "discriminateByTags": ["id"],
            },
            "message": {
                "type": "t",
                "payload": {},
                "tags": {"id": "M"},
                "discriminateByTags": ["id"],
            },
        }
        first = await one.post("/v1/chat/initialize-incoming-message", body)
        again = await one.post("/v1/chat/initialize-incoming-message", body)
        ids = {
            "userId": first.body["user"]["id"],
            "conversationId": first.body["conversation"]["id"],
        }
        by_id = await one.post("/v1/chat/initialize-incoming-message", ids)
        nobody = await one.post("/v1/chat/initialize-incoming-message", {"conversationId": "x"})

        assert 200 == first.status
        assert [first.body[k]["id"] for k in body] == [again.body[k]["id"] for k in body]
        assert (200, False) == (by_id.status, "message" in by_id.body)
        assert 400 == nobody.status
        assert 1 == len(await one.events())


async def dies(*_: object) -> None:
    raise RuntimeError("the process died")
