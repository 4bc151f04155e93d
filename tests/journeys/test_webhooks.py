"""A provider's webhook: to the right bot, parked, or refused, and always with a reason that can be read."""

from __future__ import annotations

import asyncio
import json
import uuid
from io import BytesIO

import pytest

from services.simulator import Envelope
from tests.builders_signed import github_signed, linear_signed, notion_signed, slack_signed
from tests.journeys.system import KINDS, PROVIDERS, Json, System

pytestmark = pytest.mark.asyncio(loop_scope="session")


def bodies(events: list[Json]) -> list[str]:
    """The bodies of the requests that the events were made of."""
    return [one["payload"]["body"] for one in events]


def requests_in(records: list[Json]) -> list[Json]:
    """Those that came in from outside, without the deliveries that they were split into."""
    return [one for one in records if one["id"].startswith("req_")]


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


def now() -> float:
    """The machine's clock."""
    import time

    return time.time()


async def registered(system: System, **parts: object) -> str:
    """A small integration of this test's own; its webhooks carry a shared token. Returns its name."""
    name = f"test{uuid.uuid4().hex[:10]}"
    await system.register(
        {
            "name": name,
            "version": "1.0.0",
            "verify": {
                "scheme": "token",
                "header": "x-token",
                "secret": {"from": "global", "name": "TOKEN"},
            },
            "secrets": {"TOKEN": {"description": "shared with the sender"}},
            **parts,
        }
    )
    await system.set_secrets(name, {"TOKEN": "s3cret"})
    return name


async def knock(
    system: System,
    name: str,
    body: object,
    headers: dict[str, str] | None = None,
    path: str = "",
) -> tuple[int, bytes]:
    """Send a webhook to a small integration."""
    async with system.http.post(
        f"{system.origin}/integration/global/{name}{path}",
        data=BytesIO(json.dumps(body).encode()),
        headers={"X-Token": "s3cret", **(headers or {})},
    ) as answer:
        return answer.status, await answer.read()


class TestARefusedSignature:
    @pytest.mark.parametrize(
        "tamper", ["signature", "body", "missing", "secret", "stale", "future"]
    )
    async def test_leaves_nothing_parked_and_nothing_delivered_and_says_why(
        self, system: System, tamper: str
    ) -> None:
        """The provider still gets its 200: what it sent is stored and can be looked at."""
        bot, account = await system.bot(), system.account("slack")
        await system.connected("slack", bot, account)
        known = await system.known()
        sent = await system.send("slack", account, envelope=Envelope(tamper=tamper))
        (record,) = await system.settled(known)
        why = await system.explain(record["id"])
        right = await system.send("slack", account)

        assert 200 == sent.status
        assert "ignored" == record["state"]
        assert why.startswith(
            "It was ignored, nothing was parked and nothing delivered: signature refused:"
        )
        assert "\n" not in why
        assert [right.request.body.decode()] == bodies(await system.events(bot, 1))

    @pytest.mark.parametrize("provider", PROVIDERS)
    async def test_of_an_account_that_nobody_connected_is_not_parked(
        self, system: System, provider: str
    ) -> None:
        """Or a stranger could fill the parking lot, and the next one to connect would get it."""
        bot, account = await system.bot(), system.account(provider)
        known = await system.known()
        await system.send(provider, account, envelope=Envelope(tamper="secret"))
        (record,) = await system.settled(known)
        await system.connected(provider, bot, account)
        right = await system.send(provider, account)

        assert "ignored" == record["state"]
        assert [right.request.body.decode()] == bodies(await system.events(bot, 1))

    @pytest.mark.parametrize("sign", [github_signed, linear_signed, notion_signed])
    async def test_of_another_provider_s_key_is_one(self, system: System, sign: object) -> None:
        """Signed by OpenSSL with the secret of the wrong one."""
        body = json.dumps({"organizationId": "o", "workspace_id": "o"}).encode()
        signed = sign(body, secret="simulated-slack-signing-secret")  # type: ignore[operator]
        known = await system.known()
        async with system.http.post(
            f"{system.origin}/integration/global/{signed.provider}",
            data=signed.body, headers=signed.headers,
        ) as answer:  # fmt: skip
            assert 200 == answer.status
        (record,) = await system.settled(known)

        assert "signature refused" in record["reason"]

    async def test_is_a_401_where_the_sender_waits_for_the_answer(self, system: System) -> None:
        name = await registered(system, reply="wait")
        status, _ = await knock(system, name, {}, {"X-Token": "wrong"})

        assert 401 == status

    async def test_before_the_secret_is_set_can_be_replayed_when_it_is(
        self, system: System
    ) -> None:
        """Whose fault it is decides: an operator's gap loses nothing."""
        bot, known = await system.bot(), await system.known()
        name = await registered(system, identifier={"extractScript": "parse_json!(.body).org"})
        await system.set_secrets(name, {"TOKEN": "s3cret"})
        await system.register(
            {
                "name": name,
                "version": "1.0.1",
                "identifier": {"extractScript": "parse_json!(.body).org"},
                "verify": {
                    "scheme": "token",
                    "header": "x-token",
                    "secret": {"from": "global", "name": "OTHER"},
                },
                "secrets": {"OTHER": {}},
            }
        )
        await system.install(name, bot, identifier="o1")
        await knock(system, name, {"org": "o1"})
        (record,) = [one for one in await system.settled(known) if one["integration"] == name]
        why = await system.explain(record["id"])
        await system.set_secrets(name, {"OTHER": "s3cret"})
        await system.call("POST", f"requests/{record['id']}/replay")

        assert "dead" == record["state"]
        assert "OTHER" in why
        assert "replay" in why
        assert 1 == len(await system.events(bot, 1))


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


