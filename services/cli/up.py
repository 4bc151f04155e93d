"""`waypost up`: the whole system on one machine, with an embedded Valkey unless a store is named."""

from __future__ import annotations

import asyncio
import os
import shlex
import signal
import sys
from contextlib import AsyncExitStack, asynccontextmanager
from typing import TYPE_CHECKING, Any, TypeVar
from urllib.error import URLError
from urllib.request import ProxyHandler, build_opener

import structlog
from msgspec import Struct

from services.cli import keyfiles, show
from services.cli.binding import bound
from services.cli.presence import alone_in, announced
from services.cli.supervise import API, INGRESS, WORKER, Children, Program
from shared.errors import SetupFailed
from shared.storage.checks import Promise, promise
from shared.storage.connection import connect
from shared.storage.embedded import EmbeddedValkey
from shared.storage.layout import settle_layout
from shared.storage.rewrites import rewrites_kept_on

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Coroutine, Mapping

    from shared.config import Settings

log = structlog.get_logger()
_open = build_opener(ProxyHandler({})).open

START = 20.0  # seconds the programs have to answer
_PATIENCE = 2.0  # seconds a store has that is not ours and may be starting too

T = TypeVar("T")


class System(Struct, frozen=True, kw_only=True):
    """What is running."""

    settings: Settings
    store_url: str
    admin_token: str
    children: Children
    promise: Promise


@asynccontextmanager
async def running(settings: Settings, environ: Mapping[str, str]) -> AsyncIterator[System]:
    """
    Everything, started and answering; stopped in order behind the block.

    Raises:
        SetupFailed: a port, the data folder or the store cannot be used, or a program cannot start.

    """
    async with AsyncExitStack() as stack:
        stack.enter_context(alone_in(settings.data_dir))
        settings = bound(settings)
        url = settings.redis_url
        if not url:
            url = (await stack.enter_async_context(EmbeddedValkey(settings.data_dir, log))).url
            await stack.enter_async_context(rewrites_kept_on(url))
        said = await _promise(url)
        keyfiles.ensure(settings)
        token = keyfiles.admin_token(settings)
        children = Children(_environment(settings, environ, url, token))
        stack.push_async_callback(children.stop)
        ingresses = _several(INGRESS, settings.ingress_processes)
        for program in (API, *ingresses, *_several(WORKER, settings.workers)):
            await children.start(program)
        await _answering(settings, children)
        stack.enter_context(announced(settings))
        yield System(
            settings=settings, store_url=url, admin_token=token, children=children, promise=said
        )


def _several(program: Program, count: int) -> list[Program]:
    if program is INGRESS and count == 1:
        return [INGRESS]
    return [
        Program(name=f"{program.name}-{n}", module=program.module) for n in range(1, count + 1)
    ]


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
        "WAYPOST_INGRESS_PROCESSES": str(settings.ingress_processes),
        "WAYPOST_INGRESS_PATIENCE": str(settings.ingress_patience),
        "WAYPOST_API_BIND": str(settings.api_bind),
        "WAYPOST_EGRESS_ALLOW": ",".join(allowed),
    }


async def _promise(url: str) -> Promise:
    async with await connect(url, patience=_PATIENCE) as store:
        await settle_layout(store)
        return await promise(store)


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


async def stoppable(work: Coroutine[Any, Any, T]) -> T | None:
    """
    Give the result of *work*, or None when SIGINT or SIGTERM came first.

    Work is cancelled by the first signal, and no later one keeps it from cleaning up.
    """
    task, loop = asyncio.ensure_future(work), asyncio.get_running_loop()

    def stop() -> None:
        if not task.cancelling():
            task.cancel()

    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, stop)
    try:
        return await task
    except asyncio.CancelledError:
        return None


async def until_stopped(system: System) -> None:
    """For ever, or until a program cannot go on, which raises its `SetupFailed`."""
    raise await asyncio.shield(system.children.failed)


async def up(settings: Settings, *, as_json: bool = False) -> None:
    """Run until told to stop; say where it is, as one line of JSON if that is wanted."""
    async with running(settings, os.environ) as system:
        _warn(system.promise)
        show.json_line(where(system)) if as_json else _greet(system)
        await until_stopped(system)


def where(system: System) -> dict[str, str]:
    """The addresses and places of a running system, for programs."""
    settings = system.settings
    return {
        "apiUrl": settings.api_url,
        "publicUrl": settings.public_url,
        "dataDir": str(settings.data_dir),
        "adminToken": _where_token(settings),
        "promise": system.promise.sentence,
    }


def _warn(promised: Promise) -> None:
    """Say loudly what a 2xx is worth less than it should be, and what else is wrong with the store."""
    if not promised.problems:
        return
    lines = [f"WARNING: {promised.sentence}"]
    lines += [f"  {one.problem}\n  fix: {one.fix}" for one in promised.problems]
    print("\n".join(lines), file=sys.stderr, flush=True)


def _greet(system: System) -> None:
    settings = system.settings
    print(
        f"""
Waypost is up.
  console        {settings.api_url}/        (token: {_where_token(settings)})
  webhooks       {settings.public_url}/integration/global/NAME
  redirect URL   {settings.public_url}/oauth
  data           {settings.data_dir}
  promise        {system.promise.sentence}

Next: {_elsewhere(settings)}waypost integrations ls · waypost bots put NAME · waypost installations add NAME slack
Ctrl-C stops everything.
""",
        flush=True,
    )


def _where_token(settings: Settings) -> str:
    return "WAYPOST_ADMIN_TOKEN" if settings.admin_token else str(settings.admin_token_file)


def _elsewhere(settings: Settings) -> str:
    """What another shell must be told first to find a folder that a flag named."""
    told = type(settings).from_env(os.environ).data_dir == settings.data_dir
    return (
        "" if told else f"export WAYPOST_DATA_DIR={shlex.quote(str(settings.data_dir))}\n      "
    )
