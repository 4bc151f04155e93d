"""The server of every contender: the embedded Valkey's program and settings, on a port and a fresh folder."""

from __future__ import annotations

import shutil
import subprocess
import tempfile
import time
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import redis

from bench.programs import CACHE, HERE, SECOND, Failed, Program, free_port
from shared.storage import keys
from shared.storage.embedded import ALLOCATOR, command
from shared.storage.nest import Nest

if TYPE_CHECKING:
    from collections.abc import Iterator

UNCOUNTED = ("config", "info", "ping", "hello", "client", "script", "auth", "select", "latency")


class Server:
    """A running Valkey."""

    def __init__(self, folder: Path, delay_ms: float, core: int | None) -> None:
        """Start it on what lies in *folder*; with *delay_ms* each fsync takes that much longer."""
        self.folder, self.port = folder, free_port()
        self._delay_ms, self._core = delay_ms, core
        self._start()

    def _start(self) -> None:
        folder, delay_ms = self.folder, self._delay_ms
        nest = Nest(folder=folder / "valkey", socket=folder / "s")
        nest.folder.mkdir(parents=True, exist_ok=True)
        slow = {"FSYNC_DELAY_US": str(int(delay_ms * 1000))}
        if delay_ms:
            slow["LD_PRELOAD"] = str(_slow_fsync())
        self.program = Program(
            command(nest, self.port),
            core=self._core,
            env=slow | ALLOCATOR,
            log=folder / "server.log",
        )
        self.client = redis.Redis(port=self.port)
        self._await(120.0)

    @property
    def url(self) -> str:
        """Where it answers."""
        return f"redis://127.0.0.1:{self.port}"

    def commands(self) -> int:
        """How many commands it has run, those inside scripts included."""
        stats: dict[str, Any] = self.client.info("commandstats")  # type: ignore[assignment]
        names = {name: one["calls"] for name, one in stats.items()}
        return sum(
            calls
            for name, calls in names.items()
            if name.removeprefix("cmdstat_").split("|")[0] not in UNCOUNTED
        )

    def memory(self) -> int:
        """Bytes that its data takes."""
        return int(self.client.info("memory")["used_memory"])  # type: ignore[index]

    def closed(self, count: int, seconds: float = 60.0) -> float:
        """Wait until *count* of Waypost's records are closed; returns when that was."""
        until = time.monotonic() + seconds
        states = [keys.key("state", state) for state in ("done", "ignored", "dead")]
        while sum(int(self.client.zcard(one)) for one in states) < count:  # type: ignore[arg-type]
            if time.monotonic() > until:
                raise Failed(f"{count} records are not closed within {seconds:.0f} s")
            time.sleep(0.02)
        return time.monotonic()

    def killed_and_started(self) -> float:
        """Kill it and start it on the same folder; returns the seconds until it answers."""
        self.client.close()
        self.program.process.kill()
        self.program.stop()
        began = time.monotonic()
        self._start()
        return round(time.monotonic() - began, 2)

    def stop(self) -> None:
        """End it."""
        self.client.close()
        self.program.stop()

    def _await(self, seconds: float) -> None:
        until = time.monotonic() + seconds
        while time.monotonic() < until and self.program.process.poll() is None:
            try:
                if self.client.ping():
                    return
            except redis.RedisError:
                time.sleep(0.02)
        raise Failed(f"the server does not answer: {self.program.last_words()}")


@contextmanager
def store(delay_ms: float = 0.0, core: int | None = SECOND) -> Iterator[Server]:
    """A fresh server for one block; its folder is in `.bench`, on the disk of the checkout."""
    CACHE.mkdir(exist_ok=True)
    folder = Path(tempfile.mkdtemp(prefix="run-", dir=CACHE))
    server = Server(folder, delay_ms, core)
    try:
        yield server
    finally:
        server.stop()
        shutil.rmtree(folder, ignore_errors=True)


def can_delay() -> bool:
    """Whether there is a compiler for the slow fsync."""
    return shutil.which("gcc") is not None


def _slow_fsync() -> Path:
    library = CACHE / "slowfsync.so"
    source = HERE / "slowfsync.c"
    if not library.exists() or library.stat().st_mtime < source.stat().st_mtime:
        subprocess.run(
            ["gcc", "-O2", "-shared", "-fPIC", str(source), "-o", str(library), "-ldl"],
            check=True,
        )
    return library
