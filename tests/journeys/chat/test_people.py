"""Users and conversations over the runtime API."""

from __future__ import annotations

import asyncio

import pytest

from tests.journeys.chat_builders import CONVERSATIONS, MESSAGES, USERS, a_caller, every_page


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
