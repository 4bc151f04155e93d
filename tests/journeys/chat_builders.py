"""Integrations that call the runtime API of a running api, each for one installation."""

from __future__ import annotations

import uuid
from typing import Any

from services.api import examples
from shared.model.installations import Installation
from shared.storage.definitions import integration_id_of
from tests.journeys.api_builders import Api, Said, as_integration, with_installation

ACME = examples.INTEGRATION_ID
USERS, CONVERSATIONS = "/v1/chat/users", "/v1/chat/conversations"
MESSAGES, EVENTS = "/v1/chat/messages", "/v1/chat/events"
STATE = f"/v1/chat/states/integration/{ACME}"


class NoScripts:
    """The definitions of these tests compile."""

    async def compile(self, name: str, source: str) -> None:
        pass


class Caller:
    """An integration's own server, calling for one installation."""

    def __init__(self, api: Api, installation: Installation, headers: dict[str, str]) -> None:
        self.api, self.installation, self.headers = api, installation, headers
        self.home, self.bot = installation.webhook_id, installation.bot_id

    async def call(self, method: str, path: str, body: Any = None, **more: Any) -> Said:
        headers = self.headers | more.pop("headers", {})
        return await self.api.call(method, path, body, headers=headers, **more)

    async def get(self, path: str, **query: Any) -> Said:
        return await self.call("GET", path, params=query)

    async def post(self, path: str, body: Any = None) -> Said:
        return await self.call("POST", path, body)

    async def put(self, path: str, body: Any = None) -> Said:
        return await self.call("PUT", path, body)

    async def patch(self, path: str, body: Any = None) -> Said:
        return await self.call("PATCH", path, body)

    async def delete(self, path: str) -> Said:
        return await self.call("DELETE", path, {})

    async def made(self, noun: str, **body: Any) -> Any:
        """A new user, conversation or message."""
        said = await self.post(f"/v1/chat/{noun}s", {"tags": {}} | body)
        assert 201 == said.status, said.body
        return said.body[noun]

    async def talk(self) -> tuple[str, str]:
        """Ids of a new user and a new conversation."""
        user = await self.made("user")
        conversation = await self.made("conversation", channel="dm")
        return user["id"], conversation["id"]

    async def events(self) -> list[Any]:
        """What its bot has received."""
        found, _ = await self.api.ports.events.read(self.bot)
        return list(found)


async def a_caller(
    api: Api, bot: str = examples.BOT_ID, alias: str = "one", integration: str = "acme", **parts: Any
) -> Caller:  # fmt: skip
    """A caller with an installation of its own; bot and integration are made where they are not there."""
    await api.put(f"/v1/admin/bots/{bot}", {})
    if integration != "acme" or await api.ports.definitions.current("acme") is None:
        definition = {**examples.DEFINITION, "name": integration}
        assert 200 == (await api.post("/v1/admin/integrations", definition)).status
    integration_id = integration_id_of(integration, "1.0.0")
    installation = await with_installation(
        api, webhook_id=str(uuid.uuid4()), bot_id=bot, alias=alias, integration=integration,
        integration_id=integration_id, **parts,
    )  # fmt: skip
    return Caller(api, installation, await as_integration(api, alias, bot, integration_id))


async def every_page(caller: Caller, path: str, noun: str, **query: object) -> list[str]:
    """The ids that all pages together hold."""
    ids: list[str] = []
    token = ""
    while True:
        said = await caller.get(path, **query, **({"nextToken": token} if token else {}))
        assert 200 == said.status, said.body
        ids += [one["id"] for one in said.body[noun]]
        token = said.body["meta"].get("nextToken", "")
        if not token:
            return ids
