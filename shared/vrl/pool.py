"""Runs scripts in worker processes that may die; the caller gets a value or an error, in time."""

from __future__ import annotations

import asyncio
from functools import partial
from typing import TYPE_CHECKING, Any, Final, Self

import orjson
import structlog

from shared.errors import HandlerUnavailable, ScriptFailed, ScriptInvalid, SetupFailed
from shared.vrl import frames
from shared.vrl.diagnostics import Problem, problem
from shared.vrl.parts import read_of
from shared.vrl.quarantine import Quarantine
from shared.vrl.script import Script, script
from shared.vrl.together import Frame, Together
from shared.vrl.turns import Turns
from shared.vrl.worker import Worker, WorkerLost

if TYPE_CHECKING:
    from collections.abc import Callable

    from shared.vrl.frames import Job

_RESPAWN_PAUSE: Final = 1.0  # seconds, when a worker could not be started
_log = structlog.get_logger()


class VrlPool:
    """
    *size* workers and a spare; a job that takes longer than *deadline* seconds loses its worker.

    Callers wait in a ring of scripts, so one busy script delays no other. Close it, or use it as an
    asynchronous context manager; its processes end with the process that started them whatever happens.
    """

    def __init__(self, *, size: int = 2, deadline: float = 1.0) -> None:
        """Nothing runs until `start`."""
        self.size, self.deadline = size, deadline
        self._turns = Turns()
        self._quarantine = Quarantine()
        self._together = Together(self._ask_of)
        self._workers: set[Worker] = set()  # in turn
        self._spare: Worker | None = None
        self._hiring: asyncio.Task[None] | None = None
        self._is_open = False

    async def start(self) -> None:
        """Start the workers; raises `SetupFailed` when they cannot."""
        started = await asyncio.gather(
            *(Worker.spawn(self.deadline) for _ in range(self.size + 1)), return_exceptions=True
        )
        self._is_open = True
        for worker in started:
            if isinstance(worker, Worker):
                self._place(worker)
        for failure in started:
            if isinstance(failure, BaseException):
                await self.close()
                raise failure

    async def close(self) -> None:
        """Kill the workers and wait for them; who still waits gets `HandlerUnavailable`."""
        self._is_open = False
        self._turns.close(HandlerUnavailable("the VRL workers are stopped"))
        if self._hiring:
            self._hiring.cancel()
            await asyncio.gather(self._hiring, return_exceptions=True)
        workers = [*self._workers, *([self._spare] if self._spare else [])]
        self._workers.clear()
        self._spare = None
        await asyncio.gather(*(worker.kill() for worker in workers))

    async def __aenter__(self) -> Self:
        await self.start()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.close()

    @property
    def pids(self) -> list[int]:
        """Process ids of the workers in turn."""
        return [worker.pid for worker in self._workers]

    async def compile(self, name: str, source: str) -> None:
        """Raise `ScriptInvalid` unless *source* passes the guard and compiles in time."""
        reply = await self.ask(script(name, source), "compile", b"")
        if reply[:1] == frames.PROBLEM:
            raise _invalid(name, orjson.loads(reply[1:]))

    async def run(self, name: str, source: str, event: dict[str, Any]) -> Any:
        """
        The value of the script for *event*: what JSON can hold, timestamps in RFC 3339.

        Raises `ScriptInvalid` when the script does not compile, `ScriptFailed` when it fails, aborts,
        takes too long, is killed for its memory, or is in quarantine because it did so twice.
        """
        line = await self._together.line(
            script(name, source), event_body(name, _read_by(source, event))
        )
        said = orjson.loads(line)
        if "result" in said:
            return said["result"]
        what: Problem = said["error"]
        raise _invalid(name, what) if what["kind"] == "compile" else _failed(name, what)

    async def ask(
        self, script: Script, do: str, body: bytes, *, may_blame: bool = True
    ) -> bytes:
        """A worker's reply, or a `PROBLEM` when the worker was lost and no other could answer."""
        return await self._ask(script, do, lambda: body, lambda: may_blame)

    async def _ask_of(self, frame: Frame) -> bytes:
        body = partial(self._together.body, frame)
        return await self._ask(frame.script, "turn", body, frame.is_alone)

    async def _ask(
        self, script: Script, do: str, body: Callable[[], bytes], may_blame: Callable[[], bool]
    ) -> bytes:
        """*body* is asked for when there is a worker."""
        for is_last in (False, True):
            left = self._quarantine.remaining(script.key, asyncio.get_running_loop().time())
            if left:
                body()
                return _problem(
                    "quarantined", f"killed two workers; is tried again in {left:.0f} s"
                )
            try:
                return await self._ask_once(script, do, body)
            except WorkerLost as lost:
                if lost.blameless and not is_last:
                    continue  # scripts have no effects: once more is safe
                if may_blame():
                    self._quarantine.add(script.key, asyncio.get_running_loop().time())
                return _problem(lost.kind, lost.message)
        raise AssertionError  # pragma: no cover - the last round returns

    async def _ask_once(self, script: Script, do: str, body: Callable[[], bytes]) -> bytes:
        if not self._is_open:
            raise HandlerUnavailable("the VRL workers are stopped")
        worker = await self._turns.take(script.key)
        try:
            reply = await self._reply(worker, script, do, body())
        except BaseException as error:
            # Cancelled callers too: what the worker is busy with cannot be stopped another way.
            await self._replace(worker, error)
            raise
        self._turns.give(worker)
        return reply

    async def _reply(self, worker: Worker, script: Script, do: str, body: bytes) -> bytes:
        job: Job = {"do": do, "key": script.key}
        reply = frames.LACKS
        if script.key in worker.holds:
            reply = await worker.ask(orjson.dumps(job) + b"\n" + body, self.deadline)
        if reply == frames.LACKS:
            job["source"] = script.source
            reply = await worker.ask(orjson.dumps(job) + b"\n" + body, self.deadline)
            worker.holds.add(script.key)
        return reply

    async def _replace(self, worker: Worker, error: BaseException) -> None:
        if isinstance(error, WorkerLost):
            _log.warning("vrl.worker_lost", pid=worker.pid, kind=error.kind)
        self._refill(worker)
        await worker.kill()

    def _died_idle(self, worker: Worker) -> None:
        """Nobody waits for it; `_refill` finds another."""
        _log.warning("vrl.worker_lost", pid=worker.pid, kind="idle")
        if worker is self._spare:
            self._spare = None
        self._turns.drop(worker)
        self._refill(worker)

    def _refill(self, lost: Worker) -> None:
        self._workers.discard(lost)
        if self._spare and self._is_open:
            spare, self._spare = self._spare, None
            self._place(spare)
        if self._is_open and (self._hiring is None or self._hiring.done()):
            self._hiring = asyncio.create_task(self._hire())

    async def _hire(self) -> None:
        """Start workers until all places and the spare's are filled."""
        while len(self._workers) < self.size or self._spare is None:
            try:
                self._place(await Worker.spawn(self.deadline))
            except (SetupFailed, OSError) as error:
                _log.warning("vrl.worker_not_started", reason=str(error))
                await asyncio.sleep(_RESPAWN_PAUSE)

    def _place(self, worker: Worker) -> None:
        worker.on_idle_death = self._died_idle
        if len(self._workers) >= self.size:
            self._spare = worker
            return
        self._workers.add(worker)
        self._turns.give(worker)


