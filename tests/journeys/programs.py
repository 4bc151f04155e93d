"""Single programs beside a running system: started with a fail-point, watched until it kills them."""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import timedelta
from pathlib import Path

from aiohttp import ClientConnectionError

from shared.storage import keys
from shared.storage.ledger import Ledger
from tests.journeys.system import ROOT, System, free_port, until


class Program:
    """One process of its own, that joins a running system."""

    def __init__(self, system: System, module: str, failpoint: str = "") -> None:
        self.port = free_port()
        self.origin = f"http://127.0.0.1:{self.port}"
        self.log = system.folder / f"{module}-{self.port}.log"
        environ = {
            **system.environ,
            "WAYPOST_REDIS_URL": system.store_url,
            "WAYPOST_PUBLIC_URL": system.origin,
            "WAYPOST_INGRESS_BIND": f"127.0.0.1:{self.port}",
            "WAYPOST_EGRESS_ALLOW": "127.0.0.0/8",
            "WAYPOST_FAILPOINT": failpoint,
        }
        with self.log.open("wb") as log:
            self.process = subprocess.Popen(
                [sys.executable, "-m", module],
                cwd=ROOT, env=environ, start_new_session=True,
                stdout=log, stderr=subprocess.STDOUT,
            )  # fmt: skip

    async def started(self, event: str) -> None:
        """Wait for a line of its log."""

        async def said() -> bool:
            return event in self.log.read_text()

        await until(said, 20, lambda: f"{event}: {self.log.read_text()[-2000:]}")

    async def killed(self) -> None:
        """Wait until it has killed itself, as its fail-point says."""

        async def dead() -> bool:
            return self.process.poll() is not None

        await until(dead, 15, lambda: f"its death: {self.log.read_text()[-2000:]}")
        assert -signal.SIGKILL == self.process.returncode, self.log.read_text()[-2000:]

    async def stop(self) -> None:
        """Stop it, if it still runs."""
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
        await asyncio.to_thread(self.process.wait, 40)


@asynccontextmanager
async def a_worker(system: System, failpoint: str = "") -> AsyncIterator[Program]:
    """One more worker."""
    program = Program(system, "workers.main", failpoint)
    try:
        await program.started("worker.started")
        yield program
    finally:
        await program.stop()


@asynccontextmanager
async def an_ingress(system: System, failpoint: str = "") -> AsyncIterator[Program]:
    """One more ingress, on a port of its own."""
    program = Program(system, "services.ingress.main", failpoint)

    async def answers() -> bool:
        try:
            async with system.http.get(f"{program.origin}/ready") as answer:
                return answer.status == 200
        except ClientConnectionError:
            return False

    try:
        await until(answers, 20, lambda: program.log.read_text()[-2000:])
        yield program
    finally:
        await program.stop()


@asynccontextmanager
async def frozen(system: System, name: str) -> AsyncIterator[None]:
    """The system's own programs of that module stand still for a while."""
    pids = pids_of(system, name)
    assert pids
    for pid in pids:
        os.kill(pid, signal.SIGSTOP)
    try:
        yield
    finally:
        for pid in pids:
            os.kill(pid, signal.SIGCONT)


def pids_of(system: System, program: str) -> list[int]:
    """Children of `waypost up` whose command line holds *program*."""
    parent = system.process.pid
    children = Path(f"/proc/{parent}/task/{parent}/children").read_text().split()
    return [
        int(pid)
        for pid in children
        if program in Path(f"/proc/{pid}/cmdline").read_text().replace("\0", " ")
    ]


async def let_leases_run_out(system: System) -> None:
    """Ten seconds pass for the store: what a dead worker held comes back."""
    scripts = system.store.scripts
    scripts.skew_ms = 11_000
    try:
        await Ledger(system.store).claim("nobody", 0, timedelta(seconds=1))
    finally:
        scripts.skew_ms = 0
    await system.store.redis.publish(keys.key("wake"), "1")  # as when their time is over
