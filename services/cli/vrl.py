"""`waypost vrl`: try a script on events from a file, with the engine and the limits of a worker."""

from __future__ import annotations

import asyncio
import logging
import os
import sys
from collections.abc import Iterator
from contextlib import aclosing, contextmanager
from pathlib import Path
from typing import Annotated, Any, Final, NoReturn

import orjson
import structlog
import typer

from services.cli.eventlines import lines_of
from shared.errors import ScriptFailed, ScriptInvalid
from shared.vrl.diagnostics import problem
from shared.vrl.lines import run_lines
from shared.vrl.pool import VrlPool

WRONG_USE: Final = 2  # exit code: nothing was run

vrl_app = typer.Typer(no_args_is_help=True, help="Try the VRL scripts of an integration.")

ScriptFile = Annotated[
    Path, typer.Argument(help="The script, such as extract.vrl", metavar="SCRIPT")
]
EventFile = Annotated[
    str | None,
    typer.Option(
        "--event", metavar="FILE", help="One event, a JSON object; - is standard input."
    ),
]
EventsFile = Annotated[
    str | None,
    typer.Option(
        "--events", metavar="FILE", help="One JSON object per line; - is standard input."
    ),
]
OnlyJson = Annotated[
    bool, typer.Option("--json", help="JSON on standard output, no sentence beside it.")
]


@vrl_app.callback()
def vrl() -> None:
    """Try the VRL scripts of an integration."""


@vrl_app.command()
def run(
    script: ScriptFile,
    *,
    event: EventFile = None,
    events: EventsFile = None,
    as_json: OnlyJson = False,
) -> None:
    """
    Run SCRIPT on one event, or on each line of a file of events.

    Each event gives one line, {"result": …} or {"error": {"kind", "message", "line"}}, in order. Kinds are
    compile, runtime, abort, timeout, input, crashed and quarantined; line is a line of the script.
    With --event the exit code is 1 after an error. It is 2 when a file cannot be read.

    For example:

    waypost vrl run extract.vrl --event request.json

    waypost vrl run extract.vrl --events requests.jsonl > identifiers.jsonl

    tail -f requests.jsonl | waypost vrl run extract.vrl --events - --json
    """
    if (event is None) == (events is None):
        _refuse("give either --event FILE or --events FILE")
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.CRITICAL))
    source = _script_text(script)
    with _opened(event or events or "-") as file:
        if event is not None:
            raise typer.Exit(_one(script.name, source, _whole(file), as_json=as_json))
        failed = asyncio.run(_many(script.name, source, file))
    if failed and not as_json:
        typer.echo(f"{script.name}: {failed} events ended in an error", err=True)


def _one(name: str, source: str, text: bytes, *, as_json: bool) -> int:
    try:
        value = asyncio.run(_value(name, source, _object(name, text)))
    except (ScriptFailed, ScriptInvalid) as error:
        _write([orjson.dumps({"error": problem(error.kind, error.message, error.line)})])
        if not as_json:
            typer.echo(_printable(str(error)), err=True)
        return 1
    _write([orjson.dumps({"result": value})])
    return 0


def _object(name: str, text: bytes) -> dict[str, Any]:
    try:
        event = orjson.loads(text.removeprefix(b"\xef\xbb\xbf"))
    except orjson.JSONDecodeError as error:
        raise ScriptFailed(name, "input", f"the event is not JSON: {error}") from None
    if not isinstance(event, dict):
        raise ScriptFailed(name, "input", "the event is not a JSON object")
    return event


async def _value(name: str, source: str, event: dict[str, Any]) -> Any:
    async with VrlPool(size=1) as pool:
        return await pool.run(name, source, event)


async def _many(name: str, source: str, file: int) -> int:
    """How many events ended in an error."""
    failed = 0
    async with (
        VrlPool() as pool,
        aclosing(run_lines(pool, name, source, lines_of(file))) as all_answers,
    ):
        async for answers in all_answers:
            _write(answers)
            failed += sum(answer.startswith(b'{"error":') for answer in answers)
    return failed


def _script_text(path: Path) -> str:
    try:
        return path.read_bytes().decode()
    except OSError as error:
        _refuse(f"cannot read the script {path}: {error.strerror}")
    except UnicodeDecodeError as error:
        _refuse(f"the script {path} is not UTF-8 text: {error.reason} at byte {error.start}")


@contextmanager
def _opened(path: str) -> Iterator[int]:
    """A descriptor of *path*, or of standard input; what cannot be read ends the command."""
    file = 0
    try:
        file = 0 if path == "-" else os.open(path, os.O_RDONLY)
        yield file
    except (FileNotFoundError, PermissionError, IsADirectoryError) as error:
        _refuse(f"cannot read the events {path}: {error.strerror}")
    finally:
        if file:
            os.close(file)


def _whole(file: int) -> bytes:
    with open(file, "rb", closefd=False) as stream:
        return stream.read()


def _write(lines: list[bytes]) -> None:
    sys.stdout.buffer.write(b"\n".join([*lines, b""]))
    sys.stdout.buffer.flush()


def _printable(text: str) -> str:
    """*text* without what a terminal would obey: it may quote the event."""
    return "".join(letter if letter.isprintable() or letter == "\n" else " " for letter in text)


def _refuse(problem: str) -> NoReturn:
    typer.echo(f"waypost vrl run: {problem}", err=True)
    raise typer.Exit(WRONG_USE)


if __name__ == "__main__":
    vrl_app()
