"""
A worker: compiles and runs scripts for `pool`, one job at a time, until its socket closes.

It is started by an isolated interpreter with an empty environment, shuts itself in before the first
script, and may be killed at any moment: it owns nothing.
"""

from __future__ import annotations

import re
import signal
import sys
import time
from collections import OrderedDict
from typing import TYPE_CHECKING, Any, Final

import orjson
from vrl_python import VRLRuntime

from shared.vrl import frames
from shared.vrl.confine import confine
from shared.vrl.diagnostics import Problem, compile_problem, problem, run_problem

if TYPE_CHECKING:
    from typing import BinaryIO

MOST_PROGRAMS: Final = 1000  # 54 KB each
LONGEST_BATCH: Final = 0.1  # seconds after which the rest of a batch goes back
ORPHAN_GRACE: Final = 5.0  # seconds past the deadline: nobody is left to kill this process

# A timestamp comes out of the engine as text like this, and a string may look the same: it is taken for
# a timestamp only if the script has something that makes one.
_TIMESTAMP = re.compile(r"([+-]?\d{4,6}-\d\d-\d\d) (\d\d:\d\d:\d\d(?:\.\d+)?) UTC")
_MAKES_TIMESTAMPS = re.compile(r"timestamp|now\(|t'|log|grok|authorization|influx")


class ScriptProblem(Exception):
    """A job ends with this instead of a value."""

    def __init__(self, what: Problem) -> None:
        """Keep the problem as it will be sent."""
        self.what = what
        super().__init__(what["message"])


class Program:
    """A script, compiled once."""

    def __init__(self, source: str) -> None:
        """Compile; raises `ScriptProblem`."""
        self._source = source
        self._makes_timestamps = bool(_MAKES_TIMESTAMPS.search(source))
        # Without a time zone the engine takes the host's.
        self._runtime = VRLRuntime(timezone="UTC")
        try:
            self._runtime.compile(source)
        except ValueError as error:
            raise ScriptProblem(compile_problem(str(error))) from None
        except BaseException as error:  # noqa: BLE001 - a panic of the engine is no Exception
            raise ScriptProblem(_panic("compile", error)) from None

    def run(self, event: bytes) -> Any:
        """The script's value for one event; raises `ScriptProblem`."""
        given = event_of(event)
        try:
            value = self._runtime.execute(self._source, given).runtime_result
        except RuntimeError as error:
            raise ScriptProblem(run_problem(str(error))) from None
        except (ValueError, TypeError) as error:
            raise ScriptProblem(
                problem("input", f"the engine refuses the event: {error}")
            ) from None
        except BaseException as error:  # noqa: BLE001 - a panic of the engine is no Exception
            raise ScriptProblem(_panic("runtime", error)) from None
        result = [rfc3339(value) if self._makes_timestamps else value]
        make_whole(result)
        return result[0]


def _panic(kind: str, error: BaseException) -> Problem:
    """The engine's PanicException is no Exception; anything else that is none ends the worker."""
    if isinstance(error, MemoryError):
        return problem(kind, "needs more memory than a script may use")
    if type(error).__name__ != "PanicException":
        raise error
    return problem(kind, f"the engine panicked: {error}")


def event_of(line: bytes) -> dict[str, Any]:
    """The event in *line*, with numbers as JavaScript would pass them on."""
    try:
        event = orjson.loads(line)
    except orjson.JSONDecodeError as error:
        raise ScriptProblem(problem("input", f"the event is not JSON: {error}")) from None
    if not isinstance(event, dict):
        raise ScriptProblem(problem("input", "the event is not a JSON object"))
    make_whole(event)
    return event


def make_whole(value: dict[str, Any] | list[Any]) -> None:
    """
    Turn whole floats into integers, in place.

    Botpress's engine gets its events from JavaScript and returns its values to it, and JavaScript knows
    no other way to write them. Integers stay exact, where JavaScript rounds them beyond 2^53.

    >>> event = {"a": 1.0, "b": [1.5, -2e3], "c": 1e19}
    >>> make_whole(event)
    >>> event
    {'a': 1, 'b': [1.5, -2000], 'c': 1e+19}
    """
    items = value.items() if isinstance(value, dict) else enumerate(value)
    for place, item in items:
        if type(item) is float:
            if item.is_integer() and -(2**63) <= item < 2**63:
                value[place] = int(item)  # type: ignore[index]
        elif type(item) is dict or type(item) is list:
            make_whole(item)


