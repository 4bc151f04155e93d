"""Composition root of the api."""

from __future__ import annotations

import asyncio
import os
from contextlib import AsyncExitStack
from functools import partial

import structlog

from services.api.app import api_app, chat_app
from services.api.ports import ApiSettings, ports_over
from services.api.publishing import publish_found
from services.listener import serve
from services.web import Edge
from shared.clock import SystemChance, SystemClock
from shared.config import Settings
from shared.egress import may_reach
from shared.errors import SetupFailed, WaypostError
from shared.integrations.registry import built_in, from_folders
from shared.programs import ended, kept_up, told_to_stop
from shared.secret import KeyRing
from shared.storage.connection import connect
from shared.storage.layout import settle_layout
from shared.storage.ledger import Limits
from shared.telemetry import configure
from shared.vrl.pool import VrlPool

log = structlog.get_logger()


async def run(settings: Settings) -> None:
    """Serve until SIGINT or SIGTERM."""
    async with AsyncExitStack() as stack:
        store = await connect(settings.redis_url, patience=30.0)
        stack.push_async_callback(store.close)
        await settle_layout(store)
        scripts = await stack.enter_async_context(VrlPool(size=1))
        edge = Edge(name="api", clock=SystemClock(), chance=SystemChance(), log=log)
        ring = KeyRing.from_file(settings.key_ring_file)
        ports = ports_over(store, _told(settings), edge, ring, scripts)
        ports.inbox.start()
        stack.push_async_callback(ports.inbox.close)
        telling = partial(edge.metrics.tell_for_ever, ports.measured.add)
        stack.callback(asyncio.create_task(kept_up(telling)).cancel)
        found = (*built_in(), *from_folders(settings.integrations))
        for name in await publish_found(ports.definitions, scripts, found):
            log.info("definition.published", name=name)
        apps = ((api_app, settings.api_bind), (chat_app, settings.chat_bind))
        for app, bind in apps:
            if bind is not None:
                runner = await serve(app(ports), edge, bind.host, bind.port)
                stack.push_async_callback(runner.cleanup)
                log.info("process.started", name="api", port=runner.port)
        await told_to_stop()
        log.info("process.stopped", name="api")


def _told(settings: Settings) -> ApiSettings:
    return ApiSettings(
        public_url=settings.public_url,
        api_url=settings.api_url,
        admin_token=settings.admin_token,
        metrics_token=settings.metrics_token,
        return_to=settings.return_to,
        allow_loopback=may_reach("127.0.0.1", settings.egress_allow),
        retention=settings.retention,
        most_open=Limits(records=settings.open_records, bytes=settings.open_bytes),
    )


def main() -> None:
    """Run one api."""
    try:
        settings = Settings.from_env(os.environ)
        configure(settings.log, program="api")
        if not settings.redis_url:
            raise SetupFailed(
                "the api needs a store",
                "set WAYPOST_REDIS_URL, or start everything on this machine with `waypost up`",
            )
        if not settings.admin_token:
            raise SetupFailed(
                "the api needs an admin token",
                "set WAYPOST_ADMIN_TOKEN or WAYPOST_ADMIN_TOKEN_FILE; `waypost up` makes one",
            )
        asyncio.run(run(settings))
    except WaypostError as error:  # a definition in a folder may be wrong too
        raise ended("api", error) from None


if __name__ == "__main__":
    main()
