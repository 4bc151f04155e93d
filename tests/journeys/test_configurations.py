"""Beside one click: tokens typed in, own OAuth apps, switched off, taken over, and removed."""

from __future__ import annotations

import uuid

import pytest

from services.simulator import Envelope
from tests.journeys.connecting import a_link
from tests.journeys.system import KINDS, PROVIDERS, Json, System
from tests.journeys.visitor import Visitor
from tests.journeys.webhook_builders import bodies, registered

pytestmark = pytest.mark.asyncio(loop_scope="session")

OWN = "0123456789abcdef0123456789abcdef"  # a signing secret of somebody's own app
TYPED = {
    "slack": {"botToken": "xoxb-typed", "signingSecret": OWN},
    "github": {"accessToken": "ghp_typed", "webhookSecret": OWN},
    "linear": {"apiKey": "lin_api_typed", "webhookSigningSecret": OWN},
    "notion": {"integrationSecret": "ntn_typed", "verificationToken": OWN},
}
OWN_APP = {
    "slack": {"signingSecret": OWN},
    "github": {"webhookSecret": OWN},
    "linear": {"webhookSigningSecret": OWN},
    "notion": {"verificationToken": OWN},
}


def to_own(made: Json, secret: str = OWN) -> Envelope:
    """To the installation's own webhook URL, signed with its own secret."""
    return Envelope(url=made["webhookUrl"], secret=secret)


class TestATokenTypedIn:
    @pytest.mark.parametrize("provider", PROVIDERS)
    async def test_has_a_webhook_url_and_a_secret_of_its_own(
        self, system: System, provider: str
    ) -> None:
        """Next to a one-click installation of the same account, which hears nothing of it."""
        mine, other, account = await system.bot(), await system.bot(), system.account(provider)
        made = await system.install(
            provider, mine, configurationType="manual", configuration=TYPED[provider]
        )
        await system.connected(provider, other, account)
        sent = await system.send(provider, account, envelope=to_own(made))
        ordinary = await system.send(provider, account)

        assert "none" == made["connection"]
        assert 200 == sent.status
        assert [sent.request.body.decode()] == bodies(await system.events(mine, 1))
        assert [ordinary.request.body.decode()] == bodies(await system.events(other, 1))

    @pytest.mark.parametrize("provider", PROVIDERS)
    @pytest.mark.parametrize("secret", ["not-mine-not-mine", "global"])
    async def test_refuses_another_secret_the_server_s_own_included(
        self, system: System, provider: str, secret: str
    ) -> None:
        bot, account = await system.bot(), system.account(provider)
        made = await system.install(
            provider, bot, configurationType="manual", configuration=TYPED[provider]
        )
        known = await system.known()
        wrong = f"simulated-{provider}-signing-secret" if secret == "global" else secret
        await system.send(provider, account, envelope=to_own(made, wrong))
        (record,) = await system.settled(known)
        right = await system.send(provider, account, envelope=to_own(made))

        assert ("ignored", made["webhookId"]) == (record["state"], record["webhookId"])
        assert "signature refused" in await system.explain(record["id"])
        assert [right.request.body.decode()] == bodies(await system.events(bot, 1))

    async def test_is_never_shown_again(self, system: System) -> None:
        made = await system.install(
            "slack",
            await system.bot(),
            configurationType="manual",
            configuration=TYPED["slack"],
        )
        seen = await system.installation(made["webhookId"])

        assert OWN not in str(made) + str(seen)
        assert "xoxb-typed" not in str(made) + str(seen)

    async def test_has_no_connect_link(self, system: System) -> None:
        made = await system.install(
            "slack",
            await system.bot(),
            configurationType="manual",
            configuration=TYPED["slack"],
        )
        said = await system.call(
            "POST", f"installations/{made['webhookId']}/connect", {}, status=409
        )

        assert "manual configuration of slack has no connect link" in said["message"]

    @pytest.mark.parametrize(
        ("configuration", "field"),
        [
            ({"botToken": "xoxb-x"}, "signingSecret"),
            ({"botToken": "no", "signingSecret": OWN}, "botToken"),
            ({"botToken": "xoxb-x", "signingSecret": OWN, "extra": "1"}, "extra"),
        ],
    )
    async def test_that_does_not_fit_is_named(
        self, system: System, configuration: Json, field: str
    ) -> None:
        path = f"bots/{await system.bot()}/integrations/slack"
        body = {
            "integration": "slack",
            "configurationType": "manual",
            "configuration": configuration,
        }
        said = await system.call("POST", path, body, status=400)

        assert f"configuration.{field}" in said["message"]

    async def test_may_answer_slack_s_handshake_at_its_own_url(self, system: System) -> None:
        made = await system.install(
            "slack",
            await system.bot(),
            configurationType="manual",
            configuration=TYPED["slack"],
        )
        sent = await system.send(
            "slack", "T1", "url_verification", challenge="c-1", envelope=to_own(made)
        )

        assert (200, b"c-1") == (sent.status, sent.body)


