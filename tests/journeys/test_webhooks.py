"""A provider's webhook: to the right bot, parked, or refused, and always with a reason that can be read."""

from __future__ import annotations

import asyncio
import json

import pytest

from tests.builders_signed import slack_signed
from tests.journeys.system import KINDS, PROVIDERS, System
from tests.journeys.webhook_builders import bodies, knock, now, registered, requests_in

pytestmark = pytest.mark.asyncio(loop_scope="session")


class TestASignedWebhook:
    @pytest.mark.parametrize("provider", PROVIDERS)
    async def test_reaches_the_bot_whose_account_it_is_and_no_other(
        self, system: System, provider: str
    ) -> None:
        one, other = await system.bot(), await system.bot()
        account, elsewhere = system.account(provider), system.account(provider)
        home = await system.connected(provider, one, account)
        await system.connected(provider, other, elsewhere)
        first = await system.send(provider, account)
        second = await system.send(provider, elsewhere)
        here, there = await system.events(one, 1), await system.events(other, 1)

        assert (200, 200) == (first.status, second.status)
        assert [first.request.body.decode()] == bodies(here)
        assert [second.request.body.decode()] == bodies(there)
        assert home["webhookId"] == here[0]["webhookId"]
        assert (provider, account, "webhook", one) == tuple(
            here[0][name] for name in ("integration", "identifier", "type", "botId")
        )

    async def test_is_told_byte_for_byte(self, system: System) -> None:
        """Signed by Slack's own SDK, over a body that no JSON library would write so."""
        bot, account = await system.bot(), system.account("slack")
        await system.connected("slack", bot, account)
        body = '{ "team_id" :"' + account + '",\r\n"text":"é ☃ \\u0000 %22"}  '
        signed = slack_signed(body.encode(), secret="simulated-slack-signing-secret", at=now())
        async with system.http.post(
            f"{system.origin}/integration/global/slack?b=2&a=1&b=%20",
            data=signed.body, headers={**signed.headers, "X-Twice": "1"},
        ) as answer:  # fmt: skip
            text = await answer.read()
        event = (await system.events(bot, 1))[0]["payload"]

        assert (200, b"") == (answer.status, text)
        assert body == event["body"]
        assert ("POST", "/", "b=2&a=1&b=%20") == tuple(
            event[name] for name in ("method", "path", "query")
        )
        assert "1" == event["headers"]["x-twice"]

    @pytest.mark.parametrize("provider", ["github", "linear"])
    async def test_that_comes_twice_under_one_id_is_delivered_once(
        self, system: System, provider: str
    ) -> None:
        bot, account = await system.bot(), system.account(provider)
        await system.connected(provider, bot, account)
        sent = await system.send(provider, account)
        again = await system.simulator.post(sent.request)
        later = await system.send(provider, account)
        events = await system.events(bot, 2)

        assert (200, 200) == (again.status, later.status)
        assert {one.request.body.decode() for one in (sent, later)} == set(bodies(events))
        assert 2 == len(events)

    async def test_names_its_type_where_the_definition_has_a_script(
        self, system: System
    ) -> None:
        bot = await system.bot()
        name = await registered(
            system,
            event='.headers."x-kind"',
            identifier={"extractScript": "parse_json!(.body).org"},
        )
        await system.install(name, bot, identifier="o1")
        await knock(system, name, {"org": "o1"}, headers={"X-Kind": "created"})

        assert ["created"] == [one["type"] for one in await system.events(bot, 1)]


class TestNoInstallationYet:
    @pytest.mark.parametrize("provider", PROVIDERS)
    async def test_parks_it_and_connecting_delivers_it_in_order(
        self, system: System, provider: str
    ) -> None:
        bot, account, known = await system.bot(), system.account(provider), await system.known()
        early = [await system.send(provider, account) for _ in range(5)]
        parked = await system.settled(known, 5)
        why = await system.explain(parked[0]["id"])
        await system.connected(provider, bot, account)
        late = await system.send(provider, account)
        events = await system.events(bot, 6)

        assert ["parked"] * 5 == [one["state"] for one in parked]
        assert account in why
        assert "connecting one releases it" in why
        came = [one for one in bodies(events) if one != late.request.body.decode()]
        assert [one.request.body.decode() for one in early] == came
        assert 6 == len(events)

    async def test_what_comes_after_an_uninstall_waits_for_who_connects_next(
        self, system: System
    ) -> None:
        """And what the one before was given stays with it."""
        first, second = await system.bot(), await system.bot()
        account = system.account("slack")
        home = await system.connected("slack", first, account)
        before = await system.send("slack", account)
        await system.events(first, 1)
        await system.call("DELETE", f"installations/{home['webhookId']}")
        between = await system.send("slack", account)
        await system.connected("slack", second, account)

        assert [between.request.body.decode()] == bodies(await system.events(second, 1))
        assert [before.request.body.decode()] == bodies(await system.events(first, 1))

    async def test_with_an_unsigned_integration_is_not_parked(self, system: System) -> None:
        """What nobody has verified is never parked."""
        known = await system.known()
        name = await registered(
            system, verify="none", identifier={"extractScript": "parse_json!(.body).org"}
        )
        await knock(system, name, {"org": "o1"})
        (record,) = await system.settled(known)

        assert "ignored" == record["state"]
        assert "no installation has the identifier o1" in await system.explain(record["id"])

    async def test_is_a_404_where_the_sender_waits(self, system: System) -> None:
        name = await registered(
            system,
            reply="wait",
            verify="none",
            identifier={"extractScript": "parse_json!(.body).org"},
        )
        status, body = await knock(system, name, {"org": "o1"})

        assert 404 == status
        assert "no installation has this identifier" == json.loads(body)["message"]


