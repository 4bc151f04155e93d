"""Events over the runtime API, at once and at a time, and what the bot receives of them."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import msgspec
import pytest

from shared.model.events import Outgoing
from tests.journeys.api_builders import ended
from tests.journeys.chat_builders import EVENTS, MESSAGES, every_page
from workers.scheduler import tell_due


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

    async def test_wait_in_the_ledger_while_the_gate_of_their_bot_is_closed(self, api, one):
        """Else they would be in the stream, which an operator wants to stand still."""
        await api.put(f"/v1/admin/bots/{one.bot}", {})
        await api.post(f"/v1/admin/gates/bot:{one.bot}/close", {"seconds": 60})
        id = (await one.post(EVENTS, {"type": "opened", "payload": {}})).body["event"]["id"]
        held = (await one.get(f"{EVENTS}/{id}")).body["event"]["status"]
        await api.post(f"/v1/admin/gates/bot:{one.bot}/open")
        await one.post(EVENTS, {"type": "closed", "payload": {}})

        assert "pending" == held
        assert ["closed"] == [event.type for event in await one.events()]

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
