"""Starting, pinning and measuring programs."""

from __future__ import annotations

import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import time
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

HERE = Path(__file__).parent
ROOT = HERE.parent
CACHE = ROOT / ".bench"
TICK = os.sysconf("SC_CLK_TCK")
CORES = sorted(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else []
FIRST, SECOND = (CORES[0], CORES[1]) if len(CORES) > 1 else (None, None)


class Failed(Exception):
    """A contender did not do what it should; the sentence says what, with its last words."""


def free_port() -> int:
    """A port nobody uses now."""
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        return int(one.getsockname()[1])


class Program:
    """One running program."""

    def __init__(
        self, command: Sequence[str], *, core: int | None, env: dict[str, str], log: Path
    ) -> None:
        """Start it, on one core where there is a choice."""
        pinned = ["taskset", "-c", str(core)] if core is not None and _taskset() else []
        self._log = log
        with log.open("ab") as errors:
            self.process = subprocess.Popen(
                [*pinned, *command],
                env=_environ() | env, cwd=ROOT, start_new_session=True,
                stdout=subprocess.PIPE, stderr=errors, text=True,
            )  # fmt: skip

    def cpu(self) -> float:
        """Seconds of processor that it and its children have used."""
        return sum(_used(pid) for pid in tree(self.process.pid))

    def cpu_of_children(self) -> float:
        """The children's part of it."""
        return sum(_used(pid) for pid in tree(self.process.pid)[1:])

    def answers(self, port: int, seconds: float = 20.0) -> None:
        """Wait until something listens on *port*."""
        until = time.monotonic() + seconds
        while time.monotonic() < until:
            if self.process.poll() is not None:
                break
            try:
                socket.create_connection(("127.0.0.1", port), 1).close()
            except OSError:
                time.sleep(0.02)
            else:
                return
        raise Failed(f"it does not listen: {self.last_words()}")

    def told(self, seconds: float) -> dict[str, Any]:
        """The next JSON object that it prints."""
        timer = _Alarm(self, seconds)
        assert self.process.stdout is not None
        for line in self.process.stdout:
            if line.startswith("{"):
                timer.cancel()
                found: dict[str, Any] = json.loads(line)
                return found
        timer.cancel()
        raise Failed(f"it told nothing within {seconds:.0f} s: {self.last_words()}")

    def stop(self) -> None:
        """End it and all of its children."""
        for number in (signal.SIGTERM, signal.SIGKILL):
            if self.process.poll() is None:
                os.killpg(self.process.pid, number)
                try:
                    self.process.wait(3)
                except subprocess.TimeoutExpired:
                    continue
        if self.process.stdout:
            self.process.stdout.close()

    @contextmanager
    def paused(self) -> Iterator[None]:
        """It and its children do nothing during one block."""
        os.killpg(self.process.pid, signal.SIGSTOP)
        try:
            yield
        finally:
            os.killpg(self.process.pid, signal.SIGCONT)

    def last_words(self) -> str:
        """The end of what it wrote to its log."""
        return self._log.read_text(errors="replace")[-1500:]


class _Alarm:
    """Ends a program that takes too long, so that reading from it ends."""

    def __init__(self, program: Program, seconds: float) -> None:
        import threading  # noqa: PLC0415

        self._timer = threading.Timer(seconds, program.stop)
        self._timer.daemon = True
        self._timer.start()

    def cancel(self) -> None:
        self._timer.cancel()


@contextmanager
def running(
    command: Sequence[str], *, core: int | None, env: dict[str, str], log: Path
) -> Iterator[Program]:
    """Run *command* for one block."""
    program = Program(command, core=core, env=env, log=log)
    try:
        yield program
    finally:
        program.stop()


def finished(
    command: Sequence[str], *, core: int | None, env: dict[str, str], log: Path, seconds: float
) -> str:
    """Run *command* to its end; returns what it printed."""
    with running(command, core=core, env=env, log=log) as program:
        try:
            printed, _ = program.process.communicate(timeout=seconds)
        except subprocess.TimeoutExpired:
            raise Failed(f"{command[-1]} takes longer than {seconds:.0f} s") from None
        if program.process.returncode:
            raise Failed(f"{command[-1]} ended badly: {program.last_words()}")
        return printed


def python(contender: str, *args: str) -> list[str]:
    """The command of a contender that runs in our own environment."""
    return [sys.executable, str(HERE / "contenders" / f"{contender}.py"), *args]


def tree(pid: int) -> list[int]:
    """*pid* and all that descend from it."""
    found = [pid]
    for one in found:
        for tasks in Path(f"/proc/{one}/task").glob("*/children"):
            try:
                found += map(int, tasks.read_text().split())
            except OSError:
                continue
    return found


def _used(pid: int) -> float:
    try:
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except OSError:
        return 0.0
    return (int(fields[11]) + int(fields[12])) / TICK


def _taskset() -> str | None:
    return shutil.which("taskset")


def _environ() -> dict[str, str]:
    kept = {name: os.environ[name] for name in ("PATH", "HOME", "LANG") if name in os.environ}
    return kept | {"PYTHONPATH": str(ROOT), "PYTHONUNBUFFERED": "1"}
