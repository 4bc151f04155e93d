"""Webhooks: signatures that others verify, payloads, duplicates, and the ways to break them."""

from __future__ import annotations

from typing import Any
from urllib.parse import parse_qs

import pytest
from gidgethub import ValidationFailure
from gidgethub.sansio import validate_event
from slack_sdk.signature import Clock, SignatureVerifier

from services.simulator import Envelope, Signed, Simulator
from services.simulator.webhooks.sender import DIALECTS
from tests.builders_signed import openssl_hmac
from tests.unit.simulator.simulator_builders import ACCOUNTS, NOON, SIGNING, Hand

EVERY = [
    (provider, kind)
    for provider, dialect in DIALECTS.items()
    if provider in ACCOUNTS
    for kind in dialect.KINDS
    if kind != "verification_token"
]


class SlackClock(Clock):
    """Slack's verifier at noon."""

    def now(self) -> float:
        """Noon."""
        return NOON


def verifies(provider: str, request: Signed, secret: str = SIGNING) -> bool:
    """Whether somebody else's code accepts the signature."""
    headers = request.headers
    match provider:
        case "slack":
            judge = SignatureVerifier(secret, SlackClock())
            return judge.is_valid_request(request.body, dict(headers))
        case "github":
            return _gidgethub_accepts(request, secret)
        case "linear":
            return headers.get("Linear-Signature") == openssl_hmac(secret, request.body)[0]
        case _:
            name = "X-Notion-Signature" if provider == "notion" else "X-Acme-Signature"
            return headers.get(name) == "sha256=" + openssl_hmac(secret, request.body)[0]


def _gidgethub_accepts(request: Signed, secret: str) -> bool:
    try:
        for name in ("X-Hub-Signature-256", "X-Hub-Signature"):
            signature = request.headers.get(name, "")
            validate_event(request.body, signature=signature, secret=secret)
    except ValidationFailure:
        return False
    return True


class TestSignatures:
    @pytest.mark.parametrize(("provider", "kind"), EVERY)
    async def test_independent_verifiers_accept_them(
        self, simulator: Simulator, provider: str, kind: str
    ) -> None:
        request = simulator.signed(provider, ACCOUNTS[provider], kind, text="grüße ☃")

        assert verifies(provider, request)

    @pytest.mark.parametrize("provider", ACCOUNTS)
    async def test_an_installations_own_secret_and_url_win(
        self, simulator: Simulator, provider: str
    ) -> None:
        own = Envelope(secret="of-the-installation", url=simulator.bot_url("own"))
        sent = await simulator.send(
            provider, ACCOUNTS[provider], DIALECTS[provider].KINDS[0], envelope=own
        )

        assert verifies(provider, sent.request, "of-the-installation")
        assert not verifies(provider, sent.request)
        assert len(simulator.received("own")) == 1

    @pytest.mark.parametrize("provider", ACCOUNTS)
    @pytest.mark.parametrize("tamper", ["signature", "body", "missing", "secret"])
    async def test_a_spoiled_one_is_refused_by_the_same_verifiers(
        self, simulator: Simulator, provider: str, tamper: Any
    ) -> None:
        request = simulator.signed(
            provider,
            ACCOUNTS[provider],
            DIALECTS[provider].KINDS[0],
            envelope=Envelope(tamper=tamper),
        )

        assert not verifies(provider, request)

    @pytest.mark.parametrize(("tamper", "shift"), [("stale", -600), ("future", 600)])
    async def test_a_slack_timestamp_can_be_off_and_the_signature_right(
        self, simulator: Simulator, tamper: Any, shift: int
    ) -> None:
        request = simulator.signed(
            "slack", ACCOUNTS["slack"], "message", envelope=Envelope(tamper=tamper)
        )
        stamp = request.headers["X-Slack-Request-Timestamp"]
        expected = SignatureVerifier(SIGNING).generate_signature(
            timestamp=stamp, body=request.body
        )

        assert int(stamp) == NOON + shift
        assert request.headers["X-Slack-Signature"] == expected
        assert not verifies("slack", request)

    async def test_linears_stale_time_is_in_the_signed_body(self, simulator: Simulator) -> None:
        stale = Envelope(tamper="stale")
        sent = await simulator.send("linear", ACCOUNTS["linear"], "Issue", envelope=stale)
        (got,) = simulator.received("linear")

        assert got.json()["webhookTimestamp"] == (NOON - 600) * 1000
        assert verifies("linear", sent.request)

    @pytest.mark.parametrize("provider", ["github", "notion", "acme"])
    def test_what_signs_no_time_cannot_be_stale(self, provider: str) -> None:
        stale = Envelope(tamper="stale")
        with pytest.raises(ValueError, match="signs no timestamp"):
            Simulator().signed(provider, "x", DIALECTS[provider].KINDS[0], envelope=stale)


