"""A definition in a folder, looked at before it is published: is it right, and whose is this request?"""

from __future__ import annotations

import logging
import sys
import tomllib
from pathlib import Path
from typing import TYPE_CHECKING, Any

import orjson
import structlog

from shared.errors import ScriptFailed, ScriptInvalid, SetupFailed
from shared.integrations.definition import compile_scripts, load_folder
from shared.integrations.folder import DEFINITION
from shared.integrations.registry import handlers_of
from shared.routing import left_out, slices
from shared.vrl.pool import VrlPool

if TYPE_CHECKING:
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


_FIX = (
    'give a file with {"method": "POST", "path": "", "query": "", "headers": {…}, "body": "…"}'
)
