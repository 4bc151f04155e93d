"""The real `@botpress/client` in a process of its own, and a road to the api that can break."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, Self

from aiohttp import ClientSession, web

from tests.compat.botpress.recording import Recorder
from tests.compat.packages import packages
from tests.local import listen
from tests.needs import path_of

Json = dict[str, Any]
SCRIPT = Path(__file__).with_name("client.cjs")


class ClientError(Exception):
    """What the client threw."""

    def __init__(self, error: Json) -> None:
        super().__init__(error["message"])
        self.name, self.type, self.code = error["name"], error.get("type"), error.get("code")
        self.id, self.is_api_error = error.get("id"), error["isApiError"]


class Node:
    """One generation of the client; calls may overlap."""

    def __init__(self, process: asyncio.subprocess.Process) -> None:
        self._process = process
        self._waiting: dict[int, asyncio.Future[Json]] = {}
        self._listener = asyncio.create_task(self._listen())

    async def ask(self, **asked: Any) -> Any:
        nonce = len(self._waiting)
        self._waiting[nonce] = asyncio.get_running_loop().create_future()
        assert self._process.stdin is not None
        self._process.stdin.write(json.dumps({"nonce": nonce, **asked}).encode() + b"\n")
        said = await asyncio.wait_for(self._waiting[nonce], 30)
        if "error" in said:
            raise ClientError(said["error"])
        return said["returned"]

    async def stop(self) -> None:
        self._process.kill()
        await self._process.wait()
        await self._listener

    async def _listen(self) -> None:
        assert self._process.stdout is not None
        async for line in self._process.stdout:
            said = json.loads(line)
            self._waiting[said["nonce"]].set_result(said)


@asynccontextmanager
async def a_node(generation: str) -> AsyncIterator[Node]:
    """Start the client of `npm/GENERATION`."""
    folder = await asyncio.to_thread(packages, generation)
    process = await asyncio.create_subprocess_exec(
        path_of("node"), str(SCRIPT), str(folder),
        stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE, limit=1 << 24,
    )  # fmt: skip
    node = Node(process)
    try:
        yield node
    finally:
        await node.stop()


class Client:
    """A client for one installation: `await client.getState(...)` is the call of that name."""

    def __init__(self, node: Node, **props: Any) -> None:
        self._node, self.props = node, props

    def at(self, url: str, **headers: str) -> Client:
        """The same client over another road, with headers of its own."""
        return Client(self._node, **{**self.props, "apiUrl": url, "headers": headers})

    async def every(self, noun: str, **filters: Any) -> list[Json]:
        """All pages of a list."""
        found: list[Json] = await self._node.ask(client=self.props, all=noun, input=filters)
        return found

    def __getattr__(self, name: str) -> Any:
        return lambda **asked: self._node.ask(client=self.props, call=name, input=asked)


class Road:
    """
    A proxy to the api that breaks as it is told, one entry of *breaks* per request.

    A number is answered instead of the api; `before` hangs up without passing the request on, `behind` passes it on
    and hangs up instead of answering.
    """

    def __init__(self, api: str) -> None:
        self._api, self.breaks, self.seen = api, list[int | str](), list[str]()

    async def __aenter__(self) -> Self:
        app = web.Application()
        app.router.add_route("*", "/{path:.*}", self._pass)
        self.url, self._runner = await listen(app)
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._runner.cleanup()

    async def _pass(self, request: web.Request) -> web.StreamResponse:
        broken = self.breaks.pop(0) if self.breaks else 0
        self.seen.append(f"{request.method} {broken}")
        body = await request.read()
        if isinstance(broken, int) and broken:
            shape = {"id": "err_1", "code": broken, "type": "Internal", "message": "broken"}
            return web.json_response(shape, status=broken, headers={"RateLimit-Reset": "0"})
        status, text = (0, b"") if broken == "before" else await self._passed_on(request, body)
        if broken:
            assert request.transport is not None
            request.transport.abort()
        return web.Response(status=status or 200, body=text, content_type="application/json")

    async def _passed_on(self, request: web.Request, body: bytes) -> tuple[int, bytes]:
        async with (
            ClientSession() as session,
            session.request(
                request.method, self._api + request.raw_path, data=body, headers=request.headers
            ) as answer,
        ):
            return answer.status, await answer.read()


class Home:
    """An installation with a client and a server of its own."""

    def __init__(self, made: Json, client: Client, server: Recorder) -> None:
        self.client, self.server = client, server
        self.bot, self.webhook_id, self.alias = made["botId"], made["webhookId"], made["alias"]
        self.id = made["integrationId"]
        self.state = {"type": "integration", "id": self.id, "name": "tokens"}

    async def talk(self, channel: str = "dm") -> Json:
        """Ids of a new user and a new conversation."""
        user = await self.client.createUser(tags={})
        conversation = await self.client.createConversation(channel=channel, tags={})
        return {
            "userId": user["user"]["id"],
            "conversationId": conversation["conversation"]["id"],
        }