class TestPayloads:
    @pytest.mark.parametrize("provider", ACCOUNTS)
    async def test_they_arrive_byte_for_byte_and_name_their_account(
        self, simulator: Simulator, provider: str
    ) -> None:
        kind = {"github": "issues"}.get(provider, DIALECTS[provider].KINDS[0])
        sent = await simulator.send(provider, ACCOUNTS[provider], kind, text="grüße")
        (got,) = simulator.received(provider)

        assert sent.status == 200
        assert got.body == sent.request.body
        assert account_in(provider, got.json()) == ACCOUNTS[provider]

    async def test_an_account_nobody_added_can_send(self, simulator: Simulator) -> None:
        await simulator.send("linear", "org-unknown", "Issue")
        (got,) = simulator.received("linear")

        assert got.json()["organizationId"] == "org-unknown"

    async def test_slack_interactions_are_forms_with_json(self, simulator: Simulator) -> None:
        request = simulator.signed("slack", ACCOUNTS["slack"], "interactive")
        (payload,) = parse_qs(request.body.decode())["payload"]

        assert request.headers["Content-Type"] == "application/x-www-form-urlencoded"
        assert f'"id": "{ACCOUNTS["slack"]}"' in payload

    async def test_slack_commands_are_forms(self, simulator: Simulator) -> None:
        request = simulator.signed("slack", ACCOUNTS["slack"], "command", text="now %22 & then")
        fields = parse_qs(request.body.decode())

        assert fields["team_id"] == [ACCOUNTS["slack"]]
        assert fields["text"] == ["now %22 & then"]

    async def test_slack_handshakes_carry_a_challenge(self, simulator: Simulator) -> None:
        await simulator.send("slack", ACCOUNTS["slack"], "url_verification", challenge="abc")
        (got,) = simulator.received("slack")

        assert got.json()["type"] == "url_verification"
        assert got.json()["challenge"] == "abc"

    async def test_notions_handshake_brings_the_key_unsigned(
        self, simulator: Simulator
    ) -> None:
        await simulator.send("notion", ACCOUNTS["notion"], "verification_token")
        (got,) = simulator.received("notion")

        assert got.json() == {"verification_token": SIGNING}
        assert "x-notion-signature" not in got.headers

    async def test_a_repositorys_own_hook_names_no_installation(
        self, simulator: Simulator
    ) -> None:
        await simulator.send("github", ACCOUNTS["github"], "push", installation=False)
        (got,) = simulator.received("github")

        assert "installation" not in got.json()
        assert got.headers["x-github-event"] == "push"

    async def test_an_installation_event_names_its_action(self, simulator: Simulator) -> None:
        await simulator.send("github", ACCOUNTS["github"], "installation", action="deleted")
        (got,) = simulator.received("github")

        assert got.json()["action"] == "deleted"
        assert got.json()["installation"]["id"] == int(ACCOUNTS["github"])

    def test_an_unknown_kind_is_refused_with_the_known_ones(self) -> None:
        with pytest.raises(ValueError, match=r"page\.created"):
            Simulator().signed("notion", "x", "page.painted")

    def test_an_unknown_way_of_tampering_is_refused(self) -> None:
        with pytest.raises(ValueError, match="stale"):
            Envelope(tamper="gently")  # type: ignore[arg-type]


class TestDuplicates:
    @pytest.mark.parametrize(
        ("provider", "where"),
        [
            ("slack", "event_id"),
            ("notion", "id"),
            ("github", "x-github-delivery"),
            ("linear", "linear-delivery"),
        ],
    )
    async def test_a_repetition_has_the_delivery_id_of_the_first(
        self, simulator: Simulator, hand: Hand, provider: str, where: str
    ) -> None:
        kind = DIALECTS[provider].KINDS[0]
        first = await simulator.send(provider, ACCOUNTS[provider], kind)
        hand.at += 60
        again = Envelope(delivery_id=first.delivery_id, retry=1)
        await simulator.send(provider, ACCOUNTS[provider], kind, envelope=again)
        other = await simulator.send(provider, ACCOUNTS[provider], kind)
        got = simulator.received(provider)

        ids = [{**one.json(), **one.headers}[where] for one in got]
        assert ids == [first.delivery_id, first.delivery_id, other.delivery_id]
        assert first.delivery_id != other.delivery_id

    async def test_slack_and_notion_tell_that_it_is_a_repetition(
        self, simulator: Simulator
    ) -> None:
        again = Envelope(retry=2, retry_reason="http_error")
        slack = simulator.signed("slack", ACCOUNTS["slack"], "message", envelope=again)
        await simulator.send("notion", ACCOUNTS["notion"], "page.created", envelope=again)
        (notion,) = simulator.received("notion")

        assert slack.headers["X-Slack-Retry-Num"] == "2"
        assert slack.headers["X-Slack-Retry-Reason"] == "http_error"
        assert notion.json()["attempt_number"] == 3

    async def test_the_very_same_bytes_can_be_posted_again(self, simulator: Simulator) -> None:
        sent = await simulator.send("github", ACCOUNTS["github"], "push")
        await simulator.post(sent.request)
        first, second = simulator.received("github")

        assert first.body == second.body


class TestStayingHere:
    @pytest.mark.parametrize("url", ["https://hooks.example/x", "http://192.0.2.1/", ""])
    async def test_nothing_is_posted_elsewhere(self, simulator: Simulator, url: str) -> None:
        simulator.world.app_of("slack").webhook_url = url
        with pytest.raises(ValueError, match="this machine"):
            await simulator.send("slack", ACCOUNTS["slack"], "message")

    def test_no_app_can_be_registered_with_a_url_elsewhere(self) -> None:
        with pytest.raises(ValueError, match="webhook_url"):
            Simulator().register_app("slack", "c", "s", [], "s", "https://hooks.example/x")

    async def test_without_an_app_there_is_nobody_to_sign_for(self) -> None:
        with pytest.raises(KeyError, match="register_app"):
            Simulator().signed("slack", "T1", "message")


def account_in(provider: str, body: Any) -> str:
    """The account a payload names, where the vendor's documentation has it."""
    match provider:
        case "slack" | "acme":
            return str(body["team_id"])
        case "github":
            return str(body["installation"]["id"])
        case "linear":
            return str(body["organizationId"])
        case _:
            return str(body["workspace_id"])
