"""A live api on a loopback port over a real store, and what a staff call looks like from outside."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import msgspec
from aiohttp import ClientSession

from services.api import examples
from services.api.app import api_app
from services.api.chat import examples as talk
from services.api.ports import ApiPorts, ApiSettings, ports_over
from services.listener import serve
from services.web import Edge
from shared.clock import SystemChance, SystemClock
from shared.integrations.scripts import Scripts
from shared.model.chat import ChatEvent, Conversation, Message, User, terms_of
from shared.model.installations import Installation
from shared.model.jobs import Accept, Record
from shared.model.requests import RawRequest
from shared.secret import KeyRing
from shared.storage.connection import Store
from shared.storage.ledger import Ending
from shared.storage.objects import Shelf
from shared.telemetry import get_logger

TOKEN = "admin-token-of-the-tests"
PUBLIC = "https://hooks.example"
HOOK = examples.WEBHOOK_ID
BOT = f"/v1/admin/bots/{examples.BOT_ID}"
REQUEST = f"/v1/admin/requests/{examples.REQUEST_ID}"
MANUAL = {
    "integration": "acme",
    "configurationType": "manual",
    "configuration": {"region": "eu", "accessToken": "canary"},
}


class Said:
    """An answer: its status, its JSON, its headers."""

    def __init__(self, status: int, body: Any, headers: Any) -> None:
        self.status, self.body, self.headers = status, body, headers

    @property
    def message(self) -> str:
        return str(self.body["message"])

    @property
    def type(self) -> str:
        return str(self.body["type"])


class Api:
    """A caller of a running api."""

    def __init__(self, session: ClientSession, ports: ApiPorts, origin: str) -> None:
        self.session, self.ports, self.origin = session, ports, origin

    async def call(self, method: str, path: str, body: Any = None, **more: Any) -> Said:
        """One staff call; *body* is sent as JSON, bytes as they are."""
        headers = {"Authorization": f"Bearer {TOKEN}", **more.pop("headers", {})}
        raw = msgspec.json.encode(body) if isinstance(body, dict) else body
        url = self.origin + path
        async with self.session.request(
            method, url, data=raw, headers=headers, **more
        ) as answer:
            text = await answer.read()
            return Said(
                answer.status, msgspec.json.decode(text) if text else None, answer.headers
            )

    async def get(self, path: str, **more: Any) -> Said:
        return await self.call("GET", path, **more)

    async def post(self, path: str, body: Any = None, **more: Any) -> Said:
        return await self.call("POST", path, body, **more)

    async def put(self, path: str, body: Any = None, **more: Any) -> Said:
        return await self.call("PUT", path, body, **more)


@asynccontextmanager
async def running_api(store: Store, scripts: Scripts, **more: Any) -> AsyncIterator[Api]:
    """Serve an api over *store* for one block."""
    settings = ApiSettings(
        public_url=PUBLIC, api_url="http://127.0.0.1", admin_token=TOKEN,
        return_to=("https://app.example",), allow_loopback=True, **more,
    )  # fmt: skip
    edge = Edge(name="api", clock=SystemClock(), chance=SystemChance(), log=get_logger())
    ports = ports_over(store, settings, edge, KeyRing.generate(), scripts)
    ports.inbox.start()
    runner = await serve(api_app(ports), edge, "127.0.0.1", 0)
    try:
        async with ClientSession() as session:
            yield Api(session, ports, f"http://127.0.0.1:{runner.port}")
    finally:
        await runner.cleanup()
        await ports.inbox.close()


async def with_acme(api: Api) -> None:
    """The bot and the integration of the examples."""
    bot = await api.put(f"/v1/admin/bots/{examples.BOT_ID}", {})
    integration = await api.post("/v1/admin/integrations", examples.DEFINITION)
    assert 200 == bot.status == integration.status, integration.body


async def with_installation(api: Api, **parts: Any) -> Installation:
    """The installation of the examples, connectable with one click."""
    now = api.ports.clock.now()
    facts: dict[str, Any] = {
        "webhook_id": HOOK, "bot_id": examples.BOT_ID, "alias": "clickable", "integration": "acme",
        "integration_id": examples.INTEGRATION_ID, "connection": "pending", "status": "registered",
        "created_at": now, "updated_at": now,
    }  # fmt: skip
    installation = Installation(**(facts | parts))
    await api.ports.installations.create(installation)
    return installation


async def as_integration(
    api: Api,
    alias: str,
    bot: str = examples.BOT_ID,
    integration_id: str = examples.INTEGRATION_ID,
) -> dict[str, str]:
    """The headers by which an integration's own server calls for one of its installations."""
    _, token = await api.ports.tokens.issue(integration_id)
    return {
        "Authorization": f"Bearer {token}", "x-bot-id": bot, "x-integration-id": integration_id,
        "x-integration-alias": alias,
    }  # fmt: skip


async def with_talk(api: Api) -> None:
    """The user, conversation, message and event of the examples."""
    documents = {
        "user": talk.USER, "conversation": talk.CONVERSATION, "message": talk.MESSAGE, "event": talk.EVENT,
    }  # fmt: skip
    kinds = {"user": User, "conversation": Conversation, "message": Message, "event": ChatEvent}
    for kind, document in documents.items():
        one = msgspec.convert(document, kinds[kind])
        shelf = Shelf(HOOK, kind)
        await api.ports.objects.put(shelf, one.id, msgspec.json.encode(one), terms_of(one))


def a_request(id: str = examples.REQUEST_ID, **parts: Any) -> RawRequest:
    """A webhook as it arrived."""
    facts: dict[str, Any] = {
        "door": "global", "name": "acme", "method": "POST", "path": "/", "query": "key=canary",
        "headers": (("content-type", "application/json"), ("acme-signature", "canary"), ("cookie", "canary")),
        "body": b'{"organization_id":"org_42"}', "received_at": 1_790_000_000.0,
    }  # fmt: skip
    return RawRequest(id=id, **(facts | parts))


async def with_request(api: Api, id: str = examples.REQUEST_ID, **parts: Any) -> Record:
    """An accepted request, waiting for a worker."""
    raw = a_request(id, **parts)
    accept = Accept(
        id=id, job="webhook", body=msgspec.msgpack.encode(raw), integration="acme", lane="acme"
    )
    await api.ports.ledger.accept([accept])
    record = await api.ports.ledger.show(id)
    assert record is not None
    return record


async def with_dead(
    api: Api, id: str = examples.REQUEST_ID, reason: str = "the bot answered 410"
) -> None:
    """A request that was given up."""
    await with_request(api, id)
    await ended(api, "dead", reason)


async def ended(api: Api, end: str, reason: str = "") -> None:
    """A worker takes all that is ready and ends it the same way."""
    claims, _ = await api.ports.ledger.claim("tester", 100)
    endings = [
        Ending(id=one.record.id, epoch=one.record.epoch, end=end, reason=reason)
        for one in claims
    ]
    assert all(await api.ports.ledger.settle(endings))
