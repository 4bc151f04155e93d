"""The integration in `lab.cjs` as a running server, the provider that it speaks to, and hands to drive both."""

from __future__ import annotations

import asyncio
import base64
import hashlib
import hmac
import json
import os
import subprocess
import uuid
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

from aiohttp import ClientConnectionError, web

from tests.compat.botpress.installing import LINK
from tests.compat.packages import packages
from tests.journeys.system import System, free_port, until
from tests.journeys.visitor import Page, Visitor
from tests.local import listen
from tests.needs import path_of

Json = dict[str, Any]
SECRET = "lab-client-secret"
HERE = Path(__file__).parent
EXTRACT = "body = parse_json!(.body)\nto_string!(body.team)\n"


def a_code(team: str) -> str:
    """A code that nobody has used, for whoever agrees as *team*."""
    return f"{team}~{uuid.uuid4().hex}"


class Provider:
    """Gives tokens for codes, checks PKCE, and notes what it is told. A code is `TEAM~SALT`, then `.CHALLENGE`."""

    def __init__(self) -> None:
        self.tokens: list[dict[str, str]] = []
        self.said: list[Json] = []
        self.unregistered = 0

    async def start(self) -> None:
        app = web.Application()
        app.router.add_post("/token", self._token)
        app.router.add_post("/said", self._said)
        app.router.add_post("/unregistered", self._unregistered)
        self.url, self._runner = await listen(app)

    async def stop(self) -> None:
        await self._runner.cleanup()

    async def _token(self, request: web.Request) -> web.Response:
        fields = {name: str(value) for name, value in (await request.post()).items()}
        self.tokens.append(fields)
        code, _, challenge = fields["code"].partition(".")
        team = code.partition("~")[0]
        digest = hashlib.sha256(fields.get("code_verifier", "").encode()).digest()
        own = base64.urlsafe_b64encode(digest).rstrip(b"=").decode()
        if fields["code"] in [one["code"] for one in self.tokens[:-1]]:
            return web.json_response({"error": "invalid_grant"}, status=400)
        if challenge and challenge != own:
            return web.json_response({"error": "invalid_grant"}, status=400)
        return web.json_response({"access_token": f"at-{team}", "team": team})

    async def _said(self, request: web.Request) -> web.Response:
        self.said.append(json.loads(await request.text()))
        return web.Response()

    async def _unregistered(self, _: web.Request) -> web.Response:
        self.unregistered += 1
        return web.Response()


