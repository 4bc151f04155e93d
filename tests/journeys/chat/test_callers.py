"""Who may call the runtime API, for which installation, how often, and what a refusal looks like."""

from __future__ import annotations

import asyncio
import io

import pytest
from aiohttp import ClientSession

from services.api import examples
from services.api.allowance import Allowances
from services.api.app import chat_app
from services.listener import serve
from shared.botpress import bot_user_id
from tests.contracts.storage_builders import FakeClock
from tests.journeys.api_builders import TOKEN, Api, running_api
from tests.journeys.chat_builders import STATE, Caller, NoScripts, a_caller

TOKENS = f"{STATE}/tokens"


class TestWhoMayCall:
    @pytest.mark.parametrize(
        "header", ["", "Bearer", "Bearer wprt_x", f"Bearer {TOKEN}", "Basic x"]
    )
    async def test_nobody_without_a_runtime_token(self, one, header):
        said = await one.call("GET", TOKENS, headers={"Authorization": header})

        assert (401, "Unauthorized") == (said.status, said.type)
        assert "POST /v1/admin/integrations/iaks" in said.message

    async def test_staff_calls_are_not_for_integrations(self, one):
        assert 401 == (await one.get("/v1/admin/bots")).status

    @pytest.mark.parametrize("missing", ["x-bot-id", "x-integration-id"])
    async def test_a_missing_header_is_named(self, one, missing):
        said = await one.call("GET", TOKENS, headers={missing: ""})

        assert (400, "InvalidPayload") == (said.status, said.type)
        assert missing in said.message

    async def test_headers_are_told_apart_by_no_case(self, one):
        await one.post(TOKENS, {"payload": {"a": 1}})
        shouted = {name.upper(): value for name, value in one.headers.items()}

        async with one.api.session.get(one.api.origin + TOKENS, headers=shouted) as said:
            assert 200 == said.status

    async def test_it_must_be_an_installation_of_the_tokens_own_integration(self, api, one):
        other = await a_caller(api, alias="other", integration="rival")
        elsewhere = await a_caller(api, bot="b2", alias="two")
        wrong = [
            {"x-bot-id": "nobody"},
            {"x-bot-id": elsewhere.bot},
            {"x-integration-alias": "nothing"},
            {"x-integration-alias": "other"},
            {"x-integration-id": "int_nothing"},
            {"x-integration-id": other.headers["x-integration-id"]},
            {**other.headers, "Authorization": one.headers["Authorization"]},
            {"Authorization": other.headers["Authorization"]},
        ]
        answers = [await one.call("GET", TOKENS, headers=headers) for headers in wrong]

        assert [403] * len(wrong) == [said.status for said in answers]
        assert 1 == len(
            {said.message for said in answers}
        )  # nothing tells which part was wrong

    async def test_another_version_of_the_integration_is_the_same_integration(self, api, one):
        """A server that runs on while installations move to a new version."""
        await one.post(TOKENS, {"payload": {"a": 1}})
        newer = {**examples.DEFINITION, "version": "1.1.0"}
        made = (await api.post("/v1/admin/integrations", newer)).body["integration"]["id"]
        await api.ports.installations.update(one.home, integration_id=made)

        old = await one.get(TOKENS)
        new = await one.call(
            "GET",
            TOKENS.replace(examples.INTEGRATION_ID, made),
            headers={"x-integration-id": made},
        )

        assert ({"a": 1}, {"a": 1}) == (
            old.body["state"]["payload"], new.body["state"]["payload"],
        )  # fmt: skip

    async def test_an_old_client_may_leave_the_alias_out_where_nothing_is_unclear(
        self, api, one
    ):
        await a_caller(api, alias="other", integration="rival")
        alone = await one.call("GET", TOKENS, headers={"x-integration-alias": ""})
        await a_caller(api, alias="second")
        unclear = await one.call("GET", TOKENS, headers={"x-integration-alias": ""})

        assert (404, 403) == (alone.status, unclear.status)

    async def test_a_revoked_token_and_an_uninstalled_integration_end_it(self, api, one):
        claims, _ = await api.ports.callers.find(
            one.headers["Authorization"].removeprefix("Bearer "), one.bot, "one"
        )
        await api.ports.installations.delete(one.home)
        gone = await one.get(TOKENS)
        await api.ports.tokens.revoke(claims.id)
        revoked = await one.get(TOKENS)

        assert (403, 401) == (gone.status, revoked.status)


async def test_a_listener_of_its_own_knows_no_staff_calls(api, one):
    runner = await serve(chat_app(api.ports), api.ports.edge, "127.0.0.1", 0)
    try:
        there = Api(api.session, api.ports, f"http://127.0.0.1:{runner.port}")
        known = await there.get(TOKENS, headers=one.headers)
        unknown = [
            (await there.get(path)).status
            for path in ("/v1/admin/bots", "/metrics", "/", "/openapi.json", "/login")
        ]
        async with api.session.get(f"{there.origin}/health") as said:
            health = await said.text()
    finally:
        await runner.cleanup()

    assert (404, "No State found") == (known.status, known.message)
    assert [404] * 5 == unknown
    assert "ok" == health


