"""States over the runtime API: whole, private to one installation, and gone when they say so."""

from __future__ import annotations

import asyncio

import pytest

from services.api import examples
from shared.model.flows import FLOW_LIFETIME, Flow
from tests.journeys.chat_builders import STATE, Caller, a_caller

TOKENS = f"{STATE}/tokens"
CONFIGURE = "/v1/chat/integrations/configure"


async def payload(caller: Caller, path: str = TOKENS):
    said = await caller.get(path)
    return said.body["state"]["payload"] if said.status == 200 else said.message


class TestAState:
    async def test_comes_back_as_the_protocol_has_it(self, one):
        written = await one.post(TOKENS, {"payload": {"a": "é", "n": [1, None, {}], "b": []}})
        read = await one.get(TOKENS)

        state = read.body["state"]
        assert 200 == written.status
        assert written.body["state"] == state
        assert {"cached": False} == read.body["meta"]
        assert {"a": "é", "n": [1, None, {}], "b": []} == state["payload"]
        assert (one.bot, "tokens", "integration") == (
            state["botId"], state["name"], state["type"],
        )  # fmt: skip
        assert {"conversationId", "userId", "expiry", "expiresAt"}.isdisjoint(state)
        assert state["createdAt"].endswith("Z")

    async def test_may_hold_what_javascript_cut_in_two(self, one):
        """`JSON.stringify` writes half a surrogate pair as it is; no event may be lost for it."""
        raw = rb'{"payload":{"cut":"x\ud83d","low":"\ude00","both":"\ud83d\ude00","text":"\\ud83d"}}'
        said = await one.post(TOKENS, raw)

        wanted = {"cut": "x\ufffd", "low": "\ufffd", "both": "😀", "text": r"\ud83d"}
        assert wanted == said.body["state"]["payload"] == await payload(one)

    async def test_keeps_numbers_as_they_are(self, one):
        raw = b'{"payload":{"id":123456789012345678901234567890,"n":0.1,"e":-1e-7}}'
        said = await one.post(TOKENS, raw)

        assert {"id": 123456789012345678901234567890, "n": 0.1, "e": -1e-7} == said.body[
            "state"
        ]["payload"]

    async def test_that_is_not_there_is_a_404_in_the_words_that_integrations_compare(self, one):
        for said in (
            await one.get(TOKENS),
            await one.patch(TOKENS, {"payload": {"a": 1}}),
            await one.post(f"{TOKENS}/expiry", {"expiry": None}),
        ):
            assert (404, "ResourceNotFound") == (said.status, said.type)
            assert "No State found" == said.message

    async def test_is_replaced_by_set_and_merged_by_patch(self, one):
        await one.post(TOKENS, {"payload": {"a": {"x": 1}, "b": 1}})
        patched = await one.patch(TOKENS, {"payload": {"a": {"y": 2}, "c": None}})
        assert {"a": {"y": 2}, "b": 1, "c": None} == patched.body["state"]["payload"]

        replaced = await one.post(TOKENS, {"payload": {"d": 1}})
        assert {"d": 1} == replaced.body["state"]["payload"] == await payload(one)

    async def test_is_removed_by_null(self, one):
        await one.post(TOKENS, {"payload": {"a": 1}})
        said = await one.post(TOKENS, {"payload": None})
        again = await one.post(TOKENS, {"payload": None})

        assert (200, {}, 200) == (said.status, said.body["state"]["payload"], again.status)
        assert "No State found" == await payload(one)

    async def test_is_made_once_however_many_ask(self, one):
        answers = await asyncio.gather(
            *(one.post(f"{TOKENS}/get-or-set", {"payload": {"n": n}}) for n in range(10))
        )

        assert {200} == {said.status for said in answers}
        assert 1 == len({said.body["state"]["payload"]["n"] for said in answers})

    async def test_may_have_any_name(self, one):
        for name in ("a/b:c", "50%", "*", "ü", "expiry"):
            path = f"{STATE}/{name.replace('%', '%25').replace('/', '%2F')}"
            await one.post(path, {"payload": {"name": name}})
            assert {"name": name} == await payload(one, path)

        assert 400 == (await one.post(f"{STATE}/{'x' * 201}", {"payload": {}})).status

    @pytest.mark.parametrize(
        "body", [{}, {"payload": []}, {"payload": "x"}, {"payload": {}, "expiry": 0}]
    )
    async def test_needs_an_object(self, one, body):
        said = await one.post(TOKENS, body)

        assert (400, "InvalidPayload") == (said.status, said.type)


