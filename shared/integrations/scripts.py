"""The VRL scripts of a definition: where they lie, how large they may be, and whether they compile."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Protocol

from shared.integrations.spelling import Misspelt

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

LARGEST_SCRIPT = 16 << 10  # bytes; reference of the source guard
Path = tuple[str, ...]


class Scripts(Protocol):
    """Compiles scripts; `shared.vrl.pool.VrlPool` does."""

    async def compile(self, name: str, source: str) -> None:
        """Raise `ScriptInvalid` unless the source guard and the compiler accept *source*."""


def script_paths(document: dict[str, Any]) -> Iterator[Path]:
    """
    Where the scripts of *document* lie, or the names of their files.

    >>> list(script_paths({"event": "…", "configurations": {"own": {"identifier": {"linkTemplateScript": "…"}}}}))
    [('event',), ('configurations', 'own', 'identifier', 'linkTemplateScript')]
    """
    fixed: tuple[Path, ...] = (
        ("event",),
        ("identifier", "extractScript"),
        ("identifier", "fallbackHandlerScript"),
        ("sandbox", "identifierExtractScript"),
        ("sandbox", "messageExtractScript"),
        ("configuration", "identifier", "linkTemplateScript"),
    )
    types = _table(document.get("configurations"))
    named = (("configurations", name, "identifier", "linkTemplateScript") for name in types)
    overrides = (("linkOverrides", name) for name in _table(document.get("linkOverrides")))
    for path in (*fixed, *named, *overrides):
        if script_at(document, path) is not None:
            yield path


def script_at(document: dict[str, Any], path: Path) -> Any:
    """What lies at *path*, None when nothing does."""
    value: Any = document
    for part in path:
        value = _table(value).get(part)
    return value


def with_scripts(document: dict[str, Any], read: Callable[[Path, Any], str]) -> dict[str, Any]:
    """A copy of *document* in which each script is what *read* makes of it."""
    copy = dict(document)
    for path in script_paths(document):
        _put(copy, path, read(path, script_at(document, path)))
    return copy


def _put(document: dict[str, Any], path: Path, value: str) -> None:
    for part in path[:-1]:
        document[part] = dict(document[part])
        document = document[part]
    document[path[-1]] = value


def _table(value: Any) -> dict[str, Any]:
    return value if isinstance(value, dict) else {}


def script_problems(document: dict[str, Any]) -> Iterator[Misspelt]:
    """Scripts that are blank or too large."""
    for path in script_paths(document):
        source = script_at(document, path)
        if not source.strip():
            yield Misspelt(path, "is an empty script", "write the script or remove the field")
        if len(source.encode()) > LARGEST_SCRIPT:
            yield Misspelt(
                path, f"is larger than {LARGEST_SCRIPT >> 10} KiB", "shorten the script"
            )
