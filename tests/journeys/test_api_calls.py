"""Staff calls against a real store: what they do, and what they say when they are wrong."""

from __future__ import annotations

import asyncio
import io
from collections.abc import AsyncIterator

import msgspec
import pytest
import pytest_asyncio

from services.api import examples
from shared.model.events import Event
from shared.model.flows import Flow
from shared.vrl.pool import VrlPool
from tests.journeys.api_builders import (
    HOOK,
    PUBLIC,
    TOKEN,
    Api,
    a_request,
    ended,
    running_api,
    with_acme,
    with_dead,
    with_installation,
    with_request,
)

BOT = f"/v1/admin/bots/{examples.BOT_ID}"
REQUEST = f"/v1/admin/requests/{examples.REQUEST_ID}"
MANUAL = {
    "integration": "acme",
    "configurationType": "manual",
    "configuration": {"region": "eu", "accessToken": "canary"},
}


@pytest_asyncio.fixture
async def api(store) -> AsyncIterator[Api]:
    async with VrlPool(size=1) as scripts, running_api(store, scripts) as running:
        yield running


@pytest_asyncio.fixture
async def acme(api) -> Api:
    await with_acme(api)
    return api


class TestWhoMayCall:
    @pytest.mark.parametrize(
        "header",
        ["", "Bearer", "Bearer wrong", f"Basic {TOKEN}", f"Bearer {TOKEN}x", "Bearer é"],
    )
    async def test_nobody_without_the_token(self, api, header):
        said = await api.get("/v1/admin/bots", headers={"Authorization": header})

        assert 401 == said.status
        assert "Unauthorized" == said.type
        assert "Authorization: Bearer TOKEN" in said.message

    async def test_not_even_to_learn_whether_a_thing_exists(self, api):
        said = await api.get(
            "/v1/admin/requests/req_1", headers={"Authorization": "Bearer wrong"}
        )

        assert 401 == said.status

    async def test_everybody_may_ask_for_health_and_the_document(self, api):
        for path in ("/health", "/openapi.json"):
            assert 200 == (await api.get(path, headers={"Authorization": ""})).status

    async def test_health_tells_what_the_store_promises(self, api):
        said = await api.get("/health")

        assert said.body["store"]["durable"] is True
        assert "A 2xx means the request is on disk." == said.body["store"]["sentence"]


class TestBots:
    async def test_are_made_and_read(self, api):
        made = await api.put(
            BOT,
            {
                "url": "https://bot.example/events",
                "secret": "whsec_Y2FuYXJ5LWNhbmFyeS1jYW5hcnktY2FuYXJ5",
            },
        )
        read = await api.get(BOT)

        assert made.body == read.body
        assert ("https://bot.example/events", True) == (
            read.body["bot"]["url"],
            read.body["bot"]["hasSecret"],
        )
        assert "canary" not in str(read.body)

    async def test_read_their_events_in_order(self, acme):
        for number in (1, 2, 3):
            event = msgspec.convert({**examples.EVENT, "id": f"evt_{number}"}, Event)
            await acme.ports.events.append(event)

        first = await acme.get(f"{BOT}/events?limit=2")
        rest = await acme.get(f"{BOT}/events?after={first.body['nextAfter']}")

        assert ["evt_1", "evt_2"] == [event["id"] for event in first.body["events"]]
        assert ["evt_3"] == [event["id"] for event in rest.body["events"]]

    async def test_may_wait_for_the_next_event(self, acme):
        waiting = asyncio.create_task(acme.get(f"{BOT}/events?wait=20"))
        await asyncio.sleep(0.1)
        await acme.ports.events.append(msgspec.convert(examples.EVENT, Event))

        said = await waiting

        assert [examples.EVENT["id"]] == [event["id"] for event in said.body["events"]]