class TestIdleTime:
    async def test_is_told_kept_by_patch_and_ended_by_null(self, one):
        said = await one.post(TOKENS, {"payload": {}, "expiry": 60_000})
        assert 60_000 == said.body["state"]["expiry"]
        assert said.body["state"]["expiresAt"] > said.body["state"]["updatedAt"]

        kept = await one.patch(TOKENS, {"payload": {"a": 1}})
        assert 60_000 == kept.body["state"]["expiry"]
        changed = await one.post(f"{TOKENS}/expiry", {"expiry": 5000})
        assert 5000 == changed.body["state"]["expiry"]
        ended = await one.patch(TOKENS, {"payload": {"a": 1}, "expiry": None})
        assert "expiry" not in ended.body["state"]

    async def test_ends_a_state(self, one):
        await one.post(TOKENS, {"payload": {}, "expiry": 1})
        await asyncio.sleep(0.02)

        assert "No State found" == await payload(one)

    async def test_is_at_most_thirty_days(self, one):
        said = await one.post(TOKENS, {"payload": {}, "expiry": 2_592_000_001})

        assert 400 == said.status


class TestOwners:
    async def test_no_two_installations_share_a_state(self, api, one):
        callers = [
            one,
            await a_caller(api, alias="two"),  # the same bot
            await a_caller(api, bot="b2", alias="one"),  # the same alias
        ]
        for number, caller in enumerate(callers):
            assert "No State found" == await payload(caller)
            await caller.post(TOKENS, {"payload": {"n": number}})

        assert [{"n": 0}, {"n": 1}, {"n": 2}] == [await payload(caller) for caller in callers]

    async def test_conversations_and_users_must_be_its_own(self, api, one):
        user, conversation = await one.talk()
        other = await a_caller(api, bot="b2")
        for place in (f"user/{user}", f"conversation/{conversation}"):
            path = f"/v1/chat/states/{place}/s"
            mine = await one.post(path, {"payload": {"a": 1}})
            theirs = [
                await other.get(path),
                await other.post(path, {"payload": {"a": 2}}),
                await other.post(f"{path}/get-or-set", {"payload": {"a": 2}}),
                await other.patch(path, {"payload": {"a": 2}}),
            ]

            kind, owner = place.split("/")
            assert owner == mine.body["state"][f"{kind}Id"]
            assert [404] * 4 == [said.status for said in theirs]
            assert {"a": 1} == await payload(one, path)

    async def test_go_with_the_conversation_and_the_user(self, one):
        user, conversation = await one.talk()
        for place, noun in (
            (f"user/{user}", "users"),
            (f"conversation/{conversation}", "conversations"),
        ):
            await one.post(f"/v1/chat/states/{place}/s", {"payload": {}})
            await one.delete(f"/v1/chat/{noun}/{place.partition('/')[2]}")

        keys = [key async for key in one.api.ports.states._redis.scan_iter(match="*state-of:*")]
        assert [] == keys

    async def test_another_integrations_id_names_nothing(self, api, one):
        other = await a_caller(api, alias="other", integration="rival")
        path = f"/v1/chat/states/integration/{other.headers['x-integration-id']}/tokens"

        assert 404 == (await one.post(path, {"payload": {}})).status

    async def test_other_types_are_refused_by_name(self, one):
        said = await one.get(f"/v1/chat/states/workflow/{examples.INTEGRATION_ID}/s")

        assert 400 == said.status
        assert "integration, conversation or user" in said.message


class TestDeclaredStates:
    async def test_are_the_only_ones_that_can_be_written(self, api):
        declared = {
            "tokens": {"type": "integration", "schema": {"type": "object"}},
            "seen": {"type": "user"},
        }
        await api.post("/v1/admin/integrations", {**examples.DEFINITION, "states": declared})
        one = await a_caller(api)

        known = await one.post(TOKENS, {"payload": {"undeclared": "field"}})
        unknown = await one.post(f"{STATE}/nothing", {"payload": {}})
        misplaced = await one.post(f"{STATE}/seen", {"payload": {}})
        read = await one.get(f"{STATE}/nothing")

        assert (200, {"undeclared": "field"}) == (known.status, known.body["state"]["payload"])
        assert [400, 400, 404] == [unknown.status, misplaced.status, read.status]
        assert "ReferenceNotFound" == unknown.type
        assert "tokens (integration)" in unknown.message

    async def test_hold_what_their_schema_wants(self, api):
        schema = {
            "type": "object", "required": ["token"],
            "properties": {"token": {"type": "string"}, "at": {"type": "number"}},
        }  # fmt: skip
        declared = {"tokens": {"type": "integration", "schema": schema}}
        await api.post("/v1/admin/integrations", {**examples.DEFINITION, "states": declared})
        one = await a_caller(api)
        refused = [
            await one.post(f"{TOKENS}/get-or-set", {"payload": {"token": None}}),
            await one.post(TOKENS, {"payload": {"at": 1}}),
        ]
        kept = await one.post(TOKENS, {"payload": {"token": "t", "undeclared": 1}})
        refused.append(await one.patch(TOKENS, {"payload": {"at": "soon"}}))
        patched = await one.patch(TOKENS, {"payload": {"at": 2}})

        assert {(400, "InvalidDataFormat")} == {(said.status, said.type) for said in refused}
        assert ["payload.token", "payload.token", "payload.at"] == [
            said.body["metadata"]["field"] for said in refused
        ]
        assert [200, 200] == [kept.status, patched.status]
        assert {"token": "t", "undeclared": 1, "at": 2} == await payload(one)


