"""Secrets of single webhooks: of a subscription, in the address, or caught from a handshake."""

from __future__ import annotations

import hmac
import json
import uuid

import pytest

from tests.builders_signed import notion_signed
from tests.journeys.hook_builders import ASANA, knock, registered, subscribe
from tests.journeys.system import Json, System
from tests.journeys.webhook_builders import bodies

pytestmark = pytest.mark.asyncio(loop_scope="session")


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

    TOKEN = "k3J9vQ2mXr8TzL5wBn7YcA"

    async def test_is_caught_answered_and_holds(self, system: System) -> None:
        name = await registered(system, **ASANA)
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
        name = await registered(system, **ASANA)
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
        name = await registered(system, **ASANA)
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