class TestRefusals:
    async def test_have_all_that_the_client_needs_to_build_its_error(self, one):
        answers = [
            await one.get(TOKENS),
            await one.post(TOKENS, {"payload": 1}),
            await one.post(TOKENS, b"{"),
            await one.get("/v1/chat/nothing"),
            await one.call("PUT", TOKENS, {}),
            await one.get("/v1/chat/users", nextToken="?"),
            await one.post("/v1/chat/users", b"[" * 5000 + b"]" * 5000),
            await one.post("/v1/chat/users", b'{"tags":{"a":NaN}}'),
            await one.post("/v1/chat/users", io.BytesIO(b"x" * ((1 << 20) + 1))),
        ]

        assert [404, 400, 400, 404, 405, 400, 400, 400, 413] == [one.status for one in answers]
        for said in answers:
            assert said.status == said.body["code"]
            assert all(said.body[name] for name in ("id", "type", "message"))

    async def test_name_the_field(self, one):
        said = await one.post("/v1/chat/messages", {"type": "text", "payload": {}, "tags": {}})
        assert "userId" in said.message

        said = await one.post("/v1/chat/users", {"tags": {"id": "x" * 501}})
        assert "500" in said.message

    async def test_are_none_for_names_that_only_newer_clients_know(self, one):
        said = await one.post("/v1/chat/users", {"tags": {}, "fromTheFuture": {"a": 1}})

        assert 201 == said.status

    async def test_never_show_what_was_sent(self, one):
        for path in ("/v1/chat/users", TOKENS):
            said = await one.post(path, {"payload": "canary", "tags": "canary"})

            assert 400 == said.status
            assert "canary" not in said.message


class TestAllowance:
    async def test_is_on_every_answer(self, one):
        for said in (await one.get(TOKENS), await one.get("/v1/chat/users")):
            assert "2000" == said.headers["RateLimit-Limit"]
            assert 0 <= int(said.headers["RateLimit-Remaining"]) < 2000
            assert "1" == said.headers["RateLimit-Reset"]

    async def test_is_one_installations_own(self, store):
        async with running_api(store, NoScripts(), calls_a_second=3) as api:
            one, two = await a_caller(api), await a_caller(api, alias="two")
            busy = [said for _ in range(12) if (said := await one.get(TOKENS)).status == 429]

            assert "RateLimited" == busy[0].type
            assert "1" == busy[0].headers["RateLimit-Reset"] == busy[0].headers["Retry-After"]
            assert 404 == (await two.get(TOKENS)).status

    def test_begins_anew_each_second(self):
        clock = FakeClock(10.2)
        allowances = Allowances(clock, limit=2)
        first = [allowances.take("w1").remaining for _ in range(3)]
        other = allowances.take("w2").remaining
        clock.at = 11.0

        assert ([1, 0, -1], 1, 1) == (first, other, allowances.take("w1").remaining)


TRACE = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
EVENT = {"type": "opened", "payload": {"n": 1}}


class TestCallsThatAreSentAgain:
    """The answer was lost with its connection; the client says the same once more, on another one."""

    @staticmethod
    async def created(one: Caller, body=None, trace: str = TRACE, session=None) -> str:
        headers = one.headers | ({"traceparent": trace} if trace else {})
        async with ClientSession() as fresh:
            said = await (session or fresh).post(
                f"{one.api.origin}/v1/chat/events", json=body or EVENT, headers=headers
            )
            assert 201 == said.status
            found: str = (await said.json())["event"]["id"]
            return found

    async def test_create_nothing_twice(self, one):
        ids = [await self.created(one) for _ in range(3)]

        assert 1 == len(set(ids))
        assert ids[:1] == [event.id for event in await one.events()]

    @pytest.mark.parametrize(
        "other", [{"trace": TRACE.replace("b7", "c7")}, {"trace": ""}, {"body": {**EVENT, "type": "closed"}}]
    )  # fmt: skip
    async def test_are_told_from_other_calls(self, one, other):
        """Another invocation, one that says nothing of its invocation, and another body."""
        ids = [await self.created(one), await self.created(one, **other)]
        if other == {"trace": ""}:
            ids.append(await self.created(one, **other))

        assert len(ids) == len(set(ids)) == len(await one.events())

    async def test_are_no_calls_on_a_connection_that_lasts(self, one):
        async with ClientSession() as session:
            ids = [await self.created(one, session=session) for _ in range(2)]

        assert 2 == len(set(ids))

    async def test_are_one_installations_own(self, api, one):
        two = await a_caller(api, alias="two")

        assert await self.created(one) != await self.created(two)

    async def test_are_done_where_the_first_one_failed(self, api, one):
        append = api.ports.events.append
        api.ports.events.append = dies  # type: ignore[method-assign]
        with pytest.raises(AssertionError):
            await self.created(one)
        api.ports.events.append = append  # type: ignore[method-assign]

        assert [await self.created(one)] == [event.id for event in await one.events()]

    async def test_get_the_answer_that_is_still_being_made(self, api, one):
        """The first client gave up waiting."""
        append, may_go_on = api.ports.events.append, asyncio.Event()

        async def slowly(event):
            await may_go_on.wait()
            await append(event)

        api.ports.events.append = slowly  # type: ignore[method-assign]
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(self.created(one), 0.1)
        again = asyncio.create_task(self.created(one))
        await asyncio.sleep(0.1)
        may_go_on.set()

        assert [await again] == [event.id for event in await one.events()]


async def dies(*_: object) -> None:
    raise RuntimeError("the process died")


async def test_the_bots_own_user_is_always_there(one):
    id = bot_user_id(one.bot)
    read = await one.get(f"/v1/chat/users/{id}")
    changed = await one.put(f"/v1/chat/users/{id}", {"tags": {"id": "B1"}, "name": "Bot"})

    assert (200, {}) == (read.status, read.body["user"]["tags"])
    assert ({"id": "B1"}, "Bot") == (changed.body["user"]["tags"], changed.body["user"]["name"])
    assert changed.body == (await one.get(f"/v1/chat/users/{id}")).body
    assert 404 == (await one.get(f"/v1/chat/users/{bot_user_id('other')}")).status
