"""Staff calls about bots and integrations, against a real store."""

from __future__ import annotations

import asyncio

import msgspec

from services.api import examples
from shared.model.events import Event
from tests.journeys.api_builders import BOT, PUBLIC


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
