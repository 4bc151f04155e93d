"""The definition of an integration with a server of its own, from a file, as the api takes it."""

from __future__ import annotations

import tomllib
from typing import TYPE_CHECKING, Any

import orjson

from shared.errors import SetupFailed
from shared.integrations.configurations import DEFAULT
from shared.integrations.scripts import with_scripts

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

_FIX = "give Botpress's own keys: name, version, identifier, configuration, states, secrets …"


def document_from(file: Path, url: str, link_scripts: Sequence[str] = ()) -> dict[str, Any]:
    """
    The document in *file* (JSON, or TOML) for a server at *url*; a script may be the name of a file beside it.

    *link_scripts* are `FILE`, or `TYPE=FILE` for a named configuration: they go before the definition's own.
    """
    document = with_scripts(_read(file), lambda _, value: _script(file.parent, value))
    document["url"] = url or document.get("url")
    if not document["url"]:
        raise SetupFailed("the server's address is not known", "name it with --url")
    for one in link_scripts:
        kind, equals, name = one.partition("=")
        where = name if equals else one
        overrides = document.setdefault("linkOverrides", {})
        overrides[kind if equals else DEFAULT] = _text(file.parent / where, where)
    return document


def _read(file: Path) -> dict[str, Any]:
    text = _text(file, str(file))
    try:
        found = tomllib.loads(text) if file.suffix == ".toml" else orjson.loads(text)
    except (tomllib.TOMLDecodeError, orjson.JSONDecodeError) as error:
        kind = "TOML" if file.suffix == ".toml" else "JSON"
        raise SetupFailed(f"{file} is not {kind}: {error}", _FIX) from None
    if not isinstance(found, dict):
        raise SetupFailed(f"{file} is not an object", _FIX)
    return found


def _script(folder: Path, value: Any) -> Any:
    """The text of a script; one line that ends in .vrl is the name of its file."""
    if isinstance(value, str) and value.endswith(".vrl") and "\n" not in value:
        return _text(folder / value, value)
    return value


def _text(file: Path, name: str) -> str:
    try:
        return file.read_text("utf-8")
    except (OSError, UnicodeDecodeError) as error:
        said = getattr(error, "strerror", None) or "it is not UTF-8"
        raise SetupFailed(f"{name} cannot be read: {said}", "name a text file") from None
