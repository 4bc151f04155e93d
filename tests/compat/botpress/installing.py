"""Integrations with a server of their own: registered, installed, connected."""

from __future__ import annotations

import uuid
from typing import Any

from shared.model.flows import Flow
from shared.storage.flows import Flows
from tests.compat.botpress.recording import Json, Recorder
from tests.journeys.system import System, until
from tests.journeys.visitor import Page, Visitor

WIZARD = '"{{ webhookUrl }}/oauth/wizard/start?state={{ webhookId }}"\n'
# VRL takes no path in a template, so scripts copy first, as Botpress's own do.
LINK = "webhookUrl = to_string!(.webhookUrl)\nwebhookId = to_string!(.webhookId)\n"
DIRECT = (
    '"https://provider.example/authorize?client_id=c&state={{ webhookId }}'
    '&redirect_uri={{ webhookUrl }}/oauth"\n'
)
EXTRACT = {
    "extractScript": "body = parse_json!(.body)\nto_string!(body.team)\n",
    "fallbackHandlerScript": '{"status": 202, "body": "nobody"}\n',
}


async def an_integration(
    system: System, server: Recorder, link: str = WIZARD, **parts: Any
) -> str:
    """Register one under a name of its own; returns the name."""
    name = f"own-{uuid.uuid4().hex[:10]}"
    document: Json = {
        "name": name, "version": "1.0.0", "url": server.url,
        "configuration": {"schema": {}, "identifier": {"linkTemplateScript": LINK + link}},
    }  # fmt: skip
    await system.register(document | parts)
    return name


async def installed(system: System, name: str, **body: Any) -> Json:
    """Install it on a bot of its own."""
    return await system.install(name, await system.bot(), **body)


async def begun(system: System, visitor: Visitor, webhook_id: str, **link: Any) -> Page:
    """Open a new connect link and press its button: the redirect."""
    url = (await system.link(webhook_id, **link))["url"]
    return await visitor.press(url)


async def registered(server: Recorder, count: int = 1) -> None:
    """Wait until `register` was called that often."""

    async def done() -> bool:
        return len(server.named("register")) >= count

    await until(done, 10, lambda: f"{len(server.named('register'))} calls of register")


class Setting:
    """One installation with an open flow in *visitor*'s browser."""

    def __init__(self, system: System, server: Recorder, home: Json) -> None:
        self.system, self.server, self.home = system, server, home
        self.id: str = home["webhookId"]

    def at(self, path: str, query: str = "") -> str:
        more = f"&{query}" if query else ""
        return f"{self.system.origin}/oauth{path}?state={self.id}{more}"

    async def flow(self) -> Flow:
        found = await Flows(self.system.store).current_flow(self.id)
        assert found is not None
        return found

    async def now(self) -> Json:
        return await self.system.installation(self.id)


async def a_setting(
    system: System, server: Recorder, *, install: Json | None = None, **parts: Any
) -> Setting:
    name = await an_integration(system, server, **parts)
    return Setting(system, server, await installed(system, name, **(install or {})))


def interstitial(system: System, success: bool, message: str = "") -> str:
    more = f"&errorMessage={message}" if message else ""
    return f"{system.origin}/oauth/interstitial?success={str(success).lower()}{more}"
