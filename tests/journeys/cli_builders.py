"""The command as an operator types it: real processes, an environment of their own, and a Redis beside them."""

from __future__ import annotations

import ctypes
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from itertools import count
from pathlib import Path
from typing import Any

import orjson

from shared.storage.binary import valkey_server

ROOT = Path(__file__).parents[2]
COMMAND = [sys.executable, "-m", "services.cli.main"]
_PR_CAPBSET_DROP, _CAP_DAC_OVERRIDE, _CAP_DAC_READ_SEARCH = (
    24,
    1,
    2,
)  # linux/prctl.h, linux/capability.h


def as_anybody() -> None:
    """Give up root's right to write everywhere, before another program is run (capabilities(7))."""
    if os.geteuid() == 0:
        for override in (_CAP_DAC_OVERRIDE, _CAP_DAC_READ_SEARCH):
            if ctypes.CDLL(None).prctl(_PR_CAPBSET_DROP, override, 0, 0, 0) != 0:
                raise OSError("a capability could not be dropped")


class Ended:
    """How a command ended and what it said."""

    def __init__(self, done: subprocess.CompletedProcess[str]) -> None:
        self.code, self.out, self.err = done.returncode, done.stdout, done.stderr
        assert "Traceback" not in self.out + self.err, self.err

    @property
    def json(self) -> Any:
        """Standard output as JSON."""
        return orjson.loads(self.out)

    def __repr__(self) -> str:
        return f"Ended({self.code}, {self.out!r}, {self.err!r})"


class Shell:
    """Runs `waypost …` in *folder* with nothing in its environment but a home and what it is given."""

    as_anybody = (
        False  # with no rights beyond those of the files, even when root runs the tests
    )

    def __init__(self, home: Path, folder: Path = ROOT, **environ: str) -> None:
        self.home, self.folder = home, folder
        self._logs = count()
        self.environ = {"PATH": os.environ["PATH"], "HOME": str(home), **environ}

    def __call__(self, *words: str, given: str = "", **environ: str) -> Ended:
        done = subprocess.run(
            [*COMMAND, *words], cwd=self.folder, env={**self.environ, **environ},
            input=given, capture_output=True, text=True, timeout=50, check=False,
            preexec_fn=as_anybody if self.as_anybody else None,
        )  # fmt: skip
        return Ended(done)

    def start(self, *words: str, **environ: str) -> Started:
        """Start it and go on."""
        log = self.home / f"log-{next(self._logs)}"
        return Started([*COMMAND, *words], {**self.environ, **environ}, log)


class Started:
    """A command that runs."""

    def __init__(self, command: list[str], environ: dict[str, str], log: Path) -> None:
        self._log = log
        with log.open("wb") as file:
            self.process = subprocess.Popen(
                command, cwd=ROOT, env=environ, start_new_session=True,
                stdout=file, stderr=subprocess.STDOUT,
            )  # fmt: skip

    @property
    def said(self) -> str:
        """All it has printed."""
        return self._log.read_text()

    def until(self, holds: Callable[[], object], within: float = 30.0) -> None:
        """Wait for *holds*, or fail with what was printed."""
        end = time.monotonic() + within
        while not holds():
            assert self.process.poll() is None, self.said
            assert time.monotonic() < end, self.said
            time.sleep(0.03)

    def until_it_says(self, words: str) -> None:
        """Wait for *words*."""
        self.until(lambda: words in self.said)

    def stop(self, number: int = signal.SIGTERM) -> int:
        """Send a signal and wait; returns the exit code."""
        self.process.send_signal(number)
        return self.process.wait(40)


def processes_of(folder: Path) -> list[str]:
    """The command lines of the processes that know *folder* from their arguments or their environment."""
    return [
        line.replace(b"\0", b" ").decode()
        for one in Path("/proc").glob("[0-9]*")
        if (line := _read(one / "cmdline"))
        and os.fsencode(folder) in line + _read(one / "environ")
    ]


def _read(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError:
        return b""


@contextmanager
def busy_port() -> Iterator[int]:
    """A port on which somebody else listens."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        yield int(server.getsockname()[1])


@contextmanager
def a_redis(folder: Path, *settings: str, program: str = "") -> Iterator[str]:
    """A server that is not ours, without an append-only file unless *settings* say so; gives `host:port`."""
    program = program or str(valkey_server())
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    server = subprocess.Popen(
        [program, "--port", str(port), "--bind", "127.0.0.1",
         "--dir", str(folder), "--save", "", *settings],
        stdout=subprocess.DEVNULL,
    )  # fmt: skip
    try:
        _wait_for(port)
        yield f"127.0.0.1:{port}"
    finally:
        server.terminate()
        server.wait(20)


def _wait_for(port: int) -> None:
    end = time.monotonic() + 10
    while True:
        try:
            return socket.create_connection(("127.0.0.1", port)).close()
        except OSError:
            assert time.monotonic() < end, "the server does not answer"
            time.sleep(0.02)
