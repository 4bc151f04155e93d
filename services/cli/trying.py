"""A definition in a folder, looked at before it is published: is it right, and whose is this request?"""

from __future__ import annotations

import logging
import os
import sys
import tomllib
from pathlib import Path
from typing import TYPE_CHECKING, Any

import orjson
import structlog

from services.cli.judging import Judge, LineInvalid, answer, given_in
from shared.clock import SystemClock
from shared.config import Settings
from shared.errors import ScriptFailed, ScriptInvalid, SetupFailed
from shared.integrations.definition import compile_scripts, load_folder
from shared.integrations.folder import DEFINITION
from shared.integrations.registry import folders, handlers_of
from shared.integrations.spelling import nearest
from shared.routing import left_out, slices
from shared.vrl.pool import VrlPool

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from shared.integrations.records import Definition


async def checked(folder: Path, *, allow_loopback: bool = False) -> Definition:
    """The definition in *folder*; raises `DefinitionInvalid` or `ScriptInvalid` with the place and the fix."""
    definition = load_folder(folder, allow_loopback=allow_loopback)
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.CRITICAL))
    async with VrlPool(size=1) as scripts:
        try:
            await compile_scripts(definition, scripts)
        except ScriptInvalid as error:
            raise _in_file(folder, error) from None
    if (folder / "handlers.py").is_file():
        handlers_of(definition.name, folder)
    return definition


def _in_file(folder: Path, error: ScriptInvalid | ScriptFailed) -> ScriptInvalid | ScriptFailed:
    """*error* under the name of the script's file, where the definition has it."""
    named: Any = tomllib.loads((folder / DEFINITION).read_text("utf-8"))
    for part in error.script.rpartition(" ")[2].split("."):
        named = named.get(part) if isinstance(named, dict) else None
    where = str(folder / named) if isinstance(named, str) else error.script
    return type(error)(where, error.kind, error.message, error.line)


def folder_of(name: str) -> Path:
    """The folder that *name* is, or that of the integration called so: built in, or below WAYPOST_INTEGRATIONS."""
    given = Path(name)
    if (given / DEFINITION).is_file():
        return given
    known = folders(Settings.from_env(os.environ).integrations)
    if name not in known:
        raise SetupFailed(
            f"there is no integration {name[:80]!r}, and no folder with a {DEFINITION}",
            nearest(name, known),
        )
    return known[name]


async def judge_lines(
    folder: Path, requests: str, secrets: str | None, write: Callable[[dict[str, Any]], None]
) -> int:
    """Judge each line of the file *requests* and hand *write* its answer; returns how many were no requests."""
    definition = load_folder(folder, allow_loopback=True)
    known = _secrets_in(secrets)
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.CRITICAL))
    clock, wrong = SystemClock(), 0
    async with VrlPool(size=1) as scripts:
        judge = Judge(definition, known, scripts)
        for line in _lines_of(requests):
            try:
                answered = await judge.judged(given_in(line, definition.name, clock.now()))
            except LineInvalid as error:
                answered = answer(verified=False, reason=str(error))
                wrong += 1
            write(answered)
    return wrong


def _lines_of(where: str) -> Iterator[bytes]:
    """Line by line, so that a program may write one, read its answer, and write the next; blank ones are left out."""
    what = "standard input" if where == "-" else where
    try:
        with sys.stdin.buffer if where == "-" else Path(where).open("rb") as lines:
            for number, line in enumerate(lines):
                text = line.removeprefix(b"\xef\xbb\xbf") if number == 0 else line
                if text.strip():
                    yield text
    except OSError as error:
        raise SetupFailed(f"{what} cannot be read: {error.strerror}", _LINES) from None


def _secrets_in(where: str | None) -> dict[str, list[str]]:
    """`{NAME: value}`; a list of values while one is rolled over."""
    if where is None:
        return {}
    fix = 'give a file with {"SIGNING_SECRET": "…"}'
    try:
        found = orjson.loads(Path(where).read_bytes().removeprefix(b"\xef\xbb\xbf"))
    except OSError as error:
        raise SetupFailed(f"{where} cannot be read: {error.strerror}", fix) from None
    except orjson.JSONDecodeError as error:
        raise SetupFailed(f"{where} is not JSON: {error}", fix) from None
    listed: Any = found.items() if isinstance(found, dict) else [("", None)]
    values = {name: one if isinstance(one, list) else [one] for name, one in listed}
    if not all(isinstance(one, str) for many in values.values() for one in many):
        raise SetupFailed(f"{where} is not an object of texts", fix)
    return values


async def found_in(folder: Path, event: str) -> dict[str, Any]:
    """`{slices: [{identifier, body}], leftOut}` that the extract script in *folder* finds in the file *event*."""
    definition = load_folder(folder, allow_loopback=True)
    scripts = definition.identifier
    if scripts is None or scripts.extract_script is None:
        raise SetupFailed(
            f"{definition.name} has no extract script",
            'write extractScript = "extract.vrl" under [identifier] in its definition.toml',
        )
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.CRITICAL))
    given = _event(event)
    async with VrlPool(size=1) as pool:
        try:
            name = f"{definition.name} identifier.extractScript"
            value = await pool.run(name, scripts.extract_script, given)
        except (ScriptInvalid, ScriptFailed) as error:
            raise _in_file(folder, error) from None
    parts = [
        {"identifier": one.identifier, "body": one.body and one.body.decode()}
        for one in slices(value)
    ]
    return {"slices": parts, "leftOut": left_out(value)}


def _event(where: str) -> dict[str, Any]:
    """The event in the file *where*; `secrets` may be left out of it."""
    what = "standard input" if where == "-" else where
    try:
        text = sys.stdin.buffer.read() if where == "-" else Path(where).read_bytes()
        found = orjson.loads(text.removeprefix(b"\xef\xbb\xbf"))
    except OSError as error:
        raise SetupFailed(f"{what} cannot be read: {error.strerror}", _FIX) from None
    except orjson.JSONDecodeError as error:
        raise SetupFailed(f"{what} is not JSON: {error}", _FIX) from None
    if not isinstance(found, dict):
        raise SetupFailed(f"{what} is not a JSON object", _FIX)
    return {"secrets": {}, **found}


_LINES = 'give a file with one {"method", "url", "headers", "body", "secret", "now"} per line'
_FIX = (
    'give a file with {"method": "POST", "path": "", "query": "", "headers": {…}, "body": "…"}'
)
