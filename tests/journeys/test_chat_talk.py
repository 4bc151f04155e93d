"""Users, conversations, messages and events over the runtime API, and what the bot receives of them."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta

import msgspec
import pytest
import pytest_asyncio

from shared.botpress import bot_user_id
from shared.model.events import Outgoing
from tests.journeys.api_builders import Api, ended, running_api
from tests.journeys.chat_builders import Caller, NoScripts, a_caller
from workers.scheduler import tell_due

USERS, CONVERSATIONS = "/v1/chat/users", "/v1/chat/conversations"
MESSAGES, EVENTS = "/v1/chat/messages", "/v1/chat/events"


@pytest_asyncio.fixture
async def api(store) -> AsyncIterator[Api]:
    async with running_api(store, NoScripts()) as running:
        yield running


@pytest_asyncio.fixture
async def one(api) -> Caller:
    return await a_caller(api)


async def every_page(caller: Caller, path: str, noun: str, **query: object) -> list[str]:
    """The ids that all pages together hold."""
    ids: list[str] = []
    token = ""
    while True:
        said = await caller.get(path, **query, **({"nextToken": token} if token else {}))
        assert 200 == said.status, said.body
        ids += [one["id"] for one in said.body[noun]]
        token = said.body["meta"].get("nextToken", "")
        if not token:
            return ids


class TestUsers:
    async def test_are_made_read_changed_and_removed(self, one):
        body = {"tags": {"id": "U1", "none": ""}, "name": "Ada", "attributes": {"lang": "en"}}
        made = await one.post(USERS, body)
        id = made.body["user"]["id"]
        changes = {
            "tags": {"id": None, "team": "T1"},
            "name": None,
            "pictureUrl": "https://x.example/a",
        }
        changed = await one.put(f"{USERS}/{id}", changes)
        removed = await one.delete(f"{USERS}/{id}")

        assert (201, {"id": "U1"}) == (made.status, made.body["user"]["tags"])
        assert 28 <= len(id) <= 36
        user = changed.body["user"]
        assert ({"team": "T1"}, {"lang": "en"}) == (user["tags"], user["attributes"])
        assert "name" not in user
        assert "https://x.example/a" == user["pictureUrl"]
        assert (200, {}) == (removed.status, removed.body)
        assert (404, "No User found") == (
            (await one.get(f"{USERS}/{id}")).status, (await one.get(f"{USERS}/{id}")).message,
        )  # fmt: skip

    @pytest.mark.parametrize(
        ("tags", "by", "is_same"),
        [
            ({"id": "1", "team": "T"}, None, True),
            ({"id": "1"}, None, True),
            ({"id": "1", "team": "X"}, None, False),
            ({"id": "1", "team": "X"}, ["id"], True),
            ({"id": "2", "team": "T"}, ["id"], False),
            ({"id": "2", "team": "T"}, ["team"], True),
            ({"id": "1", "other": "T"}, None, False),
            ({}, None, False),
        ],
    )  # fmt: skip
    async def test_are_the_same_by_all_tags_or_by_the_named_ones(self, one, tags, by, is_same):
        first = await one.made("user", tags={"id": "1", "team": "T"})
        body = {"tags": tags, "name": "later"} | ({"discriminateByTags": by} if by else {})
        said = await one.post(f"{USERS}/get-or-create", body)

        assert 200 == said.status
        assert is_same == (said.body["user"]["id"] == first["id"])
        assert is_same != said.body["meta"]["created"]

    async def test_are_found_by_their_tags_of_now(self, one):
        user = await one.made("user", tags={"id": "old"})
        await one.put(f"{USERS}/{user['id']}", {"tags": {"id": "new"}})

        assert [] == await every_page(one, USERS, "users", **{"tags.id": "old"})
        assert [user["id"]] == await every_page(one, USERS, "users", **{"tags.id": "new"})

    async def test_are_made_once_however_many_ask(self, one):
        answers = await asyncio.gather(
            *(one.post(f"{USERS}/get-or-create", {"tags": {"id": "1"}}) for _ in range(10))
        )

        assert 1 == len({said.body["user"]["id"] for said in answers})
        assert 1 == sum(said.body["meta"]["created"] for said in answers)

    async def test_a_tag_that_discriminates_must_be_given(self, one):
        said = await one.post(
            f"{USERS}/get-or-create", {"tags": {"id": "1"}, "discriminateByTags": ["team"]}
        )

        assert 400 == said.status
        assert "discriminateByTags: names 'team'" in said.message

    async def test_are_listed_page_by_page_in_either_order(self, one):
        ids = [(await one.made("user", tags={"t": str(n % 2)}))["id"] for n in range(7)]

        assert ids[::-1] == await every_page(one, USERS, "users", pageSize=3)
        assert ids == await every_page(one, USERS, "users", pageSize=3, sortDirection="asc")
        assert ids[::2] == sorted(
            await every_page(one, USERS, "users", pageSize=2, **{"tags.t": "0"})
        )

    async def test_are_listed_by_their_last_change(self, one):
        ids = [(await one.made("user"))["id"] for _ in range(4)]
        await asyncio.sleep(0.005)
        await one.put(f"{USERS}/{ids[1]}", {"name": "changed"})

        newest = await every_page(one, USERS, "users", sortField="updatedAt", pageSize=3)

        assert [ids[1], *ids[:1:-1], ids[0]] == newest
        assert 400 == (await one.get(USERS, sortField="updatedAt", nextToken="user_1")).status

    async def test_belong_to_one_installation(self, api, one):
        others = [await a_caller(api, alias="two"), await a_caller(api, bot="b2")]
        mine = await one.made("user", tags={"id": "1"})
        for other in others:
            theirs = await other.post(f"{USERS}/get-or-create", {"tags": {"id": "1"}})

            assert theirs.body["meta"]["created"]
            assert 404 == (await other.get(f"{USERS}/{mine['id']}")).status
            assert (
                404 == (await other.put(f"{USERS}/{mine['id']}", {"tags": {"id": "2"}})).status
            )
            assert 404 == (await other.delete(f"{USERS}/{mine['id']}")).status
            assert 1 == len(await every_page(other, USERS, "users"))

    async def test_odd_tags_are_found_too(self, one):
        tags = {"x.y": "z", "id": "C/1 ü", "a&b": "1=2", "empty value": " "}
        user = await one.made("user", tags=tags)

        for name, value in tags.items():
            assert [user["id"]] == await every_page(
                one, USERS, "users", **{f"tags.{name}": value}
            )


class TestConversations:
    async def test_are_known_by_channel_and_tags(self, one):
        first = await one.made("conversation", channel="dm", tags={"id": "1"})
        same = await one.post(
            f"{CONVERSATIONS}/get-or-create", {"channel": "dm", "tags": {"id": "1"}}
        )
        other = await one.post(
            f"{CONVERSATIONS}/get-or-create", {"channel": "room", "tags": {"id": "1"}}
        )

        assert ("dm", "acme", 0) == (
            first["channel"], first["integration"], first["messageCount"],
        )  # fmt: skip
        assert (first["id"], False) == (
            same.body["conversation"]["id"], same.body["meta"]["created"],
        )  # fmt: skip
        assert other.body["meta"]["created"]

    async def test_are_changed_and_listed(self, one):
        first = await one.made("conversation", channel="dm", tags={"id": "1"})
        second = await one.made("conversation", channel="room", tags={"id": "1"})
        changed = await one.put(f"{CONVERSATIONS}/{first['id']}", {"tags": {"topic": "x"}})

        assert {"id": "1", "topic": "x"} == changed.body["conversation"]["tags"]
        for query, wanted in [
            ({"tags.id": "1"}, [second, first]),
            ({"tags.id": "1", "channel": "dm"}, [first]),
            ({"tags.topic": "x"}, [first]),
            ({"integrationName": "acme"}, [second, first]),
            ({"integrationName": "rival"}, []),
            ({"afterDate": "2001-01-01T00:00:00Z"}, [second, first]),
            ({"beforeDate": "2001-01-01"}, []),
        ]:
            found = await every_page(one, CONVERSATIONS, "conversations", **query)
            assert [one_["id"] for one_ in wanted] == found, query

    async def test_are_not_filtered_by_halves(self, one):
        said = await one.get(CONVERSATIONS, minMessageCount=3)

        assert (400, "InvalidQuery") == (said.status, said.type)

    async def test_have_participants(self, one):
        user, conversation = await one.talk()
        other = (await one.made("user"))["id"]
        path = f"{CONVERSATIONS}/{conversation}/participants"
        for _ in range(2):
            assert 200 == (await one.post(path, {"userId": user})).status
        await one.post(path, {"userId": other})

        assert [other, user] == await every_page(one, path, "participants", pageSize=1)
        assert user == (await one.get(f"{path}/{user}")).body["participant"]["id"]
        both = {"participantIds": [user, other]}
        assert [conversation] == await every_page(one, CONVERSATIONS, "conversations", **both)
        assert [user] == [
            id
            for id in await every_page(one, USERS, "users", conversationId=conversation)
            if id != other
        ]

        assert (200, {}) == ((said := await one.delete(f"{path}/{user}")).status, said.body)
        assert 404 == (await one.get(f"{path}/{user}")).status
        assert 404 == (await one.delete(f"{path}/{user}")).status
        assert [] == await every_page(one, CONVERSATIONS, "conversations", **both)

    async def test_removed_users_take_part_no_more(self, one):
        user, conversation = await one.talk()
        await one.post(f"{CONVERSATIONS}/{conversation}/participants", {"userId": user})
        await one.delete(f"{USERS}/{user}")

        assert [] == await every_page(
            one, f"{CONVERSATIONS}/{conversation}/participants", "participants"
        )
        assert [] == await every_page(one, CONVERSATIONS, "conversations", participantIds=user)

    async def test_go_with_their_messages(self, one):
        user, conversation = await one.talk()
        message = await one.made(
            "message", type="text", payload={}, userId=user, conversationId=conversation
        )
        await one.delete(f"{CONVERSATIONS}/{conversation}")

        assert 404 == (await one.get(f"{MESSAGES}/{message['id']}")).status
        assert 404 == (await one.delete(f"{CONVERSATIONS}/{conversation}")).status
        assert [] == await every_page(one, USERS, "users", conversationId=conversation)


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


class TestEvents:
    async def test_reach_the_stream_of_the_bot_in_order(self, one):
        user, conversation = await one.talk()
        ids = []
        for n in range(5):
            body = {
                "type": "opened",
                "payload": {"n": n},
                "userId": user,
                "conversationId": conversation,
            }
            said = await one.post(EVENTS, body)
            assert 201 == said.status
            ids.append(said.body["event"]["id"])

        found = await one.events()
        assert ids == [event.id for event in found]
        assert [0, 1, 2, 3, 4] == [event.payload["n"] for event in found]
        assert {("opened", user, conversation)} == {
            (event.type, event.user_id, event.conversation_id) for event in found
        }

    async def test_are_read_with_what_became_of_them(self, one):
        made = (await one.post(EVENTS, {"type": "opened", "payload": {"a": 1}})).body["event"]
        read = (await one.get(f"{EVENTS}/{made['id']}")).body["event"]

        assert ("processed", None) == (read["status"], read["failureReason"])
        assert ("opened", {"a": 1}) == (read["type"], read["payload"])
        assert {"conversationId", "userId", "messageId"}.isdisjoint(read)
        assert 404 == (await one.get(f"{EVENTS}/evt_nothing")).status

    async def test_to_a_url_are_carried_by_the_ledger(self, api, one):
        await api.put(f"/v1/admin/bots/{one.bot}", {"url": "https://bot.example/events"})
        id = (await one.post(EVENTS, {"type": "opened", "payload": {}})).body["event"]["id"]
        record = await api.ports.ledger.show(f"dlv_{id.partition('_')[2]}")
        body = msgspec.msgpack.decode(
            await api.ports.ledger.stored_body(record.id), type=Outgoing
        )
        pending = (await one.get(f"{EVENTS}/{id}")).body["event"]["status"]
        await ended(api, "dead", "the bot answered 410")
        failed = (await one.get(f"{EVENTS}/{id}")).body["event"]

        assert ("event", one.home, one.bot) == (record.job, record.installation, record.bot)
        assert (id, record.id) == (body.event.id, body.event.delivery_id)
        assert ("pending", "failed", "the bot answered 410") == (
            pending, failed["status"], failed["failureReason"],
        )  # fmt: skip
        assert [id] == await every_page(one, EVENTS, "events", status="failed")
        assert [] == await every_page(one, EVENTS, "events", status="pending")

    async def test_are_listed_by_what_they_are_about(self, one):
        user, _ = await one.talk()
        first = (await one.post(EVENTS, {"type": "a", "payload": {}, "userId": user})).body[
            "event"
        ]
        second = (await one.post(EVENTS, {"type": "b", "payload": {}})).body["event"]

        assert [second["id"], first["id"]] == await every_page(
            one, EVENTS, "events", pageSize=1
        )
        assert [first["id"]] == await every_page(one, EVENTS, "events", type="a")
        assert [first["id"]] == await every_page(one, EVENTS, "events", userId=user)

    async def test_must_name_what_is_there(self, one):
        for field in ("conversationId", "userId", "messageId"):
            said = await one.post(EVENTS, {"type": "a", "payload": {}, field: "x"})

            assert (400, "ReferenceNotFound") == (said.status, said.type)
        assert [] == await one.events()

    async def test_that_the_queue_cannot_take_are_not_lost_in_silence(self, api, one):
        await api.put(f"/v1/admin/bots/{one.bot}", {"url": "https://bot.example/events"})
        api.ports.ledger._limits = msgspec.structs.replace(api.ports.ledger._limits, records=0)

        said = await one.post(EVENTS, {"type": "a", "payload": {}})

        assert (503, "1") == (said.status, said.headers["RateLimit-Reset"])
        assert [] == await every_page(one, EVENTS, "events")


class TestAtATime:
    async def test_an_event_is_told_then_and_not_before(self, api, store, one):
        for schedule in ({"delay": 3_600_000}, {"dateTime": moment(3600)}):
            body = {"type": "reminder", "payload": {}, "schedule": schedule}
            made = (await one.post(EVENTS, body)).body["event"]
            path = f"{EVENTS}/{made['id']}"
            early = await tell_due(api.ports.later, api.ports.ledger)
            waits = (await one.get(path)).body["event"]
            store.scripts.skew_ms += 3_605_000
            told = await tell_due(api.ports.later, api.ports.ledger)
            sent = (await one.get(path)).body["event"]
            record = await api.ports.ledger.show(f"dlv_{made['id'].partition('_')[2]}")
            store.scripts.skew_ms = 0

            assert (0, 1) == (early, told)
            assert ["scheduled", "scheduled", "pending"] == [
                event["status"] for event in (made, waits, sent)
            ]
            assert ("event", one.bot) == (record.job, record.bot)
        assert [] == await one.events()

    async def test_a_message_is_there_at_once_and_told_then(self, api, store, one):
        user, conversation = await one.talk()
        body = {
            "type": "text", "payload": {"text": "hi"}, "userId": user, "tags": {"id": "1"},
            "conversationId": conversation, "schedule": {"delay": 60_000},
        }  # fmt: skip
        made = await one.post(MESSAGES, body)
        again = await one.post(f"{MESSAGES}/get-or-create", body)
        store.scripts.skew_ms = 65_000
        (event,) = await api.ports.later.due()

        message = made.body["message"]
        assert (201, message) == (made.status, again.body["message"])
        assert [message["id"]] == await every_page(one, MESSAGES, "messages")
        assert ("message_created", message["id"]) == (event.type, event.message_id)
        assert [] == await one.events()

    @pytest.mark.parametrize(
        ("schedule", "field"),
        [
            ({}, "schedule"),
            ({"delay": 1, "dateTime": "2026-01-31T12:00:00Z"}, "schedule"),
            ({"delay": -1}, "schedule.delay"),
            ({"delay": 1e300}, "schedule.delay"),
            ({"dateTime": "soon"}, "schedule.dateTime"),
            ({"dateTime": "9999-01-31T12:00:00Z"}, "schedule"),
        ],
    )
    async def test_that_is_none_is_refused_by_name(self, one, schedule, field):
        said = await one.post(EVENTS, {"type": "a", "payload": {}, "schedule": schedule})

        assert (400, field) == (said.status, said.body["metadata"]["field"])
        assert [] == await every_page(one, EVENTS, "events")


def moment(seconds: float) -> str:
    return (datetime.now(UTC) + timedelta(seconds=seconds)).isoformat()


async def dies(*_: object) -> None:
    raise RuntimeError("the process died")
