"""Child programs: started, restarted when they die, stopped in order."""

from __future__ import annotations

import asyncio
import contextlib
import signal
import sys
from typing import TYPE_CHECKING

import structlog
from msgspec import Struct

from shared.errors import SetupFailed
from shared.programs import COMES_BACK
from shared.storage.deathwatch import stop_with_parent

if TYPE_CHECKING:
    from collections.abc import Mapping

log = structlog.get_logger()

GRACE = 30.0  # seconds a child has to drain


class Program(Struct, frozen=True, kw_only=True):
    """One child: a name for people, and a module to run."""

    name: str
    module: str


INGRESS = Program(name="ingress", module="services.ingress.main")
API = Program(name="api", module="services.api.main")
WORKER = Program(name="worker", module="workers.main")


class Children:
    """Runs programs with one environment."""

    def __init__(self, environ: Mapping[str, str]) -> None:
        """Children get *environ*."""
        self._environ = dict(environ)
        self._running: dict[str, asyncio.subprocess.Process] = {}
        self._keepers: list[asyncio.Task[None]] = []
        self.failed: asyncio.Future[SetupFailed] = asyncio.get_running_loop().create_future()

    async def start(self, program: Program) -> None:
        """Start *program* and keep it running."""
        process = await self._spawn(program)
        self._keepers.append(asyncio.create_task(self._keep(program, process)))

    async def stop(self) -> None:
        """Ask all to stop, wait, and end what does not."""
        for keeper in self._keepers:
            keeper.cancel()
        await asyncio.gather(*self._keepers, return_exceptions=True)
        for process in self._running.values():
            with contextlib.suppress(ProcessLookupError):
                process.send_signal(signal.SIGTERM)
        await asyncio.gather(*(_ended(process) for process in self._running.values()))

    def pids(self) -> dict[str, int]:
        """Process ids by name."""
        return {name: process.pid for name, process in self._running.items()}

    async def _spawn(self, program: Program) -> asyncio.subprocess.Process:
        process = await asyncio.create_subprocess_exec(
            sys.executable, "-m", program.module,
            env=self._environ, start_new_session=True, preexec_fn=stop_with_parent(),
        )  # fmt: skip
        self._running[program.name] = process
        return process

    async def _keep(self, program: Program, process: asyncio.subprocess.Process) -> None:
        loop = asyncio.get_running_loop()
        while True:
            began = loop.time()
            code = await process.wait()
            if code > 0 and code != COMES_BACK and loop.time() - began < 3:
                return self._give_up(program, code)
            log.warning("program.exited", program=program.name, code=code)
            await asyncio.sleep(0.2)
            process = await self._spawn(program)

    def _give_up(self, program: Program, code: int) -> None:
        """A program that cannot even start has said why; starting it again and again would hide it."""
        if not self.failed.done():
            fix = "see its message above; `waypost doctor` checks the whole set-up"
            self.failed.set_result(
                SetupFailed(f"{program.name} ended at once (exit {code})", fix)
            )


async def _ended(process: asyncio.subprocess.Process) -> None:
    try:
        async with asyncio.timeout(GRACE):
            await process.wait()
    except TimeoutError:
        with contextlib.suppress(ProcessLookupError):
            process.kill()
        await process.wait()