class TestIntegrations:
    async def test_are_registered_and_tell_what_to_paste_at_the_provider(self, acme):
        said = await acme.get("/v1/admin/integrations/acme")

        assert f"{PUBLIC}/oauth" == said.body["integration"]["redirectUrl"]
        assert f"{PUBLIC}/integration/global/acme" == said.body["integration"]["webhookUrl"]
        assert "parse_json" in said.body["definition"]["identifier"]["extractScript"]

    async def test_may_have_a_handle_in_their_name(self, api):
        await api.post("/v1/admin/integrations", {**examples.DEFINITION, "name": "handle/acme"})

        said = await api.get("/v1/admin/integrations/handle%2Facme")

        assert 200 == said.status
        assert "handle/acme" == said.body["integration"]["name"]

    async def test_replace_the_version_before(self, acme):
        await acme.post("/v1/admin/integrations", {**examples.DEFINITION, "version": "1.1.0"})

        said = await acme.get("/v1/admin/integrations")

        assert ["1.1.0"] == [one["version"] for one in said.body["integrations"]]

    async def test_with_a_script_that_does_not_compile_change_nothing(self, acme):
        broken = {
            **examples.DEFINITION,
            "version": "2.0.0",
            "identifier": {"extractScript": "parse_json!("},
        }

        said = await acme.post("/v1/admin/integrations", broken)
        current = await acme.get("/v1/admin/integrations/acme")

        assert 400 == said.status
        assert "extractScript" in said.message
        assert "1.0.0" == current.body["integration"]["version"]

    async def test_keep_secrets_that_nobody_reads_again(self, acme):
        path = "/v1/admin/integrations/acme/secrets"
        before = await acme.get(path)
        await acme.put(f"{path}/WEBHOOK_SIGNING_SECRET", {"value": "canary"})
        after = await acme.get(path)
        kept = await acme.ports.secrets.reveal("acme", "WEBHOOK_SIGNING_SECRET")

        assert [False, True] == [one.body["secrets"][0]["isSet"] for one in (before, after)]
        assert "canary" not in str(after.body)
        assert b"canary" == kept.reveal()

    async def test_get_tokens_that_are_stored_hashed(self, acme):
        said = await acme.post(
            "/v1/admin/integrations/iaks", {"integrationId": examples.INTEGRATION_ID}
        )
        claims, _ = await acme.ports.callers.find(said.body["value"], "nobody", "nothing")

        assert examples.INTEGRATION_ID == claims.integration_id
        assert said.body["id"] == claims.id


