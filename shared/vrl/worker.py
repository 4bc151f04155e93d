"""A worker process as the pool sees it: ask, wait no longer than the deadline, kill."""

from __future__ import annotations

import asyncio
import importlib.util
import os
import signal
import socket
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Final, cast

from shared.errors import SetupFailed
from shared.vrl import frames

if TYPE_CHECKING:
    from collections.abc import Callable

START_TIMEOUT: Final = 30.0  # seconds; 0.03 on an idle machine

# The isolated interpreter knows only the standard library and its own site-packages. Where this very
# package and the two it needs lie (a checkout, a wheel, a user's site-packages) is told by the parent.
_START: Final = (
    "import sys; sys.path.extend(sys.argv[3:]); from shared.vrl.worker_main import main; main()"
)


class WorkerLost(Exception):
    """The worker is gone; *kind* is `timeout` or `crashed`, *blameless* if somebody else killed it."""

    def __init__(self, kind: str, message: str, *, blameless: bool = False) -> None:
        """Keep what the caller's error will say."""
        self.kind, self.message, self.blameless = kind, message, blameless
        super().__init__(message)


class Worker(asyncio.Protocol):
    """One process; it does one job at a time."""

    def __init__(self, process: subprocess.Popen[bytes]) -> None:
        """Take over *process*; use `spawn`."""
        self.holds: set[str] = set()  # keys of the programs it was sent
        self._process = process
        self._transport: asyncio.Transport | None = None
        self._reply: asyncio.Future[bytes] = asyncio.get_running_loop().create_future()
        self._received = bytearray()
        self._killed = False
        self.on_idle_death: Callable[[Worker], None] = _ignore

    @classmethod
    async def spawn(cls, deadline: float) -> Worker:
        """A worker that is ready; raises `SetupFailed` when it cannot start."""
        ours, its = socket.socketpair()
        with its:
            process = _process(its.fileno(), deadline)
        loop = asyncio.get_running_loop()
        _, worker = await loop.create_unix_connection(lambda: cls(process), sock=ours)
        try:
            await worker._answer(START_TIMEOUT)  # noqa: SLF001 - READY
        except WorkerLost as lost:
            raise SetupFailed(
                f"the VRL worker does not start: {lost.message}",
                "check with `python -I -c 'import vrl_python, orjson'`; reinstall waypost",
            ) from None
        return worker

    @property
    def pid(self) -> int:
        """Its process id."""
        return self._process.pid

    async def ask(self, request: bytes, deadline: float) -> bytes:
        """The reply to *request*; raises `WorkerLost`, and the process is dead then."""
        if self._transport is None or self._transport.is_closing():
            raise WorkerLost("crashed", "the worker died between two jobs", blameless=True)
        self._reply = asyncio.get_running_loop().create_future()
        self._transport.write(frames.frame(request))
        return await self._answer(deadline)

    async def _answer(self, deadline: float) -> bytes:
        timer = asyncio.get_running_loop().call_later(deadline, self._expire, deadline)
        try:
            return await self._reply
        except BaseException:
            await self.kill()
            raise
        finally:
            timer.cancel()

    def _expire(self, deadline: float) -> None:
        if not self._reply.done():
            text = f"was stopped: it ran longer than {deadline:g} s"
            self._reply.set_exception(WorkerLost("timeout", text))

    async def kill(self) -> None:
        """End the process and wait for it; may be called twice."""
        self._killed = True
        self._process.kill()
        if not self._reply.done():
            self._reply.set_exception(
                WorkerLost("crashed", "its worker was stopped", blameless=True)
            )
        if self._transport:
            self._transport.abort()
        await asyncio.to_thread(self._process.wait)

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """The socket is ours to write to."""
        self._transport = cast("asyncio.Transport", transport)  # uvloop's is none by name

    def data_received(self, data: bytes) -> None:
        """Collect a reply; it is whole when its length is there."""
        self._received += data
        if len(self._received) < frames.LENGTH.size:
            return
        end = frames.LENGTH.size + frames.LENGTH.unpack_from(self._received)[0]
        if len(self._received) >= end and not self._reply.done():
            reply = bytes(self._received[frames.LENGTH.size : end])
            self._received.clear()
            self._reply.set_result(reply)

    def connection_lost(self, exc: Exception | None) -> None:
        """The process has ended, or its socket broke."""
        del exc
        if self._killed:
            return
        cause = self._cause_of_death()
        if self._reply.done():
            self.on_idle_death(self)
        else:
            self._reply.set_exception(cause)

    def _cause_of_death(self) -> WorkerLost:
        try:
            code = self._process.wait(0.2)
        except subprocess.TimeoutExpired:
            return WorkerLost("crashed", "took its worker process down")
        if code == -signal.SIGKILL:
            return WorkerLost("crashed", "its worker process was killed", blameless=True)
        name = signal.Signals(-code).name if code < 0 else f"exit code {code}"
        return WorkerLost("crashed", f"took its worker process down ({name}): {_likely(code)}")


def _ignore(worker: Worker) -> None:
    del worker


def _likely(code: int) -> str:
    if code == -signal.SIGABRT:
        return "too much memory or too deep for the stack"
    return "too deep for the stack" if code == -signal.SIGSEGV else "a fault in the engine"


def _process(its: int, deadline: float) -> subprocess.Popen[bytes]:
    arguments = [str(os.getpid()), repr(deadline), *_import_paths()]
    return subprocess.Popen(
        [sys.executable, "-I", "-B", "-c", _START, *arguments],
        stdin=its,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        env={},
        cwd="/",
    )


def _import_paths() -> list[str]:
    """Folders that hold this package, the engine and orjson."""
    ours = Path(__file__).resolve().parents[2]
    specs = (importlib.util.find_spec(name) for name in ("vrl_python", "orjson"))
    theirs = (Path(spec.origin).parents[1] for spec in specs if spec and spec.origin)
    return [str(folder) for folder in dict.fromkeys((ours, *theirs))]
