"""
Each definition against the simulated provider: link, code, tokens, account, and a webhook that leads back to it.

The simulator shares no code with what is tested here.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import pytest
from aiohttp import ClientSession

from services.simulator import Envelope, Signed, Simulator
from shared.errors import FlowRefused, SignatureMismatch
from shared.handshakes import matching, reply_to
from shared.integrations import configurations
from shared.integrations.definition import Definition
from shared.integrations.registry import built_in, redirected
from shared.model.calls import HttpAnswer, HttpCall
from shared.model.installations import Account
from shared.model.requests import RawRequest
from shared.oauth import (
    Client,
    OAuthProvider,
    Tokens,
    authorize_url,
    captured,
    challenge_of,
    refresh_call,
    revoke_call,
    token_call,
    tokens_of,
)
from shared.routing import script_event, slices
from shared.secret import Secret
from shared.signatures import verify
from shared.steps.effects import Call, Effect, perform
from shared.steps.identify import Who, identified
from shared.vrl.pool import VrlPool

ALL = {
    one.name: one for one in built_in() if one.name in {"slack", "github", "linear", "notion"}
}
CALLBACK = "https://waypost.example/oauth"
SIGNING = "signing-secret-of-the-app"
VERIFIER = "v" * 43
SLUG = "waypost-app"
ACCOUNTS = {
    "slack": "T0ACME0001",
    "github": "51000001",
    "linear": "0a1c5f0e-9a52-4a55-8f0e-3f9d1c000001",
    "notion": "13950b26-c203-4f3b-b97d-93ec06000001",
}
KINDS = {"slack": "message", "github": "issues", "linear": "Issue", "notion": "page.created"}


@pytest.fixture
async def simulator() -> AsyncIterator[Simulator]:
    """The providers, with one app and one customer each."""
    async with Simulator() as running:
        for name, account in ACCOUNTS.items():
            user = {"id": "7001", "name": "Ada"}
            slug = SLUG if name == "github" else ""
            running.register_app(
                name, "client", "secret", [CALLBACK], SIGNING, running.bot_url(name), slug=slug
            ).auto = account
            running.add_account(name, account, "Acme", [user])
        yield running


class Connecting:
    """One way through OAuth as the worker takes it, step by step."""

    def __init__(self, definition: Definition, kind: str | None, http: ClientSession) -> None:
        provider = configurations.provider_of(definition, kind)
        assert provider is not None
        self.provider: OAuthProvider = provider
        self.http = http
        self.client = Client(id="client", secret=Secret(b"secret"))
        self.values = {"APP_SLUG": SLUG, "appSlug": SLUG}

    async def to_account(self) -> tuple[Account, Tokens]:
        """Link, consent, exchange, identity."""
        query = await self._consent()
        assert "s1" == query["state"]
        tokens = tokens_of(self.provider, await self._send(self._exchange(query)), now=1.0)
        return await self.identified(tokens, captured(self.provider, query)), tokens

    async def identified(self, tokens: Tokens, kept: Mapping[str, str]) -> Account:
        """Who has connected, asked with the user's own token."""
        who = Who(provider=self.provider, callback=dict(kept), inputs=dict(self.values))
        account, _ = await perform(identified(who, tokens), self._effect)
        return account

    async def _effect(self, effect: Effect) -> Any:
        return await self._send(effect.call) if isinstance(effect, Call) else 1.0

    async def refreshed(self, tokens: Tokens) -> Tokens:
        """New tokens for the old refresh token."""
        assert tokens.refresh is not None
        call = refresh_call(self.provider, self.client, tokens.refresh, self.values)
        return tokens_of(self.provider, await self._send(call), now=1.0)

    async def revoked(self, tokens: Tokens) -> int:
        """The status of the revocation."""
        call = revoke_call(self.provider, self.client, tokens, self.values)
        assert call is not None
        return (await self._send(call)).status

    def _exchange(self, query: Mapping[str, str]) -> HttpCall:
        return token_call(
            self.provider,
            self.client,
            code=query["code"],
            redirect_uri=CALLBACK,
            verifier=VERIFIER,
            inputs=self.values,
        )

    async def _consent(self) -> dict[str, str]:
        url = authorize_url(
            self.provider,
            client_id="client",
            redirect_uri=CALLBACK,
            oauth_state="s1",
            challenge=challenge_of(VERIFIER),
            inputs=self.values,
        )
        async with self.http.get(url, allow_redirects=False) as answer:
            assert answer.status == 302, await answer.text()
            return dict(parse_qsl(urlsplit(answer.headers["Location"]).query))

    async def _send(self, call: HttpCall) -> HttpAnswer:
        async with self.http.request(
            call.method, call.url, headers=dict(call.headers), data=call.body
        ) as answer:
            headers = tuple((name.lower(), value) for name, value in answer.headers.items())
            return HttpAnswer(status=answer.status, headers=headers, body=await answer.read())