class TestWhatIsNotTakenIn:
    @pytest.mark.parametrize(
        "path",
        [
            "integration/global/nowhere",
            "integration/global/nowhere/deeper",
            "00000000-0000-4000-8000-000000000000",
            "nothing-like-a-webhook-id",
        ],
    )
    async def test_an_unknown_address_is_404_and_nothing_is_stored(
        self, system: System, path: str
    ) -> None:
        known = await system.known()
        async with system.http.post(f"{system.origin}/{path}", data=b"{}") as answer:
            said = await answer.json()

        assert 404 == answer.status
        assert "ResourceNotFound" == said["type"]
        assert known == await system.known()

    @pytest.mark.parametrize("chunked", [False, True])
    async def test_an_over_large_body_is_413_and_nothing_is_stored(
        self, system: System, chunked: bool
    ) -> None:
        """Declared or not, it is not read to its end."""
        known = await system.known()

        async def pieces():
            for _ in range(40):
                yield b"x" * 65536

        data = pieces() if chunked else BytesIO(b"x" * ((1 << 20) + 1))
        async with system.http.post(
            f"{system.origin}/integration/global/slack", data=data
        ) as answer:
            said = await answer.json()

        assert (413, "PayloadTooLarge") == (answer.status, said["type"])
        assert "1048576" in said["message"]
        assert known == await system.known()

    @pytest.mark.filterwarnings("ignore:Sending a large body")
    async def test_a_large_one_passes_where_the_definition_allows_it(
        self, system: System
    ) -> None:
        """GitHub sends up to 25 MB; above 1 MiB a pointer finds the account, not the script."""
        bot, account = await system.bot(), system.account("github")
        await system.connected("github", bot, account)
        sent = await system.send("github", account, text="x" * (2 << 20))

        assert 200 == sent.status
        assert [sent.request.body.decode()] == bodies(await system.events(bot, 1))

    async def test_one_too_large_for_the_script_is_dead_and_kept(self, system: System) -> None:
        known = await system.known()
        name = await registered(
            system, bodyLimit=4 << 20, identifier={"extractScript": "parse_json!(.body).org"}
        )
        status, _ = await knock(system, name, {"org": "o", "x": "y" * (2 << 20)})
        (record,) = await system.settled(known)

        assert (200, "dead") == (status, record["state"])
        assert "too large to route" in await system.explain(record["id"])


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
