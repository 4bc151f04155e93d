"""A folder with `definition.toml` and its scripts, read as one document."""

from __future__ import annotations

import re
import tomllib
from typing import TYPE_CHECKING, Any

from shared.errors import DefinitionInvalid
from shared.integrations.scripts import with_scripts
from shared.integrations.spelling import dotted, nearest

if TYPE_CHECKING:
    from pathlib import Path

DEFINITION = "definition.toml"
HANDLERS = "handlers.py"


def document_in(folder: Path) -> dict[str, Any]:
    """The document of *folder*, each script's file name replaced by its text."""
    source = str(folder / DEFINITION)
    document = with_scripts(
        _toml(folder), lambda path, name: _script(folder, dotted(path), name)
    )
    has_handlers = (folder / HANDLERS).is_file()
    if document.get("runtime") == "python" and not has_handlers:
        raise DefinitionInvalid(
            source, "runtime", "python needs handlers.py", "add handlers.py"
        )
    if has_handlers:
        document.setdefault("runtime", "python")
    return document


def _toml(folder: Path) -> dict[str, Any]:
    path = folder / DEFINITION
    try:
        return tomllib.loads(path.read_text("utf-8"))
    except (OSError, UnicodeDecodeError) as error:
        problem = "cannot be read: " + (getattr(error, "strerror", None) or "it is not UTF-8")
        raise DefinitionInvalid(str(path), "file", problem, f"write {path.name}") from None
    except tomllib.TOMLDecodeError as error:
        line = re.search(r"at (line \d+)", str(error))
        place = line[1] if line else "end of the file"
        raise DefinitionInvalid(str(path), place, str(error), "correct the TOML") from None


def _script(folder: Path, field: str, name: Any) -> str:
    source = str(folder / DEFINITION)
    if not isinstance(name, str) or "/" in name or "\\" in name:
        raise DefinitionInvalid(
            source,
            field,
            "must name a file of this folder",
            'write a name such as "extract.vrl"',
        )
    try:
        return (folder / name).read_text("utf-8")
    except (OSError, UnicodeDecodeError, ValueError):
        there = [path.name for path in folder.glob("*.vrl")]
        raise DefinitionInvalid(
            source, field, f"there is no readable file {name!r}", nearest(name, there)
        ) from None
