"""Staff calls about installations and their connect links, against a real store."""

from __future__ import annotations

import msgspec
import pytest

from services.api import examples
from shared.model.flows import Flow
from tests.journeys.api_builders import BOT, HOOK, MANUAL, PUBLIC, with_installation


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
