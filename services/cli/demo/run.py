"""The demo from start to end: a place of its own, the steps, the proof, and the way to look around."""

from __future__ import annotations

import asyncio
import fcntl
import os
import shlex
import shutil
import socket
import sys
import tempfile
from contextlib import contextmanager, suppress
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from msgspec import Struct, to_builtins
from rich.console import Console

from services.cli import show
from services.cli.api import Api
from services.cli.demo import steps
from services.cli.demo.plan import BOTS, Plan, plan_for
from services.cli.demo.proof import proven, told
from services.cli.up import running, stoppable, until_stopped, where
from services.simulator import Simulator
from services.simulator.defaults import furnish
from shared.config import Bind, Settings
from shared.telemetry import configure

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from services.cli.up import System


class Manner(Struct, frozen=True, kw_only=True):
    """How it is played."""

    once: bool  # ends by itself
    as_json: bool = False
    plan: Plan = Plan()

    @property
    def out(self) -> Console:
        """Where it speaks to people; standard output is the program's when it reads JSON."""
        return Console(highlight=False, stderr=self.as_json)


def run(*, once: bool, as_json: bool = False, only: Sequence[str] = ()) -> int:
    """Play it; 0 when every webhook arrived once, 130 when a signal ended it before that was known."""
    manner = Manner(once=once, as_json=as_json, plan=plan_for(only))
    played = asyncio.run(stoppable(demo(Simulator(), os.environ, manner)))
    return 130 if played is None else played


async def demo(simulator: Simulator, environ: Mapping[str, str], manner: Manner) -> int:
    """Run it; 0 when every webhook arrived once, at the right bot, and the forged one nowhere."""
    with tempfile.TemporaryDirectory(prefix="waypost-demo-") as folder, _ports() as binds:
        async with simulator:
            settings = _settings(Path(folder), binds, environ)
            configure(settings.log)
            manner.out.print("starting store, ingress, api and workers …")
            async with running(settings, _for_children(environ, simulator)) as system:
                return await _play(system, simulator, manner)


def _log(environ: Mapping[str, str]) -> str:
    return environ.get("WAYPOST_LOG", "warning,console")


def _for_children(environ: Mapping[str, str], simulator: Simulator) -> dict[str, str]:
    """Nothing of an operator's own settings may reach the demo."""
    plain = {name: text for name, text in environ.items() if not name.startswith("WAYPOST_")}
    return {**plain, "WAYPOST_SIMULATOR_URL": simulator.url, "WAYPOST_LOG": _log(environ)}


def _settings(folder: Path, binds: tuple[Bind, Bind], environ: Mapping[str, str]) -> Settings:
    return Settings.from_env(
        {"HOME": str(folder), "WAYPOST_LOG": _log(environ)},
        data_dir=folder,
        workers=2,
        ingress_bind=binds[0],
        api_bind=binds[1],
    )


@contextmanager
def _ports() -> Iterator[tuple[Bind, Bind]]:
    """The ports that the documentation names for the first demo on this machine, free ones for others."""
    name = f"waypost-demo-{os.getuid()}.lock"
    with (Path(tempfile.gettempdir()) / name).open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            yield _usual(8080), _usual(8081)
        except BlockingIOError:
            yield Bind("127.0.0.1", 0), Bind("127.0.0.1", 0)


def _usual(port: int) -> Bind:
    with socket.socket() as probe, suppress(OSError):
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        probe.bind(("127.0.0.1", port))
        return Bind("127.0.0.1", port)
    return Bind("127.0.0.1", 0)


async def _play(system: System, simulator: Simulator, manner: Manner) -> int:
    out = manner.out
    api = Api(system.settings.api_url, system.admin_token)
    furnish(simulator, system.settings.public_url)
    stage = steps.Stage(
        api, simulator, partial(out.print, markup=False, soft_wrap=True), manner.plan
    )
    await stage.set_up()
    early = await stage.send_before_connecting()
    await stage.connect_all()
    sent = await stage.send_all()
    await stage.forge()
    proof = await proven(stage, [*sent, *early])
    told(proof, out)
    if manner.as_json:
        show.json_line({**where(system), **to_builtins(proof)})
    if not manner.once:
        _greet(system, await stage.some_request(), out)
        with suppress(asyncio.CancelledError):  # the way out that the last line told of
            await until_stopped(system)
    return 0 if proof.right else 1


def _greet(system: System, example: str, out: Console) -> None:
    url, waypost = system.settings.api_url, _command()
    out.print(
        f"""
Look around, in another shell:
  open {url}/     token: {system.admin_token}

  export WAYPOST_DATA_DIR={shlex.quote(str(system.settings.data_dir))}
  {waypost} queue stats
  {waypost} queue ls
  {waypost} queue explain {example}
  {waypost} bots events {BOTS[0]}
  {waypost} installations ls

Ctrl-C ends the demo and removes its data.
""",
        markup=False,
        soft_wrap=True,
    )


def _command() -> str:
    """How this very command can be typed again."""
    typed = Path(sys.argv[0])
    if typed.name != "waypost":
        return f"{shlex.quote(sys.executable)} -m services.cli.main"
    found = shutil.which("waypost")
    if found and Path(found).absolute() == typed.absolute():
        return "waypost"
    return shlex.quote(str(typed.absolute()))