def received(sent: Signed, name: str) -> RawRequest:
    """What the ingress would store of a webhook."""
    return RawRequest(
        id="req_1",
        door="global",
        name=name,
        method="POST",
        path="/",
        headers=tuple((key.lower(), value) for key, value in sent.headers.items()),
        body=sent.body,
        received_at=1.0,
    )


class TestConnecting:
    """One click, with the facts of the definition alone."""

    @pytest.mark.parametrize("name", ALL)
    @pytest.mark.parametrize("kind", [None, "ownApp"])
    async def test_the_account_is_the_workspace(
        self, name: str, kind: str | None, simulator: Simulator, http: ClientSession
    ) -> None:
        """Its id is the identifier that webhooks carry."""
        moved = redirected(ALL[name], simulator.url)
        account, _ = await Connecting(moved, kind, http).to_account()

        assert ACCOUNTS[name] == account.id
        assert () == account.missing_scopes

    async def test_a_github_installation_is_in_the_user_s_own_list(
        self, simulator: Simulator, http: ClientSession
    ) -> None:
        """The number from the callback is found there; a forged one is not."""
        connecting = Connecting(redirected(ALL["github"], simulator.url), None, http)
        account, tokens = await connecting.to_account()

        assert "acme" == account.name
        with pytest.raises(FlowRefused, match="wrong_account"):
            await connecting.identified(tokens, {"installation_id": "4711"})

    async def test_a_plain_oauth_app_knows_the_user(
        self, simulator: Simulator, http: ClientSession
    ) -> None:
        """By GET /user, and with PKCE."""
        simulator.register_app("github", "client", "secret", [CALLBACK]).auto = ACCOUNTS[
            "github"
        ]
        moved = redirected(ALL["github"], simulator.url)
        account, _ = await Connecting(moved, "oauthApp", http).to_account()

        assert ("7001", "ada") == (account.id, account.name)

    async def test_an_org_wide_slack_app_is_its_enterprise(
        self, simulator: Simulator, http: ClientSession, vrl: VrlPool
    ) -> None:
        """And its events lead there, whatever workspace they come from."""
        grid = {"id": "E0GRID0001", "name": "Grid"}
        simulator.add_account("slack", "T0GRID0001", "Grid", ["U1"], enterprise=grid, org=True)
        simulator.world.apps["slack", "client"].auto = "T0GRID0001"
        moved = redirected(ALL["slack"], simulator.url)
        account, _ = await Connecting(moved, None, http).to_account()
        event = received(simulator.signed("slack", "T0GRID0001", "message"), "slack")

        assert "E0GRID0001" == account.id
        assert ["E0GRID0001"] == await owners_in(event, vrl)

    @pytest.mark.parametrize("name", ["linear", "notion", "slack", "github"])
    async def test_tokens_are_refreshed_and_revoked(
        self, name: str, simulator: Simulator, http: ClientSession
    ) -> None:
        """Where the app rotates them; the old refresh token is spent."""
        simulator.world.apps[name, "client"].rotation = True
        connecting = Connecting(redirected(ALL[name], simulator.url), None, http)
        _, tokens = await connecting.to_account()
        fresh = await connecting.refreshed(tokens)

        assert fresh.access.reveal() != tokens.access.reveal()
        assert await connecting.revoked(fresh) < 300


