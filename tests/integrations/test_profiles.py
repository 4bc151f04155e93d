"""
Each integration against its simulated provider, over real HTTP.

The profiles were generated from the conformance fixtures, so they are no second reading of the provider's pages: this
shows that definition, client, signatures and routing work together, not that the fixture has the provider right.
`waypost demo --only NAME` plays the same with all of Waypost in between.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from urllib.parse import urlsplit

import pytest
import pytest_asyncio
from aiohttp import ClientSession

from services.cli.demo.plan import Wish, plan_for, secrets_for, subscription_of, typed_by
from services.simulator import Envelope, Signed, Simulator
from services.simulator.defaults import furnish, signing_secret
from services.simulator.profile import PROFILES
from shared.errors import SetupFailed
from shared.integrations import configurations
from shared.integrations.registry import redirected
from shared.oauth import callback_values, captured, tokens_of
from shared.oauth.lifetimes import renewable
from shared.steps.effects import perform
from shared.steps.identify import Who, identified
from shared.vrl.pool import VrlPool
from tests.integrations.conformance import FOLDERS, definition_of, received
from tests.integrations.conformance_steps import found_in, passes
from tests.integrations.signing import Request
from tests.integrations.test_round_trips import CALLBACK, Connecting

BY_CLICK = [name for name, profile in PROFILES.items() if profile.oauth]
one_loop = pytest.mark.asyncio(loop_scope="module")


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def simulator() -> AsyncIterator[Simulator]:
    async with Simulator() as running:
        furnish(running, running.url)
        running.world.apps.clear()
        for name in PROFILES:
            url = f"{running.url}/integration/global/{name}"
            running.register_app(
                name, "client", "secret", [CALLBACK], signing_secret(name), url
            )
        yield running


def test_every_folder_has_a_simulated_provider() -> None:
    assert {*FOLDERS} == {*PROFILES, "slack", "github", "linear", "notion"}


def test_the_demo_names_the_nearest_integration_that_it_can_play() -> None:
    assert ("hubspot",) == plan_for(["hubspot", "hubspot"]).integrations
    with pytest.raises(SetupFailed, match="hubspt"):
        plan_for(["hubspt"])


def wish_of(name: str, n: int = 0) -> Wish:
    return Wish(name, "support", PROFILES[name].accounts[n], "Acme")


class Clicking(Connecting):
    """One way through OAuth at a simulated provider, with what the user typed."""

    def __init__(self, name: str, simulator: Simulator, http: ClientSession) -> None:
        super().__init__(redirected(definition_of(name), simulator.url), None, http)
        simulator.world.app_of(name).auto = PROFILES[name].accounts[0]
        public = configurations.public_secrets(definition_of(name))
        shown = {one: text for one, text in secrets_for(name).items() if one in public}
        self.typed = typed_by(wish_of(name))[1]
        self.values = {**shown, **self.typed}


class TestConnecting:
    @pytest.mark.parametrize("name", BY_CLICK)
    @one_loop
    async def test_the_account_is_told_its_tokens_last_and_end(
        self, name: str, simulator: Simulator
    ) -> None:
        """Link, consent, exchange, identity, refresh, revocation, with the definition's facts alone."""
        async with ClientSession() as http:
            click = Clicking(name, simulator, http)
            query = await click._consent()
            click.values |= callback_values(click.provider, query)
            answer = await click._send(click._exchange(query))
            tokens = tokens_of(click.provider, answer, now=simulator.world.clock.now())
            who = Who(
                provider=click.provider,
                client_id=click.client.id,
                callback=captured(click.provider, query),
                inputs=click.values,
                given=click.typed,
            )
            account, _ = await perform(identified(who, tokens), click._effect)

            assert PROFILES[name].accounts[0] == account.id
            assert () == account.missing_scopes
            if renewable(click.provider, tokens) and click.provider.refresh.uses == "refresh":
                tokens = await click.refreshed(tokens)
            if click.provider.revoke is not None and tokens.refresh is not None:
                assert await click.revoked(tokens) < 300


def request_of(sent: Signed, name: str, simulator: Simulator) -> Request:
    """*sent* as somebody would have sent it to the public origin."""
    parts = urlsplit(sent.url)
    query = f"?{parts.query}" if parts.query else ""
    secrets = secrets_for(name)
    app, typed = simulator.world.app_of(name), typed_by(wish_of(name))[0]
    return Request(
        method="POST",
        url=f"{parts.scheme}://{parts.netloc}{parts.path}{query}",
        headers={key.lower(): value for key, value in sent.headers.items()},
        body=sent.body,
        secret=secrets.get("PUBLIC_KEY") or typed.get("verificationKey") or app.signing_secret,
        keys=_published(name),
        values={**secrets, "CLIENT_ID": app.client_id},
    )


def _published(name: str) -> tuple[dict[str, str], ...]:
    from services.simulator.webhooks.published import jwk

    return (jwk(),) if PROFILES[name].webhook.sign.kind == "jwks" else ()


class TestWebhooks:
    @pytest.mark.parametrize("name", PROFILES)
    @one_loop
    async def test_what_it_signs_is_accepted_and_leads_to_the_account(
        self, name: str, simulator: Simulator, engine: VrlPool
    ) -> None:
        """To its identifier, or to the subscription that it was made for."""
        definition, wish = definition_of(name), wish_of(name)
        sent = simulator.signed(name, wish.account, "event")
        request = request_of(sent, name, simulator)
        raw = received(request, name)
        found = await found_in(definition, raw, engine)
        scripts = definition.identifier

        assert passes(definition, raw, request, simulator.world.clock.now())
        if scripts is None or PROFILES[name].webhook.own:
            return
        wanted = subscription_of(wish) if scripts.finds == "subscription" else wish.account
        assert [wanted] == [who for who, _ in found]

    @pytest.mark.parametrize("name", PROFILES)
    @one_loop
    async def test_what_is_forged_is_refused(self, name: str, simulator: Simulator) -> None:
        """Signed, or told, with another secret."""
        envelope = Envelope(tamper="signature")
        sent = simulator.signed(name, wish_of(name).account, "event", envelope=envelope)
        request = request_of(sent, name, simulator)
        now = simulator.world.clock.now()

        assert not passes(definition_of(name), received(request, name), request, now)
