"""Webhooks signed by published keys, with a real provider of keys on this machine, which rolls them over."""

from __future__ import annotations

from collections.abc import AsyncIterator
from types import SimpleNamespace
from typing import Any

import jwt
import orjson
import pytest
from aiohttp import web
from cryptography.hazmat.primitives.asymmetric import rsa
from jwt.algorithms import RSAAlgorithm

from shared.errors import ProviderBusy, SignatureMismatch
from shared.integrations.definition import decode
from shared.integrations.registry import redirected
from shared.model.jobs import Record
from shared.secret import Secret
from tests.local import listen
from tests.unit.signature_builders import NOON, a_request
from workers.jobs.verification import Holder, check_genuine
from workers.jobs.visits import Visit
from workers.keysets import PAUSE, KeySets
from workers.outbound import Outbound, Policy

OLD, NEW = (rsa.generate_private_key(public_exponent=65537, key_size=2048) for _ in range(2))
URL = "https://hooks.example/integration/global/teams"
BODY = orjson.dumps({"serviceUrl": "https://smba.example/", "channelId": "msteams"})


class Publisher:
    """Publishes keys on loopback, under the path that the simulator would have."""

    def __init__(self) -> None:
        self.keys: dict[str, Any] = {"old": OLD}
        self.asked, self.status = 0, 200

    async def answer(self, request: web.Request) -> web.Response:
        assert request.path == "/teams/login.botframework.com/v1/.well-known/keys"
        self.asked += 1
        keys = [
            {**RSAAlgorithm.to_jwk(key.public_key(), as_dict=True), "kid": name, "endorsements": ["msteams"]}
            for name, key in self.keys.items()
        ]  # fmt: skip
        return web.json_response({"keys": keys}, status=self.status)


class Clock:
    at = 0.0

    def now(self) -> float:
        return NOON

    def monotonic(self) -> float:
        return self.at


class Secrets:
    async def reveal(self, integration: str, name: str) -> Secret | None:
        return Secret(b"app-1") if name == "APP_ID" else None


class Bench:
    def __init__(self, origin: str, publisher: Publisher, outbound: Outbound) -> None:
        self.publisher, self.clock = publisher, Clock()
        self.tools: Any = SimpleNamespace(
            keysets=KeySets(outbound, self.clock), secrets=Secrets()
        )
        definition = decode(
            {
                "name": "teams",
                "version": "1.0.0",
                "secrets": {"APP_ID": {"public": True}},
                "verify": {
                    "scheme": "bot-framework",
                    "jwt": {"audience": {"from": "global", "name": "APP_ID"}},
                },
            }
        )
        self.definition = redirected(definition, origin)

    async def said(self, key: Any, name: str) -> str:
        """Why a message that *key* signed is refused; nothing when it is not."""
        claims = {
            "iss": "https://api.botframework.com", "aud": "app-1", "exp": NOON + 60,
            "serviceurl": "https://smba.example/",
        }  # fmt: skip
        token = jwt.encode(claims, key, algorithm="RS256", headers={"kid": name})
        raw = a_request(headers={"authorization": f"Bearer {token}"}, body=BODY)
        verify: Any = self.definition.verify
        visit = Visit(
            record=Record(id="req_1", job="webhook", state="leased"), raw=raw, definition=self.definition,
            installed=None, rules=(verify,), public_url=URL,
        )  # fmt: skip
        try:
            await check_genuine(visit, Holder(), self.tools)
        except SignatureMismatch as error:
            return str(error)
        return ""


@pytest.fixture
async def bench() -> AsyncIterator[Bench]:
    publisher = Publisher()
    app = web.Application()
    app.router.add_get("/{path:.*}", publisher.answer)
    origin, runner = await listen(app)
    outbound = Outbound(Policy(origins=(origin,)))
    yield Bench(origin, publisher, outbound)
    await outbound.close()
    await runner.cleanup()


async def test_the_keys_are_fetched_once_and_hold(bench: Bench) -> None:
    assert ["", ""] == [await bench.said(OLD, "old"), await bench.said(OLD, "old")]
    assert "not signed by the key" in await bench.said(NEW, "old")
    assert 1 == bench.publisher.asked


async def test_a_new_key_is_taken_up_and_a_withdrawn_one_no_longer_counts(bench: Bench) -> None:
    assert "" == await bench.said(OLD, "old")
    bench.publisher.keys = {"new": NEW}
    bench.clock.at += PAUSE

    assert "" == await bench.said(NEW, "new")
    assert "does not publish" in await bench.said(OLD, "old")
    assert 2 == bench.publisher.asked


async def test_invented_names_of_keys_do_not_make_us_ask_and_ask(bench: Bench) -> None:
    assert "" == await bench.said(OLD, "old")
    for number in range(20):
        assert "does not publish" in await bench.said(NEW, f"invented-{number}")

    assert 1 == bench.publisher.asked


async def test_a_publisher_that_is_down_is_a_reason_to_wait_not_to_refuse(bench: Bench) -> None:
    bench.publisher.status = 503
    with pytest.raises(ProviderBusy):
        await bench.said(OLD, "old")


async def test_the_fetch_goes_through_the_guard(bench: Bench) -> None:
    """A private address that nobody declared is never called."""
    from shared.errors import EgressRefused

    guarded = Outbound(Policy())
    bench.tools.keysets = KeySets(guarded, bench.clock)
    with pytest.raises(EgressRefused):
        await bench.said(OLD, "old")
    await guarded.close()

    assert 0 == bench.publisher.asked
