"""A definition in a folder, looked at before it is published: is it right, and whose is this request?"""

from __future__ import annotations

import logging
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import orjson
import structlog

from shared.errors import SetupFailed
from shared.integrations.definition import compile_scripts, load_folder
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
        await compile_scripts(definition, scripts)
    if (folder / "handlers.py").is_file():
        handlers_of(definition.name, folder)
    return definition


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
    name = f"{definition.name} identifier.extractScript"
    async with VrlPool(size=1) as pool:
        value = await pool.run(name, scripts.extract_script, _event(event))
    parts = [
        {"identifier": one.identifier, "body": one.body and one.body.decode()}
        for one in slices(value)
    ]
    return {"slices": parts, "leftOut": left_out(value)}


def _event(where: str) -> dict[str, Any]:
    """The event in the file *where*; `secrets` may be left out of it."""
    try:
        text = sys.stdin.buffer.read() if where == "-" else Path(where).read_bytes()
        found = orjson.loads(text.removeprefix(b"\xef\xbb\xbf"))
    except OSError as error:
        raise SetupFailed(f"{where} cannot be read: {error.strerror}", _FIX) from None
    except orjson.JSONDecodeError as error:
        raise SetupFailed(f"{where} is not JSON: {error}", _FIX) from None
    if not isinstance(found, dict):
        raise SetupFailed(f"{where} is not a JSON object", _FIX)
    return {"secrets": {}, **found}


_FIX = (
    'give a file with {"method": "POST", "path": "", "query": "", "headers": {…}, "body": "…"}'
)
