"""Events on their way to a bot's own URL: signed, the same on every attempt, and never lost in silence."""

from __future__ import annotations

import json
import re
from typing import Any

import pytest
from standardwebhooks import Webhook, WebhookVerificationError

from services.simulator import Received
from tests.journeys.system import System, until

pytestmark = pytest.mark.asyncio(loop_scope="session")

SECRET = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"  # the example of the specification


async def a_bot(system: System, name: str, secret: str = SECRET) -> tuple[str, str]:
    """A bot with a URL, connected to a fresh Slack account; returns bot and account."""
    account = system.account("slack")
    where = {"url": system.simulator.bot_url(name)} | ({"secret": secret} if secret else {})
    bot = await system.bot(**where)
    await system.connected("slack", bot, account)
    return bot, account


async def received(
    system: System, name: str, count: int, within: float = 15.0
) -> list[Received]:
    """What the bot at that URL got, as soon as it is *count* requests."""

    async def enough() -> bool:
        return len(system.simulator.received(name)) >= count

    await until(enough, within, lambda: f"{count} events at {name}")
    return system.simulator.received(name)


class TestABotWithAUrl:
    async def test_gets_an_event_that_the_official_library_verifies(
        self, system: System
    ) -> None:
        bot, account = await a_bot(system, "verifying")
        sent = await system.send("slack", account)
        (got,) = await received(system, "verifying", 1)
        event = Webhook(SECRET).verify(got.body, dict(got.headers))

        assert sent.request.body.decode() == event["payload"]["body"]
        assert (bot, "slack", account) == tuple(
            event[name] for name in ("botId", "integration", "identifier")
        )
        assert event["id"] == got.headers["webhook-id"] == got.headers["idempotency-key"]
        assert event["id"].startswith("evt_")

    async def test_can_tell_a_forged_one(self, system: System) -> None:
        """The check of the check: another key, and another body, do not verify."""
        _, account = await a_bot(system, "doubting")
        await system.send("slack", account)
        (got,) = await received(system, "doubting", 1)

        with pytest.raises(WebhookVerificationError):
            Webhook("whsec_" + "A" * 32).verify(got.body, dict(got.headers))
        with pytest.raises(WebhookVerificationError):
            Webhook(SECRET).verify(got.body + b" ", dict(got.headers))

    async def test_without_a_secret_gets_it_unsigned(self, system: System) -> None:
        _, account = await a_bot(system, "trusting", secret="")
        await system.send("slack", account)
        (got,) = await received(system, "trusting", 1)

        assert "webhook-signature" not in got.headers
        assert "webhook-id" in got.headers

    @pytest.mark.parametrize("status", [500, 503, 429, 401])
    async def test_that_is_not_well_gets_the_same_event_again(
        self, system: System, status: int, since: int
    ) -> None:
        name = f"unwell-{status}"
        _, account = await a_bot(system, name)
        known = await system.known()
        system.simulator.fault(
            "bot", name, "answer", status=status, headers={"Retry-After": "1"}
        )
        await system.send("slack", account)
        (got,) = await received(system, name, 1)
        (record,) = await system.settled(known)
        tries = [one for one in system.simulator.log[since:] if one.path.endswith(name)]

        assert [status, 200] == [one.status for one in tries]
        assert ("done", 1) == (record["state"], record["attempts"])
        assert json.loads(got.body)["id"] == got.headers["webhook-id"]
        assert "attempt 2" in await system.explain(record["id"])

    async def test_that_answers_and_is_not_heard_gets_it_twice_under_one_id(
        self, system: System
    ) -> None:
        """At least once: by the id it can tell."""
        _, account = await a_bot(system, "mumbling")
        system.simulator.fault("bot", "mumbling", "dropped")
        await system.send("slack", account)
        first, second = await received(system, "mumbling", 2)

        assert first.headers["webhook-id"] == second.headers["webhook-id"]
        assert first.body == second.body

    @pytest.mark.parametrize("status", [410, 400, 301])
    async def test_that_refuses_for_good_leaves_the_event_with_the_dead(
        self, system: System, status: int, since: int
    ) -> None:
        """Kept with its payload and its reason; a replay brings it."""
        name = f"refusing-{status}"
        _, account = await a_bot(system, name)
        known = await system.known()
        system.simulator.fault("bot", name, "answer", status=status)
        await system.send("slack", account)
        (record,) = await system.settled(known)
        why = await system.explain(record["id"])
        nothing = len(system.simulator.received(name))
        await system.call("POST", f"requests/{record['id']}/replay")
        (got,) = await received(system, name, 1)

        assert ("dead", 0) == (record["state"], nothing)
        assert f"the bot answered {status}" in why
        assert "can be replayed" in why
        assert record["id"].partition("_")[2] in got.headers["webhook-id"]

    async def test_that_is_not_there_keeps_the_event_waiting(self, system: System) -> None:
        account = system.account("slack")
        bot = await system.bot(url="http://127.0.0.1:9/nobody")
        await system.connected("slack", bot, account)
        known = await system.known()
        await system.send("slack", account)

        async def retrying() -> bool:
            found = [one for one in await system.records() if one["id"] not in known]
            return [one["state"] for one in found] == ["retrying"]

        await until(retrying, 10, lambda: "a record that waits for its next attempt")
        (record,) = [one for one in await system.records() if one["id"] not in known]
        why = await system.explain(record["id"])
        await system.call("POST", f"requests/{record['id']}/drop")

        assert re.match(r"Attempt \d+ failed: the bot.s URL: ", why)
        assert re.search(r"attempt \d+ of 12 follows", why)

    async def test_that_is_down_is_left_alone_and_gets_everything_when_it_is_back(
        self, system: System
    ) -> None:
        """Two workers, each of which counts to ten; what waits has lost no attempt, and the operator sees why."""
        account = system.account("slack")
        bot = await system.bot(url="http://127.0.0.1:9/nobody")
        await system.connected("slack", bot, account)
        known = await system.known()
        sent = [await system.send("slack", account) for _ in range(40)]

        async def waiting() -> list[Any]:
            return [
                one for one in await system.records(state="waiting") if one["id"] not in known
            ]

        async def held() -> bool:
            return len(await waiting()) >= 15

        await until(held, 15, lambda: "records behind the gate")
        (record, *_) = await waiting()
        why = await system.explain(record["id"])
        queue = await system.call("GET", "queue")
        await system.call(
            "PUT", f"bots/{bot}", {"url": system.simulator.bot_url(bot), "secret": SECRET}
        )
        await system.call("POST", f"gates/bot:{bot}/open")
        got = await received(system, bot, 40, 40)

        assert f"It waits behind the gate of bot:{bot}, because " in why
        assert "of the last" in why
        assert [(f"bot:{bot}", "breaker")] == [
            (one["name"], one["kind"]) for one in queue["gates"]
        ]
        bodies = {json.loads(one.body)["payload"]["body"] for one in got}
        assert {one.request.body.decode() for one in sent} == bodies

    async def test_is_reached_only_where_the_operator_allows(self, system: System) -> None:
        """Private networks only where WAYPOST_EGRESS_ALLOW names them, as it does loopback here."""
        account = system.account("slack")
        bot = await system.bot(url="http://10.254.1.2/events")
        await system.connected("slack", bot, account)
        known = await system.known()
        await system.send("slack", account)
        (record,) = await system.settled(known)

        assert "dead" == record["state"]
        assert "10.254.1.2" in await system.explain(record["id"])
