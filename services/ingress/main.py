"""Composition root of the ingress. It reads the store's address and a public key; it needs no other secret."""

from __future__ import annotations

import asyncio
import os
from collections import Counter
from contextlib import AsyncExitStack
from functools import partial
from typing import TYPE_CHECKING

import structlog

from services.inbox import Inbox
from services.ingress.acceptor import Acceptor
from services.ingress.app import ingress_app
from services.ingress.doors import Doors
from services.ingress.ports import IngressPorts
from services.ingress.pressure import Pressure
from services.ingress.refusals import follow
from services.ingress.short_webhooks import ShortWebhooks
from services.listener import Limits, serve
from services.web import Edge
from shared.clock import Stock, SystemChance, SystemClock
from shared.config import Settings
from shared.errors import SetupFailed, StoreUnavailable, WaypostError
from shared.failpoints import FailPoints
from shared.fastloop import use_fast_loop
from shared.metrics import last_told
from shared.programs import ended, kept_up, told_to_stop
from shared.sealing import PublicKey
from shared.storage.connection import Store, connect
from shared.storage.definitions import Definitions
from shared.storage.layout import settle_layout
from shared.storage.ledger import Ledger
from shared.storage.ledger import Limits as Open
from shared.storage.measured import Measured
from shared.telemetry import configure

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

log = structlog.get_logger()


async def run(settings: Settings) -> None:
    """Serve until SIGINT or SIGTERM."""
    async with AsyncExitStack() as stack:
        store = await connect(settings.redis_url, patience=30.0)
        stack.push_async_callback(store.close)
        await settle_layout(store)
        ids = Stock(SystemChance())
        edge = Edge(name="ingress", clock=SystemClock(), chance=ids, log=log)
        ports = await _ports(settings, store, stack)
        _count(edge, store, stack)
        app = ingress_app(edge, ports, _is_ready(store))
        at = settings.ingress_bind
        runner = await serve(
            app, edge, at.host, at.port, _limits(settings), shortcut=ShortWebhooks(edge, ports)
        )
        stack.push_async_callback(runner.cleanup)
        log.info("ingress.started", port=runner.port, public_url=settings.public_url)
        await told_to_stop()
        log.info("ingress.stopping")


def _count(edge: Edge, store: Store, stack: AsyncExitStack) -> None:
    """Nobody scrapes an ingress, so the store is told."""
    add = Measured(store).add
    stack.push_async_callback(last_told, edge.metrics, add)
    stack.callback(
        asyncio.create_task(kept_up(partial(edge.metrics.tell_for_ever, add))).cancel
    )


def _limits(settings: Settings) -> Limits:
    """Callers behind a proxy that we trust share its address, so they are not counted by it."""
    usual = Limits()
    return Limits(
        uncounted=(*usual.uncounted, *settings.trusted_proxies),
        shares_port=settings.ingress_processes > 1,
    )


async def _ports(settings: Settings, store: Store, stack: AsyncExitStack) -> IngressPorts:
    most = Open(records=settings.open_records, bytes=settings.open_bytes)
    ledger, clock, chance = Ledger(store, most), SystemClock(), SystemChance()
    inbox = Inbox(ledger, chance.token(16).hex())
    inbox.start()
    stack.push_async_callback(inbox.close)
    return IngressPorts(
        ledger=Acceptor(ledger, settings.ingress_patience),
        refused=_refused(ledger, stack),
        doors=Doors(Definitions(store), clock),
        inbox=inbox,
        pressure=_pressure(store, stack),
        seal=PublicKey.from_file(settings.sealing_public_file),
        clock=clock,
        chance=chance,
        origin=settings.public_url,
        seal_webhooks=settings.seal_webhooks,
        proxies=_limits(settings).uncounted,
        reach=FailPoints(settings.failpoint).reach,
    )


def _refused(ledger: Ledger, stack: AsyncExitStack) -> Counter[str]:
    refused = Counter[str]()
    stack.callback(
        asyncio.create_task(kept_up(partial(follow, refused, ledger.refused))).cancel
    )
    return refused


def _pressure(store: Store, stack: AsyncExitStack) -> Pressure:
    pressure = Pressure(lambda: store.redis.info("memory"))
    stack.callback(asyncio.create_task(kept_up(pressure.follow)).cancel)
    return pressure


def _is_ready(store: Store) -> Callable[[], Awaitable[bool]]:
    async def ready() -> bool:
        try:
            await store.redis.ping()
        except StoreUnavailable:
            return False
        return True

    return ready


def main() -> None:
    """Run one ingress."""
    try:
        settings = Settings.from_env(os.environ)
        configure(settings.log)
        if not settings.redis_url:
            raise SetupFailed(
                "the ingress needs a store",
                "set WAYPOST_REDIS_URL, or start everything on this machine with `waypost up`",
            )
        use_fast_loop()
        asyncio.run(run(settings))
    except WaypostError as error:
        raise ended("ingress", error) from None


if __name__ == "__main__":
    main()