def _read_by(source: str, event: dict[str, Any]) -> dict[str, Any]:
    try:
        return {part: event[part] for part in read_of(source, tuple(event.keys()))}
    except (AttributeError, TypeError):
        return event  # no object with names, as the worker will say


def event_body(name: str, event: dict[str, Any]) -> bytes:
    """*event* as JSON; raises `ScriptFailed` of kind `input`."""
    try:
        body = _encoded(event)
    except (TypeError, RecursionError) as error:
        raise _failed(name, problem("input", f"the event is not JSON: {error}")) from None
    if len(body) > frames.LARGEST_EVENT:
        text = f"the event is larger than {frames.LARGEST_EVENT >> 20} MiB"
        raise _failed(name, problem("input", text))
    return body


def _encoded(event: dict[str, Any]) -> bytes:
    try:
        return orjson.dumps(event)
    except TypeError:
        return orjson.dumps(
            _narrow(event)
        )  # once more, in case it was an integer beyond 64 bits


def _narrow(value: Any) -> Any:
    """
    Integers beyond 64 bits as floats, which is what JSON's readers make of them.

    >>> _narrow({"big": [2**70, 2**63]})
    {'big': [1.1805916207174113e+21, 9223372036854775808]}
    """
    if isinstance(value, dict):
        return {name: _narrow(item) for name, item in value.items()}
    if isinstance(value, list):
        return [_narrow(item) for item in value]
    if isinstance(value, int) and not -(2**63) <= value < 2**64:
        return float(value) if abs(value) < 10**308 else None
    return value


def _problem(kind: str, message: str) -> bytes:
    return frames.PROBLEM + orjson.dumps(problem(kind, message))


def _invalid(name: str, what: Problem) -> ScriptInvalid:
    return ScriptInvalid(name, what["kind"], what["message"], what["line"])


def _failed(name: str, what: Problem) -> ScriptFailed:
    return ScriptFailed(name, what["kind"], what["message"], what["line"])
