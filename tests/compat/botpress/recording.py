"""An integration server that writes down what it is sent, and answers as a test tells it to."""

from __future__ import annotations

import asyncio
import base64
import json
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any

from aiohttp import web
from msgspec import Struct

from tests.local import listen

Json = dict[str, Any]
Handler = Callable[[Json], "web.Response | None"]


class Call(Struct, frozen=True, kw_only=True):
    """One operation as it arrived."""

    path: str
    method: str
    headers: dict[str, str]  # names in lower case
    body: bytes

    @property
    def operation(self) -> str:
        return self.headers.get("x-bp-operation", "")

    @property
    def json(self) -> Json:
        found: Json = json.loads(self.body or b"{}")
        return found

    @property
    def req(self) -> Json:
        """What `webhook_received` brings."""
        found: Json = self.json["req"]
        return found

    @property
    def configuration(self) -> Json:
        found: Json = json.loads(base64.b64decode(self.headers["x-bp-configuration"]))
        return found


class Recorder:
    """The server of one test's integration. Without a handler it answers as the SDK does: 200 and `{}`."""

    def __init__(self) -> None:
        self.calls: list[Call] = []
        self.handler: Handler = lambda _: None
        self.action: Handler = lambda _: None
        self.status: dict[str, int] = {}  # operation: status to answer
        self.hold = 0.0
        self.ended = list[Call]()  # those that were answered, in the order in which they were
        self.holds: Callable[[Call], Awaitable[None]] | None = None

    async def start(self) -> None:
        app = web.Application()
        app.on_response_prepare.append(_without_a_guess)
        app.router.add_route("*", "/{path:.*}", self._answer)
        self.url, self._runner = await listen(app)

    async def stop(self) -> None:
        await self._runner.cleanup()

    def named(self, operation: str) -> list[Call]:
        return [one for one in self.calls if one.operation == operation]

    @property
    def requests(self) -> list[Json]:
        """What came with `webhook_received`, in order."""
        return [one.req for one in self.named("webhook_received")]

    async def _answer(self, request: web.Request) -> web.StreamResponse:
        headers = {name.lower(): value for name, value in request.headers.items()}
        call = Call(
            path=request.raw_path,
            method=request.method,
            headers=headers,
            body=await request.read(),
        )
        self.calls.append(call)
        if self.hold:
            await asyncio.sleep(self.hold)
        if self.holds is not None:
            await self.holds(call)
        self.ended.append(call)
        status = self.status.get(call.operation, 200)
        if status != 200:
            return runtime_error("no", status)
        return self._handled(call) or web.Response(body=b"{}")

    def _handled(self, call: Call) -> web.Response | None:
        match call.operation:
            case "webhook_received":
                return self.handler(call.req)
            case "action_triggered":
                return self.action(call.json)
            case _:
                return None


async def _without_a_guess(_: web.Request, response: web.StreamResponse) -> None:
    """The SDK names no type where the handler named none; aiohttp would."""
    if response.headers.get("Content-Type") == "application/octet-stream":
        del response.headers["Content-Type"]


def runtime_error(message: str, status: int = 400) -> web.Response:
    """What the SDK answers when a handler raises."""
    body = {"id": "err_1", "code": 400, "type": "Runtime", "message": message}
    return web.Response(status=status, body=json.dumps(body).encode())


def html(text: str, **headers: str) -> web.Response:
    """A page as the SDK's wizard sends it."""
    kept = {"content-type": "text/html", "x-bp-disable-interstitial": "true"}
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return web.Response(body=text.encode(), headers={**kept, **named})


def redirect(location: str, **headers: str) -> web.Response:
    """A redirect as the SDK's wizard sends it: its body is two characters."""
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    kept = {"location": location, "x-bp-disable-interstitial": "true"}
    return web.Response(status=303, body=b"{}", headers={**kept, **named})


@asynccontextmanager
async def a_recorder() -> AsyncIterator[Recorder]:
    """A server that listens for as long as the block lasts."""
    server = Recorder()
    await server.start()
    try:
        yield server
    finally:
        await server.stop()
