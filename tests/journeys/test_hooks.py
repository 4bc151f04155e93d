"""Webhooks that name no workspace, secrets that come in handshakes, and the end that a provider tells of."""

from __future__ import annotations

import asyncio
import base64
import hmac
import json
import time
import uuid
from io import BytesIO
from pathlib import Path
from typing import Any

import pytest

from tests.builders_signed import notion_signed, slack_signed
from tests.journeys.cli_builders import Shell
from tests.journeys.system import Json, System

pytestmark = pytest.mark.asyncio(loop_scope="session")


async def registered(system: System, **parts: Any) -> str:
    """A small integration of this test's own; returns its name."""
    name = f"hook{uuid.uuid4().hex[:10]}"
    await system.register({"name": name, "version": "1.0.0", **parts})
    return name


async def subscribe(system: System, home: Json, id: str, secret: str | None = None) -> Json:
    path = f"installations/{home['webhookId']}/subscriptions/{id}"
    return await system.call("PUT", path, {"secret": secret} if secret else {})


async def knock(
    system: System, path: str, body: bytes = b"", headers: dict[str, str] | None = None
) -> tuple[int, dict[str, str]]:
    async with system.http.post(
        f"{system.origin}/{path}", data=BytesIO(body), headers=headers or {}
    ) as answer:
        return answer.status, {name.lower(): value for name, value in answer.headers.items()}


def bodies(events: list[Json]) -> list[str]:
    return [one["payload"]["body"] for one in events]


def clickup(body: Json, secret: str) -> tuple[bytes, dict[str, str]]:
    text = json.dumps(body).encode()
    return text, {"X-Signature": hmac.new(secret.encode(), text, "sha256").hexdigest()}


class TestASubscriptionOfItsOwnSecret:
    CLICKUP = {
        "verify": {"scheme": "clickup", "secret": {"from": "subscription"}},
        "identifier": {
            "extractScript": "parse_json!(.body).webhook_id",
            "finds": "subscription",
        },
    }

    async def test_brings_each_event_to_whom_it_belongs(self, system: System) -> None:
        name = await registered(system, **self.CLICKUP)
        bots = [await system.bot(), await system.bot()]
        homes = [await system.install(name, bot) for bot in bots]
        for home, id in zip(homes, ("w1", "w2"), strict=True):
            await subscribe(system, home, id, f"secret of {id}")
        before = await system.known()
        for id, secret in (
            ("w1", "secret of w1"),
            ("w2", "secret of w2"),
            ("w1", "secret of w2"),
        ):
            await knock(
                system, f"integration/global/{name}", *clickup({"webhook_id": id}, secret)
            )
        records = await system.settled(before, 3)

        assert [['{"webhook_id": "w1"}'], ['{"webhook_id": "w2"}']] == [
            bodies(await system.events(bot, 1)) for bot in bots
        ]
        assert ["done", "done", "ignored"] == sorted(one["state"] for one in records)
        forged = next(one for one in records if one["state"] == "ignored")
        assert "signature refused" in await system.explain(forged["id"])

    async def test_that_nobody_knows_is_nobodys(self, system: System) -> None:
        """Nothing is parked: who could have verified it?"""
        name = await registered(system, **self.CLICKUP)
        before = await system.known()
        await knock(system, f"integration/global/{name}", *clickup({"webhook_id": "w9"}, "x"))
        record = (await system.settled(before))[0]

        assert "ignored" == record["state"]
        assert "no installation has the identifier subscription:w9" in record["reason"]

    async def test_ends(self, system: System) -> None:
        name = await registered(system, **self.CLICKUP)
        home = await system.install(name, await system.bot())
        await subscribe(system, home, "w1", "s")
        path = f"installations/{home['webhookId']}/subscriptions"
        listed = await system.call("GET", path)
        gone = await system.call("DELETE", f"{path}/w1")
        again = await system.call("DELETE", f"{path}/w1")

        assert {"subscriptions": [{"id": "w1", "hasSecret": True}]} == listed
        assert (True, False) == (gone["removed"], again["removed"])