class TestInstallations:
    async def test_stay_when_the_queue_cannot_take_their_registration(self, acme):
        """Nothing that was connected may be lost because a change could not be told."""
        server = {**examples.DEFINITION, "name": "own", "url": "http://127.0.0.1:9/"}
        await acme.post("/v1/admin/integrations", server)
        made = await acme.post(f"{BOT}/integrations/own", {"integration": "own"})
        path = f"/v1/admin/installations/{made.body['installation']['webhookId']}"
        await acme.call("PATCH", path, {"enabled": False})
        ledger = acme.ports.ledger
        ledger._limits = msgspec.structs.replace(ledger._limits, records=0)

        refused = await acme.call("PATCH", path, {"enabled": True})
        new = await acme.post(f"{BOT}/integrations/new", {**MANUAL, "integration": "own"})

        assert [503, 200] == [refused.status, (await acme.get(path)).status]
        assert 503 == new.status
        assert await acme.ports.installations.by_alias(examples.BOT_ID, "new") is None

    async def test_seal_what_is_secret_and_show_the_rest(self, acme):
        said = await acme.post(f"{BOT}/integrations/acme", MANUAL)
        webhook_id = said.body["installation"]["webhookId"]
        kept = await acme.ports.installations.secret_configuration(webhook_id)

        assert {"region": "eu"} == said.body["installation"]["configuration"]
        assert "canary" not in str(said.body)
        assert b'{"accessToken":"canary"}' == kept.reveal()
        assert f"{PUBLIC}/{webhook_id}" == said.body["installation"]["webhookUrl"]

    async def test_have_ids_nobody_guesses(self, acme):
        made = [await acme.post(f"{BOT}/integrations/a{n}", MANUAL) for n in (1, 2)]

        assert 2 == len({one.body["installation"]["webhookId"] for one in made})
        assert all("4" == one.body["installation"]["webhookId"][14] for one in made)

    async def test_with_code_of_their_own_wait_for_a_worker_to_register_them(self, acme):
        served = {
            **examples.DEFINITION,
            "name": "served",
            "url": "http://127.0.0.1:9",
            "verify": {"scheme": "handler"},
        }
        registered = await acme.post("/v1/admin/integrations", served)

        said = await acme.post(
            f"{BOT}/integrations/served", {**MANUAL, "integration": "served"}
        )
        queued = await acme.get("/v1/admin/requests?integration=served")
        body = await acme.get(f"/v1/admin/requests/{queued.body['requests'][0]['id']}/body")

        assert 200 == registered.status
        assert "registration_pending" == said.body["installation"]["status"]
        assert ["registration"] == [one["job"] for one in queued.body["requests"]]
        assert said.body["installation"]["webhookId"] == queued.body["requests"][0]["webhookId"]
        assert 409 == body.status

    async def test_bound_by_hand_are_audited(self, acme):
        said = await acme.post(f"{BOT}/integrations/acme", {**MANUAL, "identifier": "org_42"})
        actions = [one.action for one in await acme.ports.audit.tail()]

        assert "org_42" == said.body["installation"]["identifier"]
        assert {"installation.made", "installation.bound"} <= set(actions)

    async def test_bound_by_hand_to_what_another_one_has_leave_nothing_behind(self, acme):
        await acme.post(f"{BOT}/integrations/first", {**MANUAL, "identifier": "org_42"})

        said = await acme.post(f"{BOT}/integrations/second", {**MANUAL, "identifier": "org_42"})
        listed = await acme.get("/v1/admin/installations")

        assert (409, "AlreadyExists") == (said.status, said.type)
        assert ["first"] == [one["alias"] for one in listed.body["installations"]]

    async def test_are_listed_by_bot_in_pages(self, acme):
        for number in range(3):
            await acme.post(f"{BOT}/integrations/a{number}", MANUAL)
        first = await acme.get(f"/v1/admin/installations?bot={examples.BOT_ID}&limit=2")
        rest = await acme.get(f"/v1/admin/installations?limit=2&cursor={first.body['cursor']}")
        others = await acme.get("/v1/admin/installations?bot=somebody")

        aliases = [one["alias"] for page in (first, rest) for one in page.body["installations"]]
        assert {"a0", "a1", "a2"} == set(aliases)
        assert [] == others.body["installations"]

    async def test_are_uninstalled_with_a_receipt(self, acme):
        made = await acme.post(f"{BOT}/integrations/acme", {**MANUAL, "identifier": "org_42"})
        path = f"/v1/admin/installations/{made.body['installation']['webhookId']}"

        gone = await acme.call("DELETE", path)
        again = await acme.call("DELETE", path)
        anew = await acme.post(f"{BOT}/integrations/acme", {**MANUAL, "identifier": "org_42"})

        assert ("acme", "org_42") == (
            gone.body["receipt"]["alias"],
            gone.body["receipt"]["identifier"],
        )
        assert 404 == again.status
        assert 200 == anew.status


class TestConnectLinks:
    async def test_are_stored_hashed(self, acme):
        await with_installation(acme)

        link = {"returnTo": "https://app.example/done"}
        said = await acme.post(f"/v1/admin/installations/{HOOK}/connect", link)
        token = said.body["url"].removeprefix(f"{PUBLIC}/connect/")
        redis = acme.ports.flows._redis
        dump = b"".join([key + await redis.dump(key) for key in await redis.keys()])

        assert 43 == len(token)
        assert token.encode() not in dump

    async def test_are_not_made_where_there_is_nothing_to_connect(self, acme):
        await with_installation(acme, configuration_type="manual")

        said = await acme.post(f"/v1/admin/installations/{HOOK}/connect", {})

        assert 409 == said.status
        assert "manual" in said.message

    @pytest.mark.parametrize(
        "return_to",
        [
            "https://evil.example/",
            "javascript:alert(1)",
            "//evil.example",
            "https://app.example@evil.example/",
        ],
    )
    async def test_send_nobody_elsewhere(self, acme, return_to):
        await with_installation(acme)

        said = await acme.post(
            f"/v1/admin/installations/{HOOK}/connect", {"returnTo": return_to}
        )

        assert 400 == said.status
        assert "WAYPOST_RETURN_TO" in said.message

    async def test_that_ask_for_it_are_confirmed(self, acme):
        await with_installation(acme)
        now = acme.ports.clock.now()
        flow = Flow(
            id=examples.FLOW_ID, link="x", installation=HOOK, integration="acme", cookie_hash="x",
            status="confirming", confirm=True, created_at=now, expires_at=now + 600,
        )  # fmt: skip
        await acme.ports.flows.begin_flow(flow)

        said = await acme.post(f"/v1/admin/flows/{flow.id}/confirm")
        twice = await acme.post(f"/v1/admin/flows/{flow.id}/confirm")

        assert HOOK == said.body["webhookId"]
        assert (await acme.ports.flows.flow(flow.id)).confirm is False
        assert 409 == twice.status


