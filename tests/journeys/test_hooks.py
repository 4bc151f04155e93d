"""Webhooks that name no workspace, and batches over several; the end that a provider tells of."""

from __future__ import annotations

import asyncio
import base64
import hmac
import json
import time
import uuid
from pathlib import Path

import pytest

from tests.builders_signed import slack_signed
from tests.journeys.cli_builders import Shell
from tests.journeys.hook_builders import ASANA, knock, registered
from tests.journeys.system import Json, System
from tests.journeys.webhook_builders import bodies

pytestmark = pytest.mark.asyncio(loop_scope="session")


class TestTheEndAtTheProvider:
    async def signal(self, system: System, event: Json, at: float | None = None) -> str:
        """Slack tells of *event*; returns the record's id."""
        before = await system.known()
        signed = slack_signed(
            json.dumps(event).encode(),
            secret="simulated-slack-signing-secret",
            at=at or time.time(),
        )
        await knock(system, "integration/global/slack", signed.body, signed.headers)
        return str((await system.settled(before))[0]["id"])

    async def test_frees_the_workspace_and_tells_bot_and_operator(self, system: System) -> None:
        bot, team = await system.bot(), system.account("slack")
        home = await system.connected("slack", bot, team)
        await self.signal(system, {"team_id": team, "event": {"type": "app_uninstalled"}})
        events = await system.events(bot, 2)
        after = await system.installation(home["webhookId"])

        assert (None, "needs_reauth", "the app was removed from the workspace") == tuple(
            after[part] for part in ("identifier", "connection", "statusReason")
        )
        assert {"webhook", "connection.uninstalled"} == {one["type"] for one in events}
        told = next(one for one in events if one["type"] != "webhook")
        assert (after["statusReason"], team) == (told["payload"]["reason"], told["identifier"])
        assert told["payload"]["connectUrl"].startswith(f"{system.origin}/connect/")

    async def test_is_not_that_a_users_token_was_revoked(self, system: System) -> None:
        bot, team = await system.bot(), system.account("slack")
        home = await system.connected("slack", bot, team)
        tokens = {"oauth": ["U1"], "bot": []}
        await self.signal(
            system, {"team_id": team, "event": {"type": "tokens_revoked", "tokens": tokens}}
        )
        await system.events(bot, 1)

        assert "connected" == (await system.installation(home["webhookId"]))["connection"]

    async def test_that_came_before_a_new_connection_ends_nothing(self, system: System) -> None:
        """Replayed, or late: the user has connected again since."""
        bot, team = await system.bot(), system.account("slack")
        home = await system.connected("slack", bot, team)
        record = await self.signal(
            system, {"team_id": team, "event": {"type": "app_uninstalled"}}
        )
        await system.events(bot, 2)
        await system.connect(home["webhookId"], team)
        await system.call("POST", f"requests/{record}/replay")

        events = await system.events(bot, 3)
        after = await system.installation(home["webhookId"])

        assert ("connected", team) == (after["connection"], after["identifier"])
        assert ["webhook", "webhook"] == [
            one["type"] for one in events if one["type"] != "connection.uninstalled"
        ]

    async def test_is_believed_only_where_it_is_signed(self, system: System) -> None:
        name = await registered(
            system,
            verify="none",
            identifier={"extractScript": "parse_json!(.body).org"},
            uninstalls=[{"whenJson": {"bye": True}}],
        )
        home = await system.install(name, bot := await system.bot(), identifier="o1")
        await knock(system, f"integration/global/{name}", b'{"org":"o1","bye":true}')
        await system.events(bot, 1)

        assert "o1" == (await system.installation(home["webhookId"]))["identifier"]


class TestABatchOverSeveralWorkspaces:
    async def test_gives_each_portal_of_hubspot_its_own_events(self, system: System) -> None:
        """Up to 100 events in one signed array; https://developers.hubspot.com/docs signs the public URL too."""
        await system.set_secrets("hubspot", {"CLIENT_SECRET": "hubspot-secret"})
        portals = [str(uuid.uuid4().int % 10**9 + 10**9) for _ in range(3)]
        bots = [await system.bot() for _ in portals[:2]]
        for bot, portal in zip(bots, portals, strict=False):
            await system.install("hubspot", bot, identifier=portal)
        events = [
            {"portalId": int(portals[place]), "eventId": number}
            for number, place in enumerate([0, 1, 0, 2, 1])
        ]
        body, stamp = json.dumps(events).encode(), str(int(time.time() * 1000))
        address = "integration/global/hubspot"
        content = f"POST{system.origin}/{address}".encode() + body + stamp.encode()
        mac = base64.b64encode(hmac.digest(b"hubspot-secret", content, "sha256")).decode()
        signed = {"X-HubSpot-Signature-v3": mac, "X-HubSpot-Request-Timestamp": stamp}
        before = await system.known()
        await knock(system, address, body, signed)
        await knock(system, address, body.replace(b"0", b"1", 1), signed)
        records = await system.settled(before, 5)

        assert [[[0, 2]], [[1, 4]]] == [
            [[one["eventId"] for one in json.loads(text)] for text in bodies(found)]
            for found in [await system.events(bot, 1) for bot in bots]
        ]
        assert {"parked": 1, "ignored": 1, "done": 3} == {
            state: sum(one["state"] == state for one in records)
            for state in ("parked", "ignored", "done")
        }


class TestTheCommand:
    async def test_shows_what_came_takes_it_into_use_and_subscribes(
        self, system: System, tmp_path: Path
    ) -> None:
        name = await registered(system, **ASANA)
        home = await system.install(name, bot := await system.bot())
        shell = Shell(tmp_path, WAYPOST_API_URL=system.api, WAYPOST_ADMIN_TOKEN=system.token)
        subscribed = await asyncio.to_thread(
            shell,
            "installations",
            "subscribe",
            home["webhookId"],
            "tok",
            "--secret",
            given="old",
        )
        await knock(system, f"integration/global/{name}/tok", b"", {"X-Hook-Secret": "new"})
        listed = await asyncio.to_thread(shell, "integrations", "handshakes", name, "--json")
        (kept,) = listed.json["handshakes"]
        people = await asyncio.to_thread(shell, "integrations", "handshakes", name)
        taken = await asyncio.to_thread(
            shell, "integrations", "handshakes", name, "--accept", kept["id"]
        )
        mac = hmac.new(b"new", b"{}", "sha256").hexdigest()
        await knock(system, f"integration/global/{name}/tok", b"{}", {"X-Hook-Signature": mac})

        assert "announced" in subscribed.out
        assert ("new", False) == (kept["value"], kept["accepted"])
        assert "to be accepted" in people.out
        assert ["{}"] == bodies(await system.events(bot, 1))
        assert (0, "the secret is set") == (taken.code, taken.out.strip())
        assert home["webhookId"] == kept["webhookId"]