class TestABatchOverSeveralSubscriptions:
    """Microsoft Graph: every item says its subscription and repeats that subscription's clientState."""

    GRAPH = {
        "verify": {"scheme": "msgraph", "secret": {"from": "subscription"}},
        "identifier": {
            "finds": "subscription",
            "extractScript": """
                items = array!(parse_json!(.body).value)
                map_values(items) -> |one| {
                  { "identifier": one.subscriptionId, "body": { "value": [one] } }
                }
            """,
        },
    }

    async def test_gives_each_its_own_part_and_nobody_a_forged_one(
        self, system: System
    ) -> None:
        name = await registered(system, **self.GRAPH)
        bots = [await system.bot(), await system.bot()]
        for bot, id in zip(bots, ("s1", "s2"), strict=True):
            await subscribe(system, await system.install(name, bot), id, f"state {id}")
        items = [
            {"subscriptionId": id, "clientState": state, "resource": resource}
            for id, state, resource in [
                ("s1", "state s1", "a"),
                ("s2", "state s2", "b"),
                ("s1", "state s2", "forged"),
                ("s3", "state s1", "nobody's"),
                ("s1", "state s1", "c"),
            ]
        ]
        body = json.dumps({"value": items}).encode()
        await knock(system, f"integration/global/{name}", body)
        first = bodies(await system.events(bots[0], 2))
        second = bodies(await system.events(bots[1], 1))

        seen = [
            sorted(one["resource"] for text in part for one in json.loads(text)["value"])
            for part in (first, second)
        ]
        assert [["a", "c"], ["b"]] == seen


class TestASecretInTheAddress:
    """Asana: nothing in the body says whose it is, and the secret comes in a handshake to that address."""

    ASANA = {
        "verify": {"scheme": "asana", "secret": {"from": "subscription"}},
        "identifier": {
            "finds": "subscription",
            "extractScript": 'split(string!(.path), "/")[1]',
        },
        "handshakes": [
            {
                "form": "header-echo",
                "header": "x-hook-secret",
                "catch": {"from": "subscription"},
            }
        ],
    }

    TOKEN = "k3J9vQ2mXr8TzL5wBn7YcA"

    async def test_is_caught_answered_and_holds(self, system: System) -> None:
        name = await registered(system, **self.ASANA)
        bot = await system.bot()
        home = await system.install(name, bot)
        await subscribe(system, home, self.TOKEN)
        address = f"integration/global/{name}/{self.TOKEN}"
        status, headers = await knock(system, address, b"{}", {"X-Hook-Secret": "genuine"})
        stranger, _ = await knock(system, address, b"{}", {"X-Hook-Secret": "invented"})
        for secret in ("invented", "genuine"):
            text = json.dumps({"events": [], "by": secret}).encode()
            mac = hmac.new(secret.encode(), text, "sha256").hexdigest()
            await knock(system, address, text, {"X-Hook-Signature": mac})
        kept = await system.call("GET", f"integrations/{name}/handshakes")

        assert (200, "genuine") == (status, headers["x-hook-secret"])
        assert 200 == stranger
        assert ['{"events": [], "by": "genuine"}'] == bodies(await system.events(bot, 1))
        assert [("invented", "subscription", False)] == [
            (one["value"], one["source"], one["accepted"]) for one in kept["handshakes"]
        ]

    async def test_at_an_installations_own_address_the_first_one_counts(
        self, system: System
    ) -> None:
        name = await registered(system, **self.ASANA)
        bot = await system.bot()
        home = await system.install(name, bot)
        for secret in ("genuine", "invented"):
            await knock(system, home["webhookId"], b"", {"X-Hook-Secret": secret})
        for secret in ("invented", "genuine"):
            mac = hmac.new(secret.encode(), secret.encode(), "sha256").hexdigest()
            await knock(system, home["webhookId"], secret.encode(), {"X-Hook-Signature": mac})

        assert ["genuine"] == bodies(await system.events(bot, 1))

    async def test_of_a_subscription_that_can_be_guessed_is_only_kept(
        self, system: System
    ) -> None:
        name = await registered(system, **self.ASANA)
        home = await system.install(name, bot := await system.bot())
        await subscribe(system, home, "22")
        address = f"integration/global/{name}/22"
        await knock(system, address, b"", {"X-Hook-Secret": "first"})
        (kept,) = (await system.call("GET", f"integrations/{name}/handshakes"))["handshakes"]
        await system.call("POST", f"integrations/{name}/handshakes/{kept['id']}/accept")
        mac = hmac.new(b"first", b"{}", "sha256").hexdigest()
        await knock(system, address, b"{}", {"X-Hook-Signature": mac})

        assert (home["webhookId"], False) == (kept["webhookId"], kept["accepted"])
        assert ["{}"] == bodies(await system.events(bot, 1))