class TestRequests:
    async def test_are_listed_by_state_newest_first(self, api):
        await with_dead(api, "req_1")
        await with_request(api, "req_2")

        everything = await api.get("/v1/admin/requests")
        dead = await api.get("/v1/admin/requests?state=dead&since=1h&integration=acme")
        elsewhere = await api.get("/v1/admin/requests?integration=other")

        assert {"req_1", "req_2"} == {one["id"] for one in everything.body["requests"]}
        assert ["req_1"] == [one["id"] for one in dead.body["requests"]]
        assert [] == elsewhere.body["requests"]

    async def test_go_on_where_the_page_before_ended(self, api):
        for number in range(5):
            await with_request(api, f"req_{number}")
        first = await api.get("/v1/admin/requests?limit=3")
        rest = await api.get(f"/v1/admin/requests?limit=3&cursor={first.body['cursor']}")

        ids = [one["id"] for page in (first, rest) for one in page.body["requests"]]
        assert 5 == len(set(ids)) == len(ids)
        assert "" == rest.body["cursor"]

    async def test_say_in_one_sentence_why_they_are_where_they_are(self, api):
        await with_request(api)
        await ended(api, "ignored", "signature refused: acme-signature does not match the body")

        said = await api.get(f"{REQUEST}/explain")

        assert (
            "It was ignored, nothing was parked and nothing delivered: "
            "signature refused: acme-signature does not match the body."
        ) == said.body["sentence"]
        assert said.body["timeline"][0]["what"].startswith("accepted and stored")

    async def test_show_their_body_without_credentials(self, api):
        await with_request(api)

        shy = await api.get(f"{REQUEST}/body")
        open_ = await api.get(f"{REQUEST}/body?reveal=true")

        assert "canary" not in str(shy.body)
        assert '{"organization_id":"org_42"}' == shy.body["body"]
        assert "key=canary" == open_.body["query"]
        assert ["body.revealed"] == [one.action for one in await api.ports.audit.tail()]

    async def test_show_bytes_that_are_no_text(self, api):
        await with_request(api, body=b"\xff\x00")

        said = await api.get(f"{REQUEST}/body")

        assert ("base64", "/wA=") == (said.body["encoding"], said.body["body"])

    async def test_are_replayed_and_dropped(self, api):
        await with_dead(api)

        replayed = await api.post(f"{REQUEST}/replay")
        shown = await api.get(REQUEST)
        twice = await api.post(f"{REQUEST}/replay")
        dropped = await api.post(f"{REQUEST}/drop")
        gone = await api.get(REQUEST)

        assert [("replayed", "dead")] == [
            (one["result"], one["was"]) for one in replayed.body["results"]
        ]
        assert "ready" == shown.body["request"]["state"]
        assert (409, f"{examples.REQUEST_ID} is ready; wait until it is closed, or parked") == (
            twice.status,
            twice.message,
        )
        assert "dropped" == dropped.body["results"][0]["result"]
        assert 404 == gone.status

    async def test_are_replayed_together_after_a_dry_run(self, api):
        await with_dead(api, "req_1")
        await with_dead(api, "req_2")
        await with_request(api, "req_3")
        every = {"state": "dead,ready"}

        told = await api.post("/v1/admin/requests/replay", {"filter": every, "dryRun": True})
        untouched = await api.get("/v1/admin/requests?state=dead")
        done = await api.post("/v1/admin/requests/replay", {"filter": every, "dryRun": False})

        results = {one["id"]: one["result"] for one in told.body["results"]}
        assert {"req_1": "eligible", "req_2": "eligible", "req_3": "refused"} == results
        assert 2 == len(untouched.body["requests"])
        assert {"replayed", "refused"} == {one["result"] for one in done.body["results"]}

    async def test_stand_for_their_worst_delivery(self, api):
        await with_acme(api)
        await with_installation(api, webhook_id=HOOK)
        await api.ports.ledger.bind("acme", "org_1", HOOK, "take_over", in_flow=False)
        await with_request(api)
        claims, _ = await api.ports.ledger.claim("tester", 1)
        slices = [("org_1", b"one"), ("org_2", b"two")]
        await api.ports.ledger.route(claims[0].record, slices, may_park=True)

        said = await api.get(REQUEST)
        explained = await api.get(f"{REQUEST}/explain")

        assert "parked" == said.body["standing"]
        assert ["org_1", "org_2"] == [one["identifier"] for one in said.body["deliveries"]]
        assert (
            "It was split into 2 deliveries: 1 parked, 1 ready." in explained.body["sentence"]
        )

    async def test_of_a_split_are_replayed_where_it_did_not_end_well(self, api):
        await with_acme(api)
        await with_installation(api)
        await api.ports.ledger.bind("acme", "org_1", HOOK, "take_over", in_flow=False)
        await with_request(api)
        claims, _ = await api.ports.ledger.claim("tester", 1)
        await api.ports.ledger.route(
            claims[0].record, [("org_1", b"one"), ("org_2", b"two")], may_park=True
        )
        await ended(api, "done")

        said = await api.post(f"{REQUEST}/replay")

        assert [("replayed", "parked")] == [
            (one["result"], one["was"]) for one in said.body["results"]
        ]

    async def test_are_counted(self, api):
        await with_dead(api, "req_1")
        await with_request(api, "req_2")

        said = await api.get("/v1/admin/queue")

        assert (
            1 == said.body["states"]["dead"]["count"] == said.body["states"]["ready"]["count"]
        )
        assert 2 == said.body["totals"]["accepted"]
        assert ["tester"] == [one["id"] for one in said.body["workers"]] or [] == said.body[
            "workers"
        ]

    async def test_and_workers_are_in_the_metrics(self, api):
        await with_dead(api)

        async with api.session.get(f"{api.origin}/metrics") as answer:
            text = await answer.text()

        assert 'waypost_queue_records{state="dead"} 1.0' in text