class TestAnOAuthAppOfOnesOwn:
    @pytest.mark.parametrize("provider", PROVIDERS)
    async def test_is_connected_with_its_own_client_and_heard_at_its_own_url(
        self, system: System, provider: str, since: int
    ) -> None:
        """It binds no identifier: the same account may be connected to the server's own app too."""
        bot, account = await system.bot(), system.account(provider)
        client = f"own-{uuid.uuid4().hex[:8]}"
        app = system.simulator.register_app(
            provider, client, "own-secret", [f"{system.origin}/oauth"], OWN, slug=client
        )
        configuration = {"clientId": client, "clientSecret": "own-secret", **OWN_APP[provider]}
        if provider == "github":
            configuration["appSlug"] = client
        made = await system.connected(
            provider, bot, account, configurationType="ownApp", configuration=configuration
        )
        sent = await system.send(provider, account, envelope=to_own(made))
        tokens = [one for one in system.simulator.log[since:] if one.outcome == "issued"]

        assert [client] == [one.client_id for one in tokens] == [app.client_id]
        assert None is made["identifier"]
        assert account == made["account"]["id"]
        assert 200 == sent.status
        assert [sent.request.body.decode()] == bodies(await system.events(bot, 1))


class TestASwitchedOffInstallation:
    async def test_can_be_connected_and_hears_nothing(self, system: System) -> None:
        """Botpress starts them so: webhooks wait for the switch, `/oauth` does not."""
        bot, account = await system.bot(), system.account("slack")
        made = await system.connected("slack", bot, account, enabled=False)
        known = await system.known()
        sent = await system.send("slack", account)
        (record,) = await system.settled(known)

        assert ("connected", False) == (made["connection"], made["enabled"])
        assert 200 == sent.status
        assert "ignored" == record["state"]
        assert "the installation is disabled" in await system.explain(record["id"])
        assert [] == await system.events(bot, 0)


class TestWhoOwnsAnAccount:
    async def test_the_one_who_connects_last_where_it_may_be_taken_over(
        self, system: System
    ) -> None:
        """The default: whoever can log in at the provider may move it."""
        first, second, account = await system.bot(), await system.bot(), system.account("slack")
        before = await system.connected("slack", first, account)
        old = await system.send("slack", account)
        await system.events(first, 1)
        await system.connected("slack", second, account)
        new = await system.send("slack", account)
        evicted = await system.installation(before["webhookId"])

        told, lost = await system.events(first, 2)

        assert [new.request.body.decode()] == bodies(await system.events(second, 1))
        assert [old.request.body.decode()] == bodies([told])
        assert ("connection.taken_over", account) == (lost["type"], lost["identifier"])
        assert lost["payload"]["connectUrl"].startswith(f"{system.origin}/connect/")
        assert ("needs_reauth", None) == (evicted["connection"], evicted["identifier"])

    async def test_nobody_takes_it_by_hand(self, system: System) -> None:
        """Outside a connect flow nobody has proved anything."""
        account = system.account("slack")
        home = await system.connected("slack", await system.bot(), account)
        path = f"bots/{await system.bot()}/integrations/slack"
        said = await system.call(
            "POST", path, {"integration": "slack", "identifier": account}, status=409
        )
        still = await system.installation(home["webhookId"])

        assert "AlreadyExists" == said["type"]
        assert home["webhookId"] in said["message"]
        assert ("connected", account) == (still["connection"], still["identifier"])

    async def test_the_first_one_where_it_is_exclusive(
        self, system: System, since: int
    ) -> None:
        """The second one is told, its tokens are revoked, and the first one's still work."""
        name = await exclusive(system)
        first, second = await system.bot(), await system.bot()
        account = system.account("acme", "Team")
        home = await system.connected(name, first, account)
        refused = await system.install(name, second)
        page = await system.connect(refused["webhookId"], account)
        after = await system.installation(refused["webhookId"])
        revoked = [one for one in system.simulator.log[since:] if one.outcome == "revoked"]

        assert "This account is connected already" == page.headline
        assert "" == page.again
        assert ("pending", None) == (after["connection"], after["identifier"])
        assert 1 == len(revoked)
        assert account == (await system.installation(home["webhookId"]))["identifier"]

    async def test_all_of_them_where_it_is_shared(self, system: System) -> None:
        name = await registered(
            system, ownership="share", identifier={"extractScript": "parse_json!(.body).org"}
        )
        bots = [await system.bot(), await system.bot()]
        for bot in bots:
            await system.install(name, bot, identifier="o1")
        async with system.http.post(
            f"{system.origin}/integration/global/{name}",
            data=b'{"org":"o1"}', headers={"X-Token": "s3cret"},
        ) as answer:  # fmt: skip
            assert 200 == answer.status

        assert [['{"org":"o1"}']] * 2 == [bodies(await system.events(bot, 1)) for bot in bots]