class TestConfigure:
    async def test_binds_clears_and_leaves_alone(self, api, one):
        async def identifier():
            return (await api.ports.installations.by_webhook_id(one.home)).identifier

        assert (200, {}) == await configured(one, identifier="org_42")
        assert "org_42" == await identifier()
        assert (200, {}) == await configured(one)
        assert "org_42" == await identifier()
        assert (200, {}) == await configured(one, identifier=None)
        assert "" == await identifier()

    async def test_shows_that_it_is_connected(self, api, one):
        await configured(one, identifier="org_42")
        bound = await api.ports.installations.by_webhook_id(one.home)
        await configured(one, identifier=None)
        cleared = await api.ports.installations.by_webhook_id(one.home)

        assert ("connected", "pending") == (bound.connection, cleared.connection)

    async def test_takes_nothing_from_another_outside_a_connect_flow(self, api, one):
        other = await a_caller(api, bot="b2")
        await configured(one, identifier="org_42")

        said = await other.post(CONFIGURE, {"identifier": "org_42"})

        assert (409, "AlreadyExists") == (said.status, said.type)
        assert "org_42" == (await api.ports.installations.by_webhook_id(one.home)).identifier

    async def test_inside_a_connect_flow_the_last_one_wins(self, api, one):
        other = await a_caller(api, bot="b2")
        await configured(one, identifier="org_42")
        now = api.ports.clock.now()
        flow = Flow(
            id="flow_1", link="l1", installation=other.home, integration="acme", cookie_hash="c1",
            created_at=now, expires_at=now + FLOW_LIFETIME,
        )  # fmt: skip
        await api.ports.flows.begin_flow(flow)

        assert (200, {}) == await configured(other, identifier="org_42")
        before = await api.ports.installations.by_webhook_id(one.home)
        assert ("", "needs_reauth") == (before.identifier, before.connection)

    async def test_a_flow_that_has_ended_proves_nothing(self, api, one):
        other = await a_caller(api, bot="b2")
        await configured(one, identifier="org_42")
        now = api.ports.clock.now()
        ended = Flow(
            id="flow_1", link="l1", installation=other.home, integration="acme", cookie_hash="c1",
            created_at=now - 2 * FLOW_LIFETIME, expires_at=now - FLOW_LIFETIME,
        )  # fmt: skip
        await api.ports.flows.begin_flow(ended)

        assert 409 == (await other.post(CONFIGURE, {"identifier": "org_42"})).status

    async def test_inside_a_round_trip_without_a_flow_the_last_one_wins(self, api, one):
        other, third = await a_caller(api, bot="b2"), await a_caller(api, bot="b3")
        await configured(one, identifier="org_42")
        trace = "0af7651916cd43dd8448eb211c80319c"
        await api.ports.flows.begin_round_trip(trace, other.home)
        for caller in (other, third):
            caller.headers |= {"traceparent": f"00-{trace}-b7ad6b7169203331-01"}

        assert 409 == (await third.post(CONFIGURE, {"identifier": "org_42"})).status
        assert (200, {}) == await configured(other, identifier="org_42")
        before = await api.ports.installations.by_webhook_id(one.home)
        assert ("", "needs_reauth") == (before.identifier, before.connection)

        other.headers |= {"traceparent": "00-" + "1" * 32 + "-b7ad6b7169203331-01"}
        await configured(one, identifier="org_43")
        assert 409 == (await other.post(CONFIGURE, {"identifier": "org_43"})).status

    async def test_sandbox_identifiers_can_only_be_cleared(self, api, one):
        subscriptions, home = api.ports.subscriptions, one.installation
        for id in ("sandbox:ann", "sandbox:bob", "shareable:tulip", "22"):
            await subscriptions.put(home, id)

        assert (200, {}) == await configured(one)
        assert 4 == len(await subscriptions.ids(home))
        assert (200, {}) == await configured(one, sandboxIdentifiers=None)
        assert ["22", "shareable:tulip"] == list(await subscriptions.ids(home))
        assert 400 == (await one.post(CONFIGURE, {"sandboxIdentifiers": {"a": "b"}})).status

    async def test_schedules_the_next_registration(self, api, store, one):
        assert (200, {}) == await configured(one, scheduleRegisterCall="monthly")
        store.scripts.skew_ms = 31 * 86_400_000
        due = [webhook_id for webhook_id, _ in await api.ports.schedule.due()]
        await configured(one, scheduleRegisterCall=None)

        assert [one.home] == due
        assert [] == list(await api.ports.schedule.due())
        assert (
            400 == (await one.post(CONFIGURE, {"scheduleRegisterCall": "fortnightly"})).status
        )


async def configured(caller: Caller, **body):
    said = await caller.post(CONFIGURE, body)
    return said.status, said.body
