"""The routes of the public listener."""

from __future__ import annotations

from typing import TYPE_CHECKING

from aiohttp import web

from services.ingress import browser, webhooks
from services.ingress.ports import PORTS, IngressPorts
from services.web import Edge, add_health, web_app
from shared.errors import StoreUnavailable

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

UUID = "[0-9a-fA-F]{8}-[0-9a-fA-F]{4}-[0-9a-fA-F]{4}-[0-9a-fA-F]{4}-[0-9a-fA-F]{12}"


def ingress_app(
    edge: Edge, ports: IngressPorts, is_ready: Callable[[], Awaitable[bool]]
) -> web.Application:
    """The public app; *is_ready* tells whether the store answers."""
    app = web_app(edge)
    app[PORTS] = ports
    add_health(app)
    app.router.add_get("/ready", _ready(is_ready))
    app.router.add_route("*", "/oauth", browser.oauth)
    app.router.add_route("*", "/oauth/{rest:.*}", browser.oauth)
    app.router.add_get("/connect/flows/{flow}", browser.flow_page)
    app.router.add_post("/connect/flows/{flow}", browser.flow_choice)
    app.router.add_get("/connect/{token}", browser.connect_page)
    app.router.add_post("/connect/{token}", browser.connect_start)
    app.router.add_route("*", "/integration/global/{target:(?s:.+)}", webhooks.global_webhook)
    app.router.add_route("*", f"/{{webhook_id:{UUID}}}", webhooks.installation_webhook)
    app.router.add_route(
        "*", f"/{{webhook_id:{UUID}}}/{{rest:(?s:.*)}}", webhooks.installation_webhook
    )
    return app


def _ready(
    is_ready: Callable[[], Awaitable[bool]],
) -> Callable[[web.Request], Awaitable[web.Response]]:
    async def ready(_: web.Request) -> web.Response:
        if not await is_ready():
            raise StoreUnavailable("the store does not answer")
        return web.Response(text="ready")

    return ready