async def owners_in(raw: RawRequest, vrl: VrlPool) -> list[str]:
    """The identifiers that the definition's script finds."""
    scripts = ALL[raw.name].identifier
    assert scripts is not None
    assert scripts.extract_script is not None
    value = await vrl.run(raw.name, scripts.extract_script, script_event(raw, {}))
    return [part.identifier for part in slices(value)]


class TestWebhooks:
    """What the provider signs is accepted, and leads to the account."""

    @pytest.mark.parametrize("name", ALL)
    async def test_a_signed_webhook_finds_its_account(
        self, name: str, simulator: Simulator, vrl: VrlPool
    ) -> None:
        """Verify, then extract, as the worker does."""
        sent = simulator.signed(name, ACCOUNTS[name], KINDS[name])
        raw = received(sent, name)
        (rule,) = configurations.verify_of(ALL[name], None)
        verify(rule, [Secret(SIGNING.encode())], raw, now=simulator.world.clock.now())

        assert [ACCOUNTS[name]] == await owners_in(raw, vrl)

    @pytest.mark.parametrize("name", ALL)
    @pytest.mark.parametrize("kind", [None, "manual", "ownApp"])
    async def test_one_signed_with_another_secret_is_refused(
        self, name: str, kind: str | None, simulator: Simulator
    ) -> None:
        """For every configuration type."""
        sent = simulator.signed(
            name, ACCOUNTS[name], KINDS[name], envelope=Envelope(secret="another")
        )
        rule = configurations.verify_of(ALL[name], kind)

        with pytest.raises(SignatureMismatch):
            verify(
                rule[0],
                [Secret(SIGNING.encode())],
                received(sent, name),
                now=simulator.world.clock.now(),
            )

    @pytest.mark.parametrize("kind", ["interactive", "command"])
    async def test_slack_s_forms_find_their_workspace(
        self, kind: str, simulator: Simulator, vrl: VrlPool
    ) -> None:
        """Whatever a person typed."""
        text = 'a {"b":1} 100%22 & payload=x team_id=T0EVIL +'
        sent = simulator.signed("slack", ACCOUNTS["slack"], kind, text=text, value=text)

        assert [ACCOUNTS["slack"]] == await owners_in(received(sent, "slack"), vrl)


class TestHandshakes:
    """What must be answered at once."""

    async def test_slack_gets_its_challenge_back(self, simulator: Simulator) -> None:
        """As text, before anything is verified."""
        sent = simulator.signed("slack", ACCOUNTS["slack"], "url_verification", challenge="c1")
        raw = received(sent, "slack")
        found = matching(ALL["slack"].handshakes, raw)

        assert found is not None
        reply = reply_to(found, raw, None)
        assert reply is not None
        assert (200, b"c1") == (reply.status, reply.body)

    async def test_notion_s_token_is_accepted_and_the_operator_is_told(
        self, simulator: Simulator
    ) -> None:
        """The note says what came and does not hold it."""
        raw = received(
            simulator.signed("notion", ACCOUNTS["notion"], "verification_token"), "notion"
        )
        found = matching(ALL["notion"].handshakes, raw)

        assert found is not None
        assert "verification token" in found.note
        assert "secret_" not in found.note
        reply = reply_to(found, raw, None)
        assert reply is not None
        assert 200 == reply.status

    @pytest.mark.parametrize("name", ["slack", "notion"])
    async def test_an_ordinary_event_is_none(self, name: str, simulator: Simulator) -> None:
        """It goes on to be verified."""
        raw = received(simulator.signed(name, ACCOUNTS[name], KINDS[name]), name)

        assert matching(ALL[name].handshakes, raw) is None
