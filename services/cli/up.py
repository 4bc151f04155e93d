"""`waypost up`: the whole system on one machine, with an embedded Valkey unless a store is named."""

from __future__ import annotations

import asyncio
import os
import signal
from contextlib import AsyncExitStack, asynccontextmanager
from typing import TYPE_CHECKING
from urllib.error import URLError
from urllib.request import ProxyHandler, build_opener

import structlog
from msgspec import Struct

from services.cli import keyfiles
from services.cli.supervise import API, INGRESS, WORKER, Children, Program
from shared.errors import SetupFailed
from shared.storage.checks import promise
from shared.storage.connection import connect
from shared.storage.embedded import EmbeddedValkey

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Mapping

    from shared.config import Settings

log = structlog.get_logger()
_open = build_opener(ProxyHandler({})).open

START = 20.0  # seconds the programs have to answer


class System(Struct, frozen=True, kw_only=True):
    """What is running."""

    settings: Settings
    store_url: str
    admin_token: str
    children: Children
    promise: str


@asynccontextmanager
async def running(settings: Settings, environ: Mapping[str, str]) -> AsyncIterator[System]:
    """Everything, started and answering; stopped in order behind the block."""
    async with AsyncExitStack() as stack:
        url = settings.redis_url
        if not url:
            url = (await stack.enter_async_context(EmbeddedValkey(settings.data_dir, log))).url
        keyfiles.ensure(settings)
        token = keyfiles.admin_token(settings)
        children = Children(_environment(settings, environ, url, token))
        stack.push_async_callback(children.stop)
        said = await _promise(url)
        for program in (API, INGRESS, *_workers(settings.workers)):
            await children.start(program)
        await _answering(settings, children)
        yield System(
            settings=settings, store_url=url, admin_token=token, children=children, promise=said
        )


def _workers(count: int) -> list[Program]:
    return [Program(name=f"worker-{n}", module=WORKER.module) for n in range(1, count + 1)]


def _environment(
    settings: Settings, environ: Mapping[str, str], url: str, token: str
) -> dict[str, str]:
    """Children decide nothing anew: they get what was read here. On one machine, loopback may be called."""
    allowed = [str(one) for one in settings.egress_allow] or ["127.0.0.0/8", "::1/128"]
    return {
        **environ,
        "WAYPOST_REDIS_URL": url,
        "WAYPOST_DATA_DIR": str(settings.data_dir),
        "WAYPOST_KEYS": str(settings.key_ring_file),
        "WAYPOST_ADMIN_TOKEN": token,
        "WAYPOST_PUBLIC_URL": settings.public_url,
        "WAYPOST_API_URL": settings.api_url,
        "WAYPOST_INGRESS_BIND": str(settings.ingress_bind),
        "WAYPOST_API_BIND": str(settings.api_bind),
        "WAYPOST_EGRESS_ALLOW": ",".join(allowed),
    }


async def _promise(url: str) -> str:
    async with await connect(url, patience=10.0) as store:
        return (await promise(store)).sentence


async def _answering(settings: Settings, children: Children) -> None:
    """Wait for both listeners; a program that ends instead has said why."""
    loop = asyncio.get_running_loop()
    until = loop.time() + START
    for bind in (settings.ingress_bind, settings.api_bind):
        while not await asyncio.to_thread(_answers, f"{bind.origin}/health"):
            if children.failed.done():
                raise children.failed.result()
            if loop.time() > until:
                raise SetupFailed(f"{bind.origin} does not answer", "see the messages above")
            await asyncio.sleep(0.05)


def _answers(url: str) -> bool:
    try:
        with _open(url, timeout=2) as answer:
            return bool(answer.status == 200)
    except (URLError, OSError):
        return False


async def told_to_stop(system: System) -> None:
    """Until SIGINT or SIGTERM, or a program that cannot go on."""
    stop, loop = asyncio.Event(), asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, stop.set)
    failed = system.children.failed
    failed.add_done_callback(lambda _: stop.set())
    await stop.wait()
    if failed.done():
        raise failed.result()


async def up(settings: Settings) -> None:
    """Run until told to stop."""
    async with running(settings, os.environ) as system:
        _greet(system)
        await told_to_stop(system)


def _greet(system: System) -> None:
    settings = system.settings
    print(
        f"""
Waypost is up.
  console        {settings.api_url}/        (token: {settings.admin_token_file})
  webhooks       {settings.public_url}/integration/global/NAME
  redirect URL   {settings.public_url}/oauth
  data           {settings.data_dir}
  promise        {system.promise}

Next: waypost integrations ls · waypost bots put NAME · waypost installations add NAME slack
Ctrl-C stops everything.
""",
        flush=True,
    )
