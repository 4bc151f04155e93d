"""The api process: staff calls, the OpenAPI document, metrics and the console, on a port of their own."""

from __future__ import annotations

from collections import defaultdict
from typing import TYPE_CHECKING, Any

import msgspec
from aiohttp import web

from services.api.allowance import tell
from services.api.auth import readers_only, staff_only
from services.api.chat.operations import RUNTIME
from services.api.chat.wire import chat_handler_of
from services.api.console.pages import add_console
from services.api.gauges import gauges
from services.api.openapi import document
from services.api.operations import OPERATIONS
from services.api.ports import PORTS, ApiPorts
from services.api.wire import handler_of
from services.web import add_health, web_app
from shared.metrics import CONTENT_TYPE

if TYPE_CHECKING:
    from collections.abc import Sequence

    from services.api.wire import Operation
    from services.web import Handler


def api_app(ports: ApiPorts) -> web.Application:
    """The app of the staff port: staff calls, Botpress's runtime API at `/v1/chat`, and the console."""
    app = _app(ports, OPERATIONS)
    _add_document(app, ports.settings.api_url)
    add_health(app, lambda: _store_of(ports))
    _add_metrics(app, ports)
    add_console(app)
    return app


def chat_app(ports: ApiPorts) -> web.Application:
    """An app of the runtime API alone, for integrations' servers that must not reach the staff port."""
    app = _app(ports, RUNTIME)
    add_health(app)
    return app


def _app(ports: ApiPorts, operations: Sequence[Operation]) -> web.Application:
    app = web_app(ports.edge)
    app[PORTS] = ports
    app.on_response_prepare.append(tell)
    _add_operations(app, operations)
    return app


def _add_metrics(app: web.Application, ports: ApiPorts) -> None:
    async def metrics(_: web.Request) -> web.Response:
        return web.Response(body=await gauges(ports), headers={"Content-Type": CONTENT_TYPE})

    app.router.add_get("/metrics", readers_only(metrics))


async def _store_of(ports: ApiPorts) -> dict[str, Any]:
    return {"store": msgspec.to_builtins(await ports.promise())}


def _add_operations(app: web.Application, all_of_them: Sequence[Operation]) -> None:
    """One resource per path, so that a wrong method is told which ones are right."""
    by_path: dict[str, list[Operation]] = defaultdict(list)
    for operation in all_of_them:
        by_path[operation.path].append(operation)
    for path, operations in by_path.items():
        resource = app.router.add_resource(path)
        for operation in operations:
            resource.add_route(operation.method, _handler(operation))


def _handler(operation: Operation) -> Handler:
    if operation.access == "runtime":
        return chat_handler_of(operation)
    return staff_only(handler_of(operation))


def _add_document(app: web.Application, origin: str) -> None:
    encoded = msgspec.json.encode(document(OPERATIONS, origin))

    async def openapi(_: web.Request) -> web.Response:
        return web.Response(body=encoded, content_type="application/json")

    app.router.add_get("/openapi.json", openapi)