async def exclusive(system: System, **parts: object) -> str:
    """An integration by data alone that connects to the simulated Acme, one bot per team."""
    acme = f"{system.simulator.base('acme')}/acme.example"
    name = await registered(
        system,
        ownership="exclusive",
        secrets={"TOKEN": {}, "CLIENT_ID": {"public": True}, "CLIENT_SECRET": {}},
        oauth={
            "client": {
                "id": {"from": "global", "name": "CLIENT_ID"},
                "secret": {"from": "global", "name": "CLIENT_SECRET"},
            },
            "authorize": {"url": f"{acme}/oauth/authorize"},
            "token": {"url": f"{acme}/oauth/token"},
            "identity": {
                "externalId": {"from": "call", "path": "team.id"},
                "name": {"from": "call", "path": "team.name"},
                "call": {"url": f"{acme}/api/me"},
            },
            "revoke": {"url": f"{acme}/oauth/revoke"},
        },
        **parts,
    )
    client = {
        "CLIENT_ID": "simulated-acme-client",
        "CLIENT_SECRET": "simulated-acme-client-secret",
    }
    await system.set_secrets(name, client)
    return name


class TestWhatAPersonTypesIn:
    async def test_is_asked_for_checked_and_can_be_mended(self, system: System) -> None:
        name = await exclusive(
            system,
            inputs={"shop": {"type": "dns_label", "title": "Shop", "example": "my-shop"}},
        )
        link = await a_link(system, name)
        async with Visitor() as visitor:
            shown = await visitor.open(link)
            wrong = await visitor.press(link, shop="evil.test/")
            right = await visitor.press(link, shop="my-shop")

        assert 'name="shop" required placeholder="for example my-shop"' in shown.text
        assert (422, shown.headline) == (wrong.status, wrong.headline)
        assert "Something you entered is not right" in wrong.text
        assert 'value="evil.test/"' in wrong.text
        assert 303 == right.status


class TestUninstalling:
    async def test_ends_everything_with_a_receipt(self, system: System) -> None:
        bot, account = await system.bot(), system.account("linear")
        made = await system.connected("linear", bot, account)
        receipt = (await system.call("DELETE", f"installations/{made['webhookId']}"))["receipt"]
        gone = await system.call("GET", f"installations/{made['webhookId']}", status=404)
        left = await system.store.redis.keys(f"*{made['webhookId']}*")

        assert (made["webhookId"], account) == (receipt["webhookId"], receipt["identifier"])
        assert receipt["dataKeyDestroyed"]
        assert "ResourceNotFound" == gone["type"]
        assert {b"waypost:{c0}:1:lanes"} >= set(left)

    async def test_of_a_manual_one_closes_its_url(self, system: System) -> None:
        made = await system.install(
            "slack",
            await system.bot(),
            configurationType="manual",
            configuration=TYPED["slack"],
        )
        await system.call("DELETE", f"installations/{made['webhookId']}")
        sent = await system.send("slack", "T1", KINDS["slack"], envelope=to_own(made))

        assert 404 == sent.status

    async def test_while_somebody_connects_ends_on_a_page_not_on_a_trace(
        self, system: System, since: int
    ) -> None:
        made = await system.install("slack", await system.bot())
        link = (await system.link(made["webhookId"]))["url"]
        async with Visitor() as visitor:
            callback = await visitor.callback(link, system.account("slack"))
            await system.call("DELETE", f"installations/{made['webhookId']}")
            page = await visitor.open(callback)

        assert "This integration is not set up yet" == page.headline
        assert [] == system.exchanges("slack", since)
