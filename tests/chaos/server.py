"""A Valkey in a folder of its own, with production's settings but for what a test changes; it may be ill-treated."""

from __future__ import annotations

import asyncio
import os
import resource
import shutil
import signal
import struct
import subprocess
import tempfile
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from functools import cache
from pathlib import Path

from shared.storage.connection import Store, connect
from shared.storage.embedded import command
from shared.storage.nest import Nest
from tests.journeys.system import ROOT, free_port

HERE, BENCH = Path(__file__).parent, ROOT / "bench"
_SHIMS = tempfile.TemporaryDirectory(prefix="wp-shim-")  # until this process ends


@cache
def shim(name: str, folder: Path = HERE) -> Path:
    """A small library for LD_PRELOAD, compiled once per run."""
    made = Path(_SHIMS.name) / f"{name}.so"
    source = folder / f"{name}.c"
    subprocess.run(["gcc", "-shared", "-fPIC", "-O2", "-o", made, source, "-ldl"], check=True)
    return made


class Server:
    """One server; `url` stays the same over its lives. What was synced is noted, so that the power can be cut."""

    def __init__(self, folder: Path, **settings: str) -> None:
        """Prepare; a setting `a_b` is the server's `a-b`."""
        self.folder, self.settings = folder, settings
        self.nest, self.port = Nest.at(folder), free_port()
        self.sync_takes = 0.0  # seconds longer than this machine's disk
        self.largest_file = resource.RLIM_INFINITY
        self.process: subprocess.Popen[bytes] | None = None
        self.lives = 0

    @property
    def url(self) -> str:
        """Over TCP, so that a proxy can stand between."""
        return f"redis://127.0.0.1:{self.port}"

    @property
    def aof(self) -> Path:
        """The folder of append-only files."""
        return self.nest.folder / "appendonlydir"

    @property
    def pid(self) -> int:
        """The process that runs."""
        assert self.process is not None
        return self.process.pid

    async def start(self) -> None:
        """Start it, and wait until it has read its file."""
        self.launch()
        async with await connect(self.url, patience=20):
            return

    def launch(self) -> None:
        """Start it and go on."""
        self.nest.folder.mkdir(parents=True, exist_ok=True)
        words = [w for k, v in self.settings.items() for w in (f"--{k.replace('_', '-')}", v)]
        self.lives += 1
        self.process = subprocess.Popen(
            [*command(self.nest, self.port), *words],
            env=self._environ(),
            preexec_fn=self._limited, start_new_session=True,  # noqa: PLW1509 - it only sets limits
            stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
        )  # fmt: skip

    def _environ(self) -> dict[str, str]:
        preloaded = [shim("powercut"), *[shim("slowfsync", BENCH)] * bool(self.sync_takes)]
        return {
            "LD_PRELOAD": ":".join(map(str, preloaded)),
            "POWERCUT_NOTES": str(self._notes),
            "FSYNC_DELAY_US": f"{self.sync_takes * 1e6:.0f}",
        }

    def _limited(self) -> None:
        """A file that may not grow is a disk without space."""
        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
        resource.setrlimit(resource.RLIMIT_FSIZE, (self.largest_file, resource.RLIM_INFINITY))

    @property
    def _notes(self) -> Path:
        return self.folder / "synced"

    @property
    def has_ended(self) -> bool:
        """Whether it has ended by itself, or was killed."""
        return self.process is not None and self.process.poll() is not None

    def signal(self, number: int) -> None:
        """Send a signal."""
        os.kill(self.pid, number)

    def kill(self) -> None:
        """Without a warning; what it wrote stays with the kernel."""
        if self.process is not None and self.process.poll() is None:
            self.process.kill()
        self.wait()

    def wait(self) -> int:
        """Wait for its end; returns its exit code."""
        assert self.process is not None
        return self.process.wait(20)

    def cut_power(self) -> int:
        """Kill it, and lose what was not synced; returns how many bytes that were."""
        self.kill()
        notes = self._notes.read_bytes()
        synced = dict(struct.iter_unpack("=QQ", notes[: len(notes) // 16 * 16]))
        lost = 0
        for file in self.aof.iterdir():
            found = file.stat()
            kept = min(found.st_size, synced.get(found.st_ino, 0))
            lost += found.st_size - kept
            os.truncate(file, kept)
        return lost

    def stop(self) -> None:
        """End it as an operator does."""
        if self.process is not None and self.process.poll() is None:
            self.process.send_signal(signal.SIGCONT)
            self.process.terminate()
            self.wait()


@asynccontextmanager
async def a_server(**settings: str) -> AsyncIterator[Server]:
    """A running server in a folder that goes with it."""
    folder = Path(tempfile.mkdtemp(prefix="wp-"))
    server = Server(folder, **settings)
    try:
        await server.start()
        yield server
    finally:
        server.stop()
        shutil.rmtree(folder, ignore_errors=True)


@asynccontextmanager
async def opened(server: Server) -> AsyncIterator[Store]:
    """An open store on *server*."""
    async with await connect(server.url, patience=20) as store:
        yield store


async def until(holds: Callable[[], bool], within: float, what: str) -> None:
    """Wait until *holds*; fail with *what* after *within* seconds."""
    async with asyncio.timeout(within):
        while not holds():
            await asyncio.sleep(0.02)
    assert holds(), what
