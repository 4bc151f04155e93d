"""The demo's steps, in order."""

from __future__ import annotations

import asyncio
import os
import socket
import tempfile
from collections import Counter
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec
from msgspec import Struct
from rich.console import Console
from rich.table import Table

from services.cli.api import Api
from services.cli.demo.browser import Person
from services.cli.demo.plan import BOTS, INTEGRATIONS, KINDS, ROUNDS, Wish, secrets_for, wishes
from services.cli.up import running, stoppable, until_stopped
from services.simulator import Simulator
from services.simulator.defaults import furnish
from shared.config import Bind, Settings
from shared.integrations.definition import document_of
from shared.integrations.registry import built_in, redirected
from shared.telemetry import configure

if TYPE_CHECKING:
    from services.cli.up import System

ARRIVAL = 60.0  # seconds
SECRET = "whsec_ZGVtby1kZW1vLWRlbW8tZGVtby1kZW1vLWRlbW8="  # noqa: S105 - of the demo's own bot

out = Console(highlight=False)


class Sent(Struct, frozen=True):
    """One webhook that the simulator sent, and for whom."""

    wish: Wish
    body: str
    status: int


def run(*, once: bool) -> int:
    """Play it; 0 when every webhook arrived once, 130 when a signal ended it before that was known."""
    played = asyncio.run(stoppable(demo(once=once)))
    return 130 if played is None else played


async def demo(*, once: bool) -> int:
    """Run it; 0 when every webhook arrived once, at the right bot."""
    with tempfile.TemporaryDirectory(prefix="waypost-demo-") as folder:
        async with Simulator() as simulator:
            settings = _settings(Path(folder))
            configure(settings.log)
            environ = {
                **os.environ,
                "WAYPOST_SIMULATOR_URL": simulator.url,
                "WAYPOST_LOG": _log(),
            }
            out.print("starting store, ingress, api and workers …")
            async with running(settings, environ) as system:
                return await _play(system, simulator, once=once)


def _log() -> str:
    return os.environ.get("WAYPOST_LOG", "warning,console")


def _settings(folder: Path) -> Settings:
    ingress, api = _free(8080), _free(8081)
    return Settings.from_env(
        {"HOME": str(folder), "WAYPOST_LOG": _log()},
        data_dir=folder,
        workers=2,
        ingress_bind=Bind("127.0.0.1", ingress),
        api_bind=Bind("127.0.0.1", api),
    )


def _free(wanted: int) -> int:
    """*wanted*, or any free port where somebody has it."""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", wanted))
        except OSError:
            probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


async def _play(system: System, simulator: Simulator, *, once: bool) -> int:
    api = Api(system.settings.api_url, system.admin_token)
    furnish(simulator, system.settings.public_url)
    await asyncio.to_thread(_set_up, api, simulator)
    await _connect_all(api)
    sent = await _send_all(simulator)
    right = await _show(api, simulator, sent)
    if not once:
        _greet(system)
        with suppress(asyncio.CancelledError):  # the way out that the last line told of
            await until_stopped(system)
    return 0 if right else 1


def _set_up(api: Api, simulator: Simulator) -> None:
    """What an operator does once: integrations, secrets, bots."""
    for definition in built_in():
        if definition.name in INTEGRATIONS:
            moved = redirected(definition, simulator.url)
            marked = msgspec.structs.replace(moved, version=f"{moved.version}-simulated")
            api.post("integrations", body=document_of(marked))
            for name, value in secrets_for(definition.name).items():
                path = ("integrations", definition.name, "secrets", name)
                api.call("PUT", path, body={"value": value})
            out.print(f"  integration {definition.name}: published, secrets set")
    api.call("PUT", ("bots", BOTS[0]), body={})
    url = simulator.bot_url(BOTS[1])
    api.call("PUT", ("bots", BOTS[1]), body={"url": url, "secret": SECRET})
    out.print(f"  bots: {BOTS[0]} (reads its stream), {BOTS[1]} (events are posted to its URL)")


async def _connect_all(api: Api) -> None:
    out.print("connecting, as eight people would:")
    for wish in wishes():
        body = {"integration": wish.integration}
        path = ("bots", wish.bot, "integrations", wish.integration)
        made = await asyncio.to_thread(api.post, *path, body=body)
        webhook_id = made["installation"]["webhookId"]
        link = await asyncio.to_thread(
            api.post, "installations", webhook_id, "connect", body={}
        )
        async with Person() as person:
            page = await person.connect(link["url"], wish.account)
        state = await asyncio.to_thread(api.get, "installations", webhook_id)
        connection = state["installation"]["connection"]
        out.print(f"  {wish.integration} of {wish.customer} on bot {wish.bot}: {connection}")
        if connection != "connected":
            out.print(page[:2000])


async def _send_all(simulator: Simulator) -> list[Sent]:
    out.print(f"sending {ROUNDS} signed webhooks for each …")
    return [
        await _send(simulator, wish, KINDS[wish.integration][n % len(KINDS[wish.integration])])
        for n in range(ROUNDS)
        for wish in wishes()
    ]


async def _send(simulator: Simulator, wish: Wish, kind: str) -> Sent:
    sent = await simulator.send(wish.integration, wish.account, kind)
    return Sent(wish, sent.request.body.decode(), sent.status)


async def _arrived(api: Api, simulator: Simulator) -> Counter[tuple[str, str]]:
    """How often each (bot, body) has arrived."""
    stream = await asyncio.to_thread(api.get, "bots", BOTS[0], "events", limit=1000)
    posted = [one.json() for one in simulator.received(BOTS[1])]
    found = Counter((BOTS[0], one["payload"]["body"]) for one in stream["events"])
    found.update((BOTS[1], one["payload"]["body"]) for one in posted)
    return found


async def _show(api: Api, simulator: Simulator, sent: list[Sent]) -> bool:
    """Wait until all is there, then say where it is. True when nothing is missing, doubled or astray."""
    expected = Counter((one.wish.bot, one.body) for one in sent)
    loop = asyncio.get_running_loop()
    until = loop.time() + ARRIVAL
    while (  # noqa: ASYNC110 - there is nothing to wait on but the clock
        found := await _arrived(api, simulator)
    ) != expected and loop.time() < until:
        await asyncio.sleep(0.1)
    _table(sent, found)
    right = found == expected and all(one.status == 200 for one in sent)
    out.print(
        f"[green]{len(sent)} sent, each arrived once, at the right bot and nowhere else[/green]"
        if right
        else f"[red]{len(sent)} sent, {found.total()} arrived: not what was expected[/red]"
    )
    return right


def _table(sent: list[Sent], found: Counter[tuple[str, str]]) -> None:
    table = Table(
        "integration", "account", "bot", "sent", "arrived", "at the other bot", box=None
    )
    for wish in wishes():
        bodies = [one.body for one in sent if one.wish == wish]
        other = BOTS[1 - BOTS.index(wish.bot)]
        here = sum(found[wish.bot, body] for body in bodies)
        astray = sum(found[other, body] for body in bodies)
        table.add_row(
            wish.integration, wish.customer, wish.bot, str(len(bodies)), str(here), str(astray)
        )
    out.print(table)


def _greet(system: System) -> None:
    url, home = system.settings.api_url, system.settings.data_dir
    out.print(
        f"""
Look around:
  console   {url}/      token: {system.admin_token}
  queue     WAYPOST_DATA_DIR={home} WAYPOST_API_URL={url} .venv/bin/waypost queue ls
  explain   … waypost queue explain ID
Ctrl-C ends the demo and removes its data.
""",
        markup=False,
    )