class Lab:
    """The integration in one generation of the SDK."""

    def __init__(self, system: System, generation: str, provider: Provider) -> None:
        self.system, self.generation, self.provider = system, generation, provider
        self.port = free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        self.name = f"lab-{uuid.uuid4().hex[:10]}"

    async def start(self, folder: Path) -> None:
        """Publish the definition, get a token, start the server with it."""
        made = await self.system.call("POST", "integrations", self.definition)
        body = {"integrationId": made["integration"]["id"]}
        token = await self.system.call("POST", "integrations/iaks", body)
        modules = await asyncio.to_thread(packages, self.generation)
        environ = {
            "PATH": os.environ["PATH"], "PORT": str(self.port), "BP_API_URL": self.system.api,
            "BP_TOKEN": token["value"], "BP_WEBHOOK_URL": self.system.origin,
            "LAB_PROVIDER": self.provider.url, "SECRET_CLIENT_SECRET": SECRET,
        }  # fmt: skip
        self.log = folder / f"{self.name}.log"
        with self.log.open("wb") as log:
            self.process = subprocess.Popen(
                [path_of("node"), str(HERE / "lab.cjs"), str(modules)],
                env=environ, stdout=log, stderr=subprocess.STDOUT, start_new_session=True,
            )  # fmt: skip
        await until(self._answers, 20, lambda: self.log.read_text()[-2000:])

    async def stop(self) -> None:
        self.process.terminate()
        await asyncio.to_thread(self.process.wait, 10)

    @property
    def definition(self) -> Json:
        direct = '"https://provider.example/authorize?state={{ webhookId }}"\n'
        wizard = '"{{ webhookUrl }}/oauth/wizard/start?state={{ webhookId }}"\n'
        return {
            "name": self.name, "version": "1.0.0", "url": self.url,
            "identifier": {"extractScript": EXTRACT},
            "configuration": {"identifier": {"linkTemplateScript": LINK + direct}},
            "configurations": {
                "wizard": {
                    "schema": {"type": "object", "properties": {"botName": {"type": "string"}}},
                    "identifier": {"linkTemplateScript": LINK + wizard},
                }
            },
            "states": {
                name: {"type": "integration", "schema": {"type": "object"}}
                for name in ("tokens", "wizard", "seen")
            },
            "channels": {"dm": {"messages": {"text": {"schema": {}}}}},
            "actions": {"read": {"input": {"schema": {}}, "output": {"schema": {}}}},
            "user": {"tags": {"id": {}}},
            "secrets": {"CLIENT_SECRET": {}},
        }  # fmt: skip

    async def _answers(self) -> bool:
        assert self.process.poll() is None, self.log.read_text()[-2000:]
        try:
            async with self.system.http.get(f"{self.url}/health") as answer:
                return answer.status == 200
        except ClientConnectionError:
            return False

    async def installed(self, **body: Any) -> Json:
        """An installation that was registered."""
        made = await self.system.install(self.name, await self.system.bot(), **body)

        async def registered() -> bool:
            return (await self.system.installation(made["webhookId"]))["status"] == "registered"

        await until(registered, 10, lambda: self.log.read_text()[-2000:])
        return made

    async def connected(self, team: str, more: str = "") -> Json:
        """An installation that somebody connected the direct way."""
        home = await self.installed()
        async with Visitor() as visitor:
            await visitor.press((await self.system.link(home["webhookId"]))["url"])
            back = f"{self.system.origin}/oauth?state={home['webhookId']}"
            page = await visitor.open(f"{back}&code={a_code(team)}{more}")
        assert "is connected" in page.headline, page.text
        return await self.system.installation(home["webhookId"])

    async def through_the_wizard(self, webhook_id: str, team: str) -> Page:
        """A person fills the pages in and agrees at the provider; returns the last page."""
        origin = self.system.origin
        async with Visitor() as visitor:
            pressed = await visitor.press((await self.system.link(webhook_id))["url"])
            assert "wizchoice" in (await visitor.open(pressed.location)).text
            form = f"{origin}/oauth/wizard/region?state={webhook_id}&wizchoice=eu&wizchoice=us"
            assert "wizform.shop" in (await visitor.open(form)).text
            posted = await visitor.ask(
                "POST", f"{origin}/oauth/wizard/shop?state={webhook_id}",
                data={"wizform.shop": "Zoë & Co"},
            )  # fmt: skip
            asked = parse_qs(urlsplit(posted.location).query)
            code = f"{a_code(team)}.{asked['code_challenge'][0]}"
            back = f"{asked['redirect_uri'][0]}?code={code}&state={asked['state'][0]}"
            return await visitor.open(back)

    async def read(self, home: Json, name: str) -> Json:
        """A state as the integration itself reads it, or the error that its client makes of the answer."""
        return await self.operation(
            home, "action_triggered", {"type": "read", "input": {"name": name}}
        )

    async def operation(self, home: Json, operation: str, payload: Json) -> Json:
        """Ask the server directly, as Waypost does."""
        from shared.envelope import body_of, headers_for
        from shared.storage.installations import Installations

        found = await Installations(self.system.store).by_webhook_id(home["webhookId"])
        assert found is not None
        headers = dict(headers_for(found, {}, operation))
        async with self.system.http.post(
            self.url, data=body_of(payload), headers=headers
        ) as answer:
            assert answer.status == 200, await answer.text()
            said: Json = json.loads(await answer.text())
            output: Json = said.get("output", said)
            return output

    async def send(self, team: str, *, secret: str = SECRET, **said: Any) -> Page:
        """The provider sends a signed webhook."""
        body = json.dumps({"team": team, **said}, ensure_ascii=False).encode()
        signature = hmac.new(secret.encode(), body, "sha256").hexdigest()
        async with Visitor() as provider:
            return await provider.ask(
                "POST", f"{self.system.origin}/integration/global/{self.name}",
                data=body, headers={"x-lab-signature": signature},
            )  # fmt: skip


@asynccontextmanager
async def a_lab(system: System, generation: str, folder: Path) -> AsyncIterator[Lab]:
    """The integration, running against *system*."""
    provider = Provider()
    await provider.start()
    lab = Lab(system, generation, provider)
    try:
        await lab.start(folder)
        yield lab
    finally:
        await lab.stop()
        await provider.stop()
