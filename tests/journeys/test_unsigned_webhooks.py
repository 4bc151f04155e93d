"""Webhooks that are refused: unsigned, wrongly signed, too large, or for a door that is not there."""

from __future__ import annotations

import json
from io import BytesIO

import pytest

from services.simulator import Envelope
from tests.builders_signed import github_signed, linear_signed, notion_signed
from tests.journeys.system import PROVIDERS, System
from tests.journeys.webhook_builders import bodies, knock, registered

pytestmark = pytest.mark.asyncio(loop_scope="session")


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