class TestACaughtToken:
    async def test_is_shown_and_counts_only_when_it_was_accepted(self, system: System) -> None:
        """Notion's: anybody can send one."""
        notion = await system.call("GET", "integrations/notion")
        name = await registered(
            system,
            **{
                part: notion["definition"][part]
                for part in ("verify", "handshakes", "identifier", "secrets")
            },
        )
        bot, space = await system.bot(), str(uuid.uuid4())
        await system.install(name, bot, identifier=space)
        address = f"integration/global/{name}"
        for token in ("secret_invented", "secret_genuine"):
            status, _ = await knock(
                system, address, json.dumps({"verification_token": token}).encode()
            )
            assert 200 == status
        shown = (await system.call("GET", f"integrations/{name}/handshakes"))["handshakes"]
        signed = notion_signed(
            json.dumps({"workspace_id": space}).encode(), secret="secret_genuine"
        )
        before = await system.known()
        await knock(system, address, signed.body, signed.headers)
        refused = (await system.settled(before))[0]
        genuine = next(one for one in shown if one["value"] == "secret_genuine")
        await system.call("POST", f"integrations/{name}/handshakes/{genuine['id']}/accept")
        await system.call("POST", f"requests/{refused['id']}/replay")

        assert {"secret_invented", "secret_genuine"} == {one["value"] for one in shown}
        assert "dead" == refused["state"]
        assert [signed.body.decode()] == bodies(await system.events(bot, 1))
        again = await knock(system, address, b'{"verification_token":"secret_genuine"}')
        assert 200 == again[0]
        after = (await system.call("GET", f"integrations/{name}/handshakes"))["handshakes"]
        assert {"secret_genuine": True, "secret_invented": False} == {
            one["value"]: one["accepted"] for one in after
        }

    async def test_of_an_own_address_is_that_installations(self, system: System) -> None:
        home = await system.install(
            "notion", bot := await system.bot(), configurationType="manual",
            configuration={"integrationSecret": "ntn_1"},
        )  # fmt: skip
        token = f"secret_{uuid.uuid4().hex}"
        await knock(
            system, home["webhookId"], json.dumps({"verification_token": token}).encode()
        )
        listed = (await system.call("GET", "integrations/notion/handshakes"))["handshakes"]
        kept = next(one for one in listed if one["value"] == token)
        await system.call("POST", f"integrations/notion/handshakes/{kept['id']}/accept")
        signed = notion_signed(b'{"workspace_id":"x"}', secret=token)
        await knock(system, home["webhookId"], signed.body, signed.headers)

        assert ("configuration", home["webhookId"]) == (kept["source"], kept["webhookId"])
        assert [signed.body.decode()] == bodies(await system.events(bot, 1))

    async def test_that_was_asked_for_may_be_looked_at(self, system: System) -> None:
        """Meta repeats the token that somebody typed in at Meta; it is not the one that is set here."""
        name = await registered(
            system,
            verify={"scheme": "meta", "secret": {"from": "global", "name": "APP_SECRET"}},
            secrets={"APP_SECRET": {}, "VERIFY_TOKEN": {}},
            handshakes=[
                {
                    "form": "query-echo", "method": "GET", "query": "hub.challenge", "token": "hub.verify_token",
                    "secret": {"from": "global", "name": "VERIFY_TOKEN"},
                    "catch": {"from": "global", "name": "VERIFY_TOKEN"},
                }
            ],
        )  # fmt: skip
        url = (
            f"{system.origin}/integration/global/{name}?hub.verify_token=typed&hub.challenge=7"
        )
        async with system.http.get(url) as answer:
            first = answer.status
        (kept,) = (await system.call("GET", f"integrations/{name}/handshakes"))["handshakes"]
        await system.call("POST", f"integrations/{name}/handshakes/{kept['id']}/accept")
        async with system.http.get(url) as answer:
            second = answer.status, await answer.text()

        assert (401, "typed") == (first, kept["value"])
        assert (200, "7") == second


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
        name = await registered(system, **TestASecretInTheAddress.ASANA)
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