class TestWhatIsWrong:
    """Every wrong call: the place, the fix, and never a 500."""

    @pytest.mark.parametrize(
        ("method", "path", "body", "status", "words"),
        [
            ("PUT", BOT, b"{", 400, "body: is no JSON"),
            ("PUT", BOT, b"\xff", 400, "body: is no JSON"),
            ("PUT", BOT, b"[]", 400, "body: is not an object"),
            ("PUT", BOT, b"[" * 100_000, 400, "nested too deeply"),
            ("PUT", BOT, {"url": 7}, 400, "url: expected text"),
            ("PUT", BOT, {"ulr": "https://x.example"}, 400, "did you mean url?"),
            ("PUT", BOT, {"url": "ftp://x.example"}, 400, "url: is no http or https URL"),
            ("PUT", BOT, {"url": "http://[::1"}, 400, "url: is no URL"),
            ("PUT", BOT, {"url": "http://a..b/"}, 400, "url: is no http or https URL"),
            (
                "PUT",
                BOT,
                {"url": f"http://{'a' * 64}.test/"},
                400,
                "url: is no http or https URL",
            ),
            ("PUT", BOT, {"url": "https://" + "x" * 3000}, 400, "url:"),
            (
                "PUT",
                BOT,
                {"url": "http://169.254.169.254/"},
                400,
                "169.254.169.254 is never called",
            ),
            ("PUT", BOT, {"url": "http://[fe80::1]/"}, 400, "is never called"),
            ("PUT", BOT, {"secret": "short"}, 400, "secret: is no secret that can sign"),
            ("PUT", BOT, {"secret": "whsec_not base64"}, 400, "give whsec_ and base64 of 24"),
            ("PUT", "/v1/admin/bots/a%20b", {}, 400, "botId:"),
            ("PUT", "/v1/admin/bots/" + "b" * 101, {}, 400, "botId:"),
            ("GET", "/v1/admin/bots/nobody", None, 404, "PUT /v1/admin/bots/nobody"),
            ("GET", f"{BOT}/events?wait=forever", None, 400, "wait:"),
            ("GET", f"{BOT}/events?wait=31", None, 400, "wait:"),
            ("GET", f"{BOT}/events?limit=0", None, 400, "limit:"),
            (
                "GET",
                f"{BOT}/events?limit=1&limit=2",
                None,
                400,
                "limit: is given more than once",
            ),
            ("GET", f"{BOT}/events?after=yesterday", None, 400, "after:"),
            ("GET", f"{BOT}/events?since=1h", None, 400, "since: is not a field here"),
            ("POST", "/v1/admin/integrations", {}, 400, "name: is missing"),
            (
                "POST",
                "/v1/admin/integrations",
                {**examples.DEFINITION, "nmae": "x"},
                400,
                "did you mean name?",
            ),
            (
                "POST",
                "/v1/admin/integrations",
                {**examples.DEFINITION, "verify": {"scheme": "md5"}},
                400,
                "verify: scheme 'md5' is not known",
            ),
            ("POST", "/v1/admin/integrations", {**examples.DEFINITION, "name": 7}, 400, "name"),
            ("GET", "/v1/admin/integrations/nobody", None, 404, "known here: acme"),
            (
                "POST",
                "/v1/admin/integrations/iaks",
                {"integrationId": "int_x"},
                400,
                "integrationId: there is no integration",
            ),
            ("POST", "/v1/admin/integrations/iaks", {}, 400, "integrationId: is missing"),
            (
                "PUT",
                "/v1/admin/integrations/acme/secrets/SIGNING",
                {"value": "x"},
                404,
                "WEBHOOK_SIGNING_SECRET",
            ),
            (
                "PUT",
                "/v1/admin/integrations/acme/secrets/WEBHOOK_SIGNING_SECRET",
                {"value": ""},
                400,
                "value:",
            ),
            (
                "PUT",
                "/v1/admin/integrations/acme/secrets/WEBHOOK_SIGNING_SECRET",
                {"value": None},
                400,
                "value:",
            ),
            ("POST", f"{BOT}/integrations/acme", {}, 400, "integration: is missing"),
            (
                "POST",
                f"{BOT}/integrations/acme",
                {"integration": "nobody"},
                400,
                "known here: acme",
            ),
            (
                "POST",
                "/v1/admin/bots/nobody/integrations/acme",
                {"integration": "acme"},
                404,
                "there is no bot nobody",
            ),
            ("POST", f"{BOT}/integrations/%20", {"integration": "acme"}, 400, "alias:"),
            (
                "POST",
                f"{BOT}/integrations/acme",
                {**MANUAL, "configurationType": "manul"},
                400,
                "did you mean manual?",
            ),
            (
                "POST",
                f"{BOT}/integrations/acme",
                {**MANUAL, "configuration": {}},
                400,
                "configuration.region: is missing",
            ),
            (
                "POST",
                f"{BOT}/integrations/acme",
                {**MANUAL, "configuration": {"region": "mars", "accessToken": "x"}},
                400,
                "eu, us",
            ),
            (
                "POST",
                f"{BOT}/integrations/acme",
                {**MANUAL, "configuration": {"region": "eu", "accessToken": 7}},
                400,
                "configuration.accessToken",
            ),
            (
                "POST",
                f"{BOT}/integrations/acme",
                {**MANUAL, "configuration": []},
                400,
                "configuration",
            ),
            (
                "POST",
                f"{BOT}/integrations/acme",
                {**MANUAL, "identifier": "x" * 201},
                400,
                "identifier",
            ),
            ("POST", f"{BOT}/integrations/acme", {**MANUAL, "enabled": "yes"}, 400, "enabled"),
            (
                "GET",
                "/v1/admin/installations/nobody",
                None,
                404,
                "there is no installation nobody",
            ),
            ("GET", "/v1/admin/installations?cursor=x:y", None, 400, "cursor:"),
            ("DELETE", f"/v1/admin/installations/{HOOK}", None, 404, HOOK),
            ("POST", f"/v1/admin/installations/{HOOK}/connect", {}, 404, HOOK),
            (
                "POST",
                "/v1/admin/flows/nobody/confirm",
                None,
                404,
                "there is no open flow nobody",
            ),
            ("GET", "/v1/admin/requests?state=daed", None, 400, "did you mean dead?"),
            ("GET", "/v1/admin/requests?since=yesterday", None, 400, "15m, 2h, 3d"),
            ("GET", "/v1/admin/requests?since=9999-99-99", None, 400, "since:"),
            ("GET", "/v1/admin/requests?cursor=x", None, 400, "cursor:"),
            ("GET", "/v1/admin/requests?cursor=%C2%B2:x", None, 400, "cursor:"),
            ("GET", "/v1/admin/requests?limit=1001", None, 400, "limit:"),
            ("GET", "/v1/admin/requests/req_nobody", None, 404, "req_nobody"),
            ("GET", "/v1/admin/requests/req_nobody/explain", None, 404, "req_nobody"),
            ("GET", "/v1/admin/requests/req_nobody/body", None, 404, "req_nobody"),
            ("POST", "/v1/admin/requests/req_nobody/replay", None, 404, "req_nobody"),
            ("POST", "/v1/admin/requests/req_nobody/drop", None, 404, "req_nobody"),
            ("POST", "/v1/admin/requests/replay", {"filter": {}}, 400, "filter: is empty"),
            (
                "POST",
                "/v1/admin/requests/replay",
                {"filter": {"ids": ["req_nobody"]}},
                404,
                "req_nobody",
            ),
            (
                "POST",
                "/v1/admin/requests/replay",
                {"filter": {"ids": "req_1"}},
                400,
                "filter.ids",
            ),
            (
                "POST",
                "/v1/admin/requests/replay",
                {"filter": {"stat": "dead"}},
                400,
                "did you mean state?",
            ),
            ("POST", "/v1/admin/requests/replay", {}, 400, "filter: is missing"),
            ("GET", "/v1/admin/nothing", None, 404, "/openapi.json"),
            ("PATCH", BOT, None, 405, "GET, PUT"),
            ("GET", "/v1/chat/states", None, 404, "no such route"),
        ],
    )
    async def test_is_named_with_its_place_and_fix(
        self, acme, method, path, body, status, words
    ):
        said = await acme.call(method, path, body)

        assert status == said.status == said.body["code"]
        assert words in said.message
        assert {"id", "code", "type", "message"} <= set(said.body)

    @pytest.mark.parametrize(
        "raw",
        [
            "/v1/admin/bots/50%",
            "/v1/admin/bots/%zz",
            "/v1/admin/bots/%ff",
            "/v1/admin/bots/a%00",
        ],
    )
    async def test_percent_encoding_is_never_guessed(self, api, raw):
        reader, writer = await asyncio.open_connection(
            "127.0.0.1", int(api.origin.rpartition(":")[2])
        )
        head = f"GET {raw} HTTP/1.1\r\nHost: h\r\nAuthorization: Bearer {TOKEN}\r\nConnection: close\r\n\r\n"
        writer.write(head.encode())
        answer = await reader.read()
        writer.close()

        assert b" 400 " == answer[8:13]
        assert b'"path: ' in answer

    async def test_a_body_that_is_too_large(self, api):
        said = await api.put(BOT, io.BytesIO(b'{"url":"' + b"x" * (1 << 20) + b'"}'))

        assert (413, "PayloadTooLarge") == (said.status, said.type)

    async def test_a_compressed_body(self, api):
        said = await api.put(BOT, b"{}", headers={"Content-Encoding": "gzip"})

        assert (415, "UnsupportedMediaType") == (said.status, said.type)

    async def test_an_alias_that_is_taken(self, acme):
        await acme.post(f"{BOT}/integrations/acme", MANUAL)

        said = await acme.post(f"{BOT}/integrations/acme", MANUAL)

        assert (409, "AlreadyExists") == (said.status, said.type)

    async def test_a_body_that_no_http_request_made(self, api):
        await with_request(api)
        await api.ports.ledger._store.redis.set(
            "waypost:{c0}:1:body:" + examples.REQUEST_ID, b"\xc1"
        )

        said = await api.get(f"{REQUEST}/body")

        assert 409 == said.status

    async def test_is_never_told_with_a_secret(self, acme):
        said = await acme.post(
            f"{BOT}/integrations/acme", {**MANUAL, "configuration": {"accessToken": "canary"}}
        )

        assert "canary" not in str(said.body)

    def test_requests_of_the_builders_hold_the_canary(self):
        assert "canary" in repr(a_request())
