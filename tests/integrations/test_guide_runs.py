"""The guide's code against the simulated Acme: link, consent, `/oauth`, webhook, event."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from pathlib import Path
from types import SimpleNamespace
from typing import Any
from urllib.parse import urlsplit

import pytest
from aiohttp import ClientSession

from services.simulator import Simulator
from shared.integrations.registry import from_folders, handlers_of
from shared.model.calls import HttpAnswer
from shared.model.requests import RawRequest
from shared.routing import script_event, slices
from shared.secret import Secret
from shared.signatures import verify
from shared.vrl.pool import VrlPool

EXAMPLE = Path(__file__).parents[2] / "examples" / "enable-oauth"
[ACME] = from_folders([EXAMPLE])
ORIGIN = "https://waypost.example"


class FakeClient:
    """Remembers what the integration says to the platform."""

    def __init__(self) -> None:
        self.states: dict[str, Mapping[str, Any]] = {}
        self.identifier: str | None = None
        self.events: list[tuple[str, dict[str, Any]]] = []

    async def set_state(self, name: str, payload: Mapping[str, Any]) -> None:
        """Keep it."""
        self.states[name] = payload

    async def configure_integration(self, *, identifier: str | None) -> None:
        """Keep it."""
        self.identifier = identifier

    async def create_event(self, *, type: str, payload: dict[str, Any]) -> None:
        """Keep it."""
        self.events.append((type, payload))


class FakeHttp:
    """The guarded client without its guard: the simulator is on loopback."""

    def __init__(self, session: ClientSession) -> None:
        self._session = session

    async def get(self, url: str, headers: Mapping[str, str] | None = None) -> HttpAnswer:
        """GET *url*."""
        async with self._session.get(url, headers=headers) as answer:
            return HttpAnswer(status=answer.status, body=await answer.read())

    async def post(self, url: str, *, form: Mapping[str, str]) -> HttpAnswer:
        """POST a form to *url*."""
        async with self._session.post(url, data=form) as answer:
            return HttpAnswer(status=answer.status, body=await answer.read())


class FakeContext:
    """The part of `ctx` that the guide uses."""

    def __init__(self, session: ClientSession, secrets: Mapping[str, str]) -> None:
        self.client = FakeClient()
        self.http = FakeHttp(session)
        self.secrets = SimpleNamespace(**secrets)
        self.webhook_origin = ORIGIN

    async def step(self, name: str, kind: str, do: Callable[[], Awaitable[Any]]) -> Any:
        """Do it."""
        return await do()


@pytest.fixture
async def simulator() -> AsyncIterator[Simulator]:
    """Acme, with the guide's application and one team."""
    async with Simulator() as running:
        app = running.register_app("acme", "id of us", "secret", [f"{ORIGIN}/oauth"], "signing")
        app.auto, app.webhook_url = "team-1", running.bot_url("acme")
        running.add_account("acme", "team-1", "Team One", [{"id": "u1", "name": "Ada"}])
        yield running


@pytest.fixture
def secrets(simulator: Simulator) -> dict[str, str]:
    """What step 4 of the guide sets."""
    return {
        "ACME_URL": f"{simulator.base('acme')}/acme.example",
        "CLIENT_ID": "id of us",
        "CLIENT_SECRET": "secret",
        "WEBHOOK_SECRET": "signing",
    }


async def link(vrl: VrlPool, secrets: Mapping[str, str]) -> str:
    """Step 3: where "Connect" leads."""
    assert ACME.configuration is not None
    assert ACME.configuration.identifier is not None
    shown = {name: value for name, value in secrets.items() if ACME.secrets[name].public}
    event = {"webhookUrl": ORIGIN, "oauthState": "s+1&x=", "webhookId": "w", "secrets": shown}
    script = ACME.configuration.identifier.link_template_script or ""
    return str(await vrl.run("link", script, event))


async def callback(http: ClientSession, url: str) -> str:
    """The query that the provider sends the browser back with."""
    async with http.get(url, allow_redirects=False) as answer:
        assert answer.status == 302, await answer.text()
        return urlsplit(answer.headers["Location"]).query


class TestGuide:
    """Each step of the page does what it says."""

    async def test_a_click_keeps_the_token_and_binds_the_team(
        self, simulator: Simulator, http: ClientSession, vrl: VrlPool, secrets: dict[str, str]
    ) -> None:
        """Link, consent, callback, exchange, identity."""
        query = await callback(http, await link(vrl, secrets))
        ctx = FakeContext(http, secrets)
        request = SimpleNamespace(path="/oauth", query=query, body=None)
        await handlers_of("acme", EXAMPLE).webhook(ctx, request)

        assert "team-1" == ctx.client.identifier
        assert "Team One" == ctx.client.states["credentials"]["team"]
        assert "state=s%2B1%26x%3D" in query
        assert 1 == len(simulator.calls("acme", "/oauth/token"))

    async def test_a_refused_code_connects_nothing(
        self, http: ClientSession, secrets: dict[str, str]
    ) -> None:
        """The handler raises, and nothing was written."""
        ctx = FakeContext(http, secrets)
        request = SimpleNamespace(path="/oauth", query="code=forged&state=s", body=None)

        with pytest.raises(RuntimeError, match="Acme answered 400"):
            await handlers_of("acme", EXAMPLE).webhook(ctx, request)

        assert ctx.client.identifier is None
        assert {} == ctx.client.states

    async def test_a_webhook_is_genuine_leads_to_the_team_and_becomes_an_event(
        self, simulator: Simulator, http: ClientSession, vrl: VrlPool, secrets: dict[str, str]
    ) -> None:
        """Verify, extract, handle."""
        sent = simulator.signed("acme", "team-1", "message", text="100%22")
        raw = RawRequest(
            id="req_1",
            door="global",
            name="acme",
            method="POST",
            path="/",
            headers=tuple((name.lower(), value) for name, value in sent.headers.items()),
            body=sent.body,
            received_at=1.0,
        )
        assert ACME.verify is not None
        assert ACME.identifier is not None
        verify(ACME.verify, [Secret(secrets["WEBHOOK_SECRET"].encode())], raw, now=1.0)
        found = await vrl.run(
            "extract", ACME.identifier.extract_script or "", script_event(raw, {})
        )
        ctx = FakeContext(http, secrets)
        request = SimpleNamespace(path="/", query="", body=raw.body.decode())
        await handlers_of("acme", EXAMPLE).webhook(ctx, request)

        assert ["team-1"] == [part.identifier for part in slices(found)]
        assert [("message", "100%22")] == [
            (kind, payload["text"]) for kind, payload in ctx.client.events
        ]
        assert ACME.delivery_id in dict(raw.headers)
