"""
A Valkey of our own beside us: one folder, one owner, everything on disk before it is answered.

It listens on a unix socket in the data folder. It is restarted when it dies, stopped cleanly when we
stop, and told by the kernel (Linux) to stop when we are killed, so no orphan stays on its files.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

from shared.errors import SetupFailed
from shared.storage import nest
from shared.storage.binary import valkey_server
from shared.storage.deathwatch import stop_with_parent

if TYPE_CHECKING:
    from types import TracebackType

_CGROUP = Path("/sys/fs/cgroup/memory.max")
# The scripts make and free many small objects at once. By default glibc keeps seven of a size at hand and sorts the
# rest back; with more of them an accept costs the server a sixth less (20 MB of memory at most).
ALLOCATOR = {"GLIBC_TUNABLES": "glibc.malloc.tcache_count=4000"}
REWRITE_AT = "100"  # per cent that the append-only files grow before they are rewritten …
# … but not before this. A rewrite takes a core for seconds, so a small store should not do it each minute; so much is
# read again in a few seconds.
REWRITE_FROM = "512mb"
STOP_TIMEOUT = 20.0  # seconds for the last write to disk
_LONGEST_PAUSE = 5.0  # seconds between two restarts


def command(place: nest.Nest, port: int) -> list[str]:
    """The program and its settings: durable first."""
    settings = {
        "port": str(port), "bind": "127.0.0.1", "unixsocket": str(place.socket), "unixsocketperm": "700",
        "dir": str(place.folder), "logfile": str(place.log), "daemonize": "no",
        "appendonly": "yes", "appendfsync": "always", "no-appendfsync-on-rewrite": "no", "save": "",
        "auto-aof-rewrite-percentage": REWRITE_AT, "auto-aof-rewrite-min-size": REWRITE_FROM,
        "maxmemory": str(_half_of_memory()), "maxmemory-policy": "noeviction", "hash-max-listpack-value": "256",
    }  # fmt: skip
    return [str(valkey_server())] + [
        word for name, value in settings.items() for word in (f"--{name}", value)
    ]


def _half_of_memory() -> int:
    """Bytes, of the machine or of its container. The rest is for everybody else, and for forks."""
    machine = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    with contextlib.suppress(OSError, ValueError):  # no cgroup v2, or `max`
        machine = min(machine, int(_CGROUP.read_text()))
    return machine // 2


class EmbeddedValkey:
    """
    Run a Valkey for as long as the block lasts; `url` is where it answers.

    *port* opens it on loopback beside its socket. *log* takes structlog's calls. Entering raises
    `SetupFailed`, with the fix, for a folder that cannot be written, a busy port, a missing program or
    another Waypost in the same folder.
    """

    def __init__(self, data_dir: Path, log: Any = None, *, port: int = 0) -> None:
        """Prepare; entering the block starts it."""
        self._place = nest.Nest.at(data_dir)
        self._log, self._port = log, port
        self._server: asyncio.subprocess.Process | None = None
        self._keeper: asyncio.Task[None] | None = None
        self._lock: nest.Lock | None = None
        self.restarts = 0

    @property
    def url(self) -> str:
        """The address for `connect`."""
        return self._place.url

    @property
    def pid(self) -> int | None:
        """The server's process, for tests that kill it."""
        return self._server.pid if self._server else None

    async def __aenter__(self) -> Self:
        """Start, and return once it answers."""
        self._lock = await asyncio.to_thread(nest.prepared, self._place)
        try:
            await nest.without_orphan(self._place)
            nest.check_port(self._port)
            await self._start()
        except BaseException:
            await self._stop()
            raise
        self._keeper = asyncio.create_task(self._keep(), name="embedded-valkey")
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Stop it and wait until its file is complete."""
        if self._keeper is not None:
            self._keeper.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._keeper
        await self._stop()

    async def _start(self) -> None:
        self._server = await asyncio.create_subprocess_exec(
            *command(self._place, self._port),
            env=os.environ | ALLOCATOR,  # noqa: TID251  handed on, not read
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.DEVNULL,
            stderr=asyncio.subprocess.DEVNULL,
            start_new_session=True,  # Ctrl-C reaches us alone; the server goes last
            preexec_fn=stop_with_parent(),
        )
        await self._answers()
        self._tell("store.started", pid=self._server.pid, at=self.url)

    async def _answers(self) -> None:
        """Wait until PING is answered; a server that is reading its file is given the time it needs."""
        assert self._server is not None
        while await nest.greeting(self._place.socket) != b"+PONG":
            if self._server.returncode is not None:
                raise self._did_not_start(self._server.returncode)
            await asyncio.sleep(0.02)

    async def _keep(self) -> None:
        pause = 0.05
        while True:
            assert self._server is not None
            self._tell(
                "store.exited", exit_code=await self._server.wait(), log=str(self._place.log)
            )
            await asyncio.sleep(pause)
            with contextlib.suppress(SetupFailed):
                await self._start()
                self.restarts, pause = self.restarts + 1, 0.05
                continue
            pause = min(pause * 2, _LONGEST_PAUSE)

    async def _stop(self) -> None:
        server, self._server = self._server, None
        if server is not None and server.returncode is None:
            with contextlib.suppress(ProcessLookupError):
                server.send_signal(signal.SIGTERM)
            try:
                await asyncio.wait_for(server.wait(), STOP_TIMEOUT)
            except TimeoutError:
                server.kill()
                await server.wait()
            self._tell("store.stopped", pid=server.pid)
        if self._lock is not None:
            self._lock.release()

    def _did_not_start(self, code: int) -> SetupFailed:
        return SetupFailed(
            f"the embedded Valkey ended with code {code}: {nest.last_words(self._place)}",
            f"read {self._place.log}; the folder {self._place.folder} must be writable and have space",
        )

    def _tell(self, event: str, **facts: Any) -> None:
        if self._log is not None:
            self._log.info(event, **facts)