class TestABatch:
    SPLIT = """
        map_values = []
        for_each(array!(parse_json!(.body).items)) -> |_i, item| {
          map_values = push(map_values, {"identifier": item.org, "body": encode_json(item)})
        }
        map_values
    """

    async def test_gives_each_installation_its_own_part_and_no_more(
        self, system: System
    ) -> None:
        bots = [await system.bot() for _ in range(3)]
        name = await registered(system, identifier={"extractScript": self.SPLIT})
        for number, bot in enumerate(bots):
            await system.install(name, bot, identifier=f"o{number}")
        known = await system.known()
        items = [{"org": f"o{n % 3}", "n": n} for n in range(6)]
        status, _ = await knock(system, name, {"items": items})
        events = [await system.events(bot, 2) for bot in bots]
        (request,) = requests_in(await system.settled(known, 7))
        family = await system.record(request["id"])

        assert 200 == status
        for number, found in enumerate(events):
            mine = [item for item in items if item["org"] == f"o{number}"]
            assert mine == sorted(map(json.loads, bodies(found)), key=lambda item: item["n"])
        assert ("done", 6) == (family["standing"], len(family["deliveries"]))
        assert "6 deliveries: 6 done" in await system.explain(request["id"])

    async def test_parks_the_part_that_nobody_has_yet(self, system: System) -> None:
        here, later = await system.bot(), await system.bot()
        name = await registered(system, identifier={"extractScript": self.SPLIT})
        await system.install(name, here, identifier="here")
        known = await system.known()
        await knock(system, name, {"items": [{"org": "here"}, {"org": "later"}]})
        at_once = await system.events(here, 1)
        (request,) = requests_in(await system.settled(known, 3))
        standing = (await system.record(request["id"]))["standing"]
        await system.install(name, later, identifier="later")
        released = await system.events(later, 1)

        assert "parked" == standing
        assert ['{"org":"here"}'] == bodies(at_once)
        assert ['{"org":"later"}'] == bodies(released)

    async def test_of_identifiers_alone_goes_whole_to_each(self, system: System) -> None:
        bots = [await system.bot() for _ in range(2)]
        name = await registered(system, identifier={"extractScript": '["a", "b", "a"]'})
        for bot, identifier in zip(bots, "ab", strict=True):
            await system.install(name, bot, identifier=identifier)
        await knock(system, name, {"x": 1})

        assert [['{"x": 1}']] * 2 == [bodies(await system.events(bot, 1)) for bot in bots]


class TestAHandshake:
    async def test_of_slack_is_answered_at_once(self, system: System) -> None:
        sent = await system.send(
            "slack", "T0NOBODY", "url_verification", challenge="3eZbrw1aBm2rZgRNFdxV2595"
        )

        assert (200, b"3eZbrw1aBm2rZgRNFdxV2595") == (sent.status, sent.body)

    async def test_of_notion_is_kept_and_its_token_can_be_read(self, system: System) -> None:
        """It has no signature: it brings the key of all later ones."""
        known = await system.known()
        sent = await system.send("notion", "nobody", "verification_token")
        (record,) = await system.settled(known)
        kept = await system.call("GET", f"requests/{record['id']}/body", reveal="true")

        assert 200 == sent.status
        assert "verification token" in await system.explain(record["id"])
        assert {"verification_token": "simulated-notion-signing-secret"} == json.loads(
            kept["body"]
        )


class TestAnAnswer:
    async def test_of_the_fallback_script_reaches_a_sender_who_waits(
        self, system: System
    ) -> None:
        script = '{"status": 202, "headers": {"x-said": "fallback"}, "body": "nobody here"}'
        name = await registered(
            system,
            reply="wait",
            identifier={"extractScript": "null", "fallbackHandlerScript": script},
        )

        assert (202, b"nobody here") == await knock(system, name, {})

    async def test_that_the_definition_wants_is_given_at_once(self, system: System) -> None:
        rule = {"policy": "ack", "status": 202, "headers": {"X-Ok": "1"}, "body": "stored"}
        name = await registered(system, reply=rule, identifier={"extractScript": "null"})

        assert (202, b"stored") == await knock(system, name, {})


class TestManyAtOnce:
    async def test_all_arrive_once_each_at_their_own_bot(self, system: System) -> None:
        bots = {system.account(name): (name, await system.bot()) for name in PROVIDERS}
        for account, (name, bot) in bots.items():
            await system.connected(name, bot, account)
        known = await system.known()
        sent = await asyncio.gather(*(
            system.simulator.send(name, account, KINDS[name], text=f"{account} {n}")
            for account, (name, _) in bots.items() for n in range(25)
        ))  # fmt: skip
        wanted: dict[str, list[str]] = {}
        for n, (account, _) in enumerate(bots.items()):
            wanted[account] = sorted(
                s.request.body.decode() for s in sent[n * 25 : n * 25 + 25]
            )
        for account, (_, bot) in bots.items():
            assert wanted[account] == sorted(bodies(await system.events(bot, 25)))
        await system.settled(known, len(sent))