def rfc3339(value: Any) -> Any:
    """
    *value* with its timestamps as Botpress's engine writes them.

    >>> rfc3339({"at": "2020-01-01 00:00:00.123 UTC"})
    {'at': '2020-01-01T00:00:00.123Z'}
    """
    if isinstance(value, str):
        found = _TIMESTAMP.fullmatch(value)
        return f"{found[1]}T{found[2]}Z" if found else value
    if isinstance(value, list):
        return [rfc3339(item) for item in value]
    if isinstance(value, dict):
        return {name: rfc3339(item) for name, item in value.items()}
    return value


class Programs:
    """The programs this worker knows, the least used forgotten first, and what it does with them."""

    def __init__(self) -> None:
        self._known: OrderedDict[str, Program] = OrderedDict()

    def answer(self, request: bytes) -> bytes:
        """The reply to one request."""
        head, _, payload = request.partition(b"\n")
        job: frames.Job = orjson.loads(head)
        try:
            program = self._program(job)
            if program is None:
                return frames.LACKS
            return self._do(job["do"], program, payload)
        except ScriptProblem as error:
            return frames.PROBLEM + orjson.dumps(error.what)

    def _program(self, job: frames.Job) -> Program | None:
        key, source = job["key"], job.get("source")
        if key not in self._known:
            if source is None:
                return None
            self._known[key] = Program(source)
            if len(self._known) > MOST_PROGRAMS:
                self._known.popitem(last=False)
        self._known.move_to_end(key)
        return self._known[key]

    def _do(self, what: str, program: Program, payload: bytes) -> bytes:
        if what == "compile":
            return frames.RESULT + b"null"
        if what == "lines":
            return frames.LINES + _lines(program, payload, LONGEST_BATCH)
        if what == "turn":
            return frames.LINES + _lines(program, payload, frames.LONGEST_TURN)
        return frames.RESULT + _encoded(program.run(payload))


def _encoded(value: Any) -> bytes:
    try:
        result = orjson.dumps(value)
    except (TypeError, ValueError):
        text = "the result is nested deeper than 254 levels"
        raise ScriptProblem(problem("runtime", text)) from None
    if len(result) > frames.LARGEST_RESULT:
        text = f"the result is larger than {frames.LARGEST_RESULT >> 20} MiB"
        raise ScriptProblem(problem("runtime", text))
    return result


def _lines(program: Program, events: bytes, longest: float) -> bytes:
    """One line of JSON per event, for as many as *longest* seconds allow, at least one."""
    lines: list[bytes] = []
    size = 0
    stop = time.monotonic() + longest
    for event in events.split(b"\n"):
        lines.append(_line(program, event))
        size += len(lines[-1])
        if time.monotonic() > stop or size > frames.LARGEST_RESULT:
            break
    return b"\n".join(lines)


def _line(program: Program, event: bytes) -> bytes:
    try:
        return b'{"result":' + _encoded(program.run(event)) + b"}"
    except ScriptProblem as error:
        return orjson.dumps({"error": error.what})


def serve(incoming: BinaryIO, outgoing: BinaryIO, deadline: float) -> None:
    """Answer requests until the socket closes."""
    programs = Programs()
    outgoing.write(frames.frame(frames.READY))
    outgoing.flush()
    while length := incoming.read(frames.LENGTH.size):
        request = incoming.read(*frames.LENGTH.unpack(length))
        signal.setitimer(signal.ITIMER_REAL, deadline + ORPHAN_GRACE)
        reply = programs.answer(request)
        signal.setitimer(signal.ITIMER_REAL, 0)
        outgoing.write(frames.frame(reply))
        outgoing.flush()


def main() -> None:
    """Serve the socket that is standard input, both ways; arguments: parent's pid, deadline."""
    parent, deadline = int(sys.argv[1]), float(sys.argv[2])
    incoming, outgoing = open(0, "rb"), open(0, "wb", closefd=False)  # noqa: SIM115
    confine(parent)
    try:
        serve(incoming, outgoing, deadline)
    except (BrokenPipeError, ConnectionResetError):
        sys.exit(0)  # the pool is gone
