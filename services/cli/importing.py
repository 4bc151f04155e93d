"""
A Botpress integration's source folder as a definition: what can be read without running it, and what could not.

`integration.definition.ts` and what it imports from its own folder are read; scripts are taken from their files.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from msgspec import Struct

from services.cli.typescript import Chain, Reader, Spread, Unreadable
from services.cli.zod import is_schema, schema_of
from shared.errors import SetupFailed
from shared.integrations.scripts import script_at, script_paths, with_scripts

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

FILE = "integration.definition.ts"
KEPT = (
    "name", "version", "title", "description", "identifier", "configuration", "configurations", "states",
    "secrets", "user", "channels", "events", "actions", "maxExecutionTime",
)  # fmt: skip
_DEFINITION = re.compile(r"new\s+(?:\w+\.)?IntegrationDefinition\s*\(")
_CONST = re.compile(r"^(?:export\s+)?const\s+([\w$]+)\s*(?::[^=\n]+)?=\s*", re.MULTILINE)
_DEFAULT = re.compile(r"^export\s+default\s+(?!new\b)", re.MULTILINE)
_IMPORT = re.compile(
    r"^import\s+(?:type\s+)?([^'\";]+?)\s+from\s+['\"]([^'\"]+)['\"]", re.MULTILINE
)
_EXPORT_FROM = re.compile(
    r"^export\s+(\*|\{[^}]*\})\s+from\s+['\"]([^'\"]+)['\"]", re.MULTILINE
)
_DEEPEST = 20


class Imported(Struct, frozen=True, kw_only=True):
    """A document as the api takes it, and a line for everything that is not in it."""

    document: dict[str, Any]
    left_out: tuple[str, ...]


def imported(folder: Path) -> Imported:
    """The definition in *folder*; raises `SetupFailed` where there is none."""
    file = folder / FILE
    module = Module.at(file)
    found = _DEFINITION.search(module.source)
    if found is None:
        raise SetupFailed(
            f"{file} makes no IntegrationDefinition", "name an integration's folder"
        )
    given, _ = Reader(module.source).value(found.end())
    reading = _Reading()
    value = reading.plain(given, module, ())
    if not isinstance(value, dict):
        raise SetupFailed(f"the definition in {file} is no object", "write it as one")
    document = {name: value[name] for name in KEPT if name in value}
    document = with_scripts(document, lambda path, name: reading.script(folder, path, name))
    for path in [path for path in script_paths(document) if not script_at(document, path)]:
        _take(document, path)
    return Imported(document=document, left_out=tuple(reading.left_out))


def _take(document: dict[str, Any], path: tuple[str, ...]) -> None:
    for part in path[:-1]:
        document = document[part]
    del document[path[-1]]


class Module:
    """One file: what it declares, and what it takes from its neighbours."""

    def __init__(self, file: Path, source: str) -> None:
        """Read *source* when something is asked for."""
        self.file, self.source = file, source

    @classmethod
    def at(cls, file: Path) -> Module:
        """The module in *file*."""
        try:
            return cls(file, file.read_text("utf-8"))
        except (OSError, UnicodeDecodeError) as error:
            said = getattr(error, "strerror", None) or "it is not UTF-8"
            raise SetupFailed(
                f"{file} cannot be read: {said}", f"name a folder with {FILE}"
            ) from None

    def find(self, name: str) -> tuple[Any, Module] | None:
        """What *name* stands for here, and where it was written."""
        for found in _CONST.finditer(self.source):
            if found[1] == name:
                return Reader(self.source).value(found.end())[0], self
        if name == "default" and (exported := _DEFAULT.search(self.source)):
            return Reader(self.source).value(exported.end())[0], self
        for theirs, module in self._imported(name):
            if theirs == "*":
                return module, module
            if there := module.find(theirs):
                return there
        return None

    def _imported(self, name: str) -> Iterator[tuple[str, Module]]:
        for found in _IMPORT.finditer(self.source):
            theirs = _names(found[1]).get(name)
            if theirs and (module := self._neighbour(found[2])):
                yield theirs, module
        for found in _EXPORT_FROM.finditer(self.source):
            theirs = name if found[1] == "*" else _names(found[1]).get(name, "")
            if theirs and (module := self._neighbour(found[2])):
                yield theirs, module

    def _neighbour(self, path: str) -> Module | None:
        if not path.startswith("."):
            # `src/…` is how Botpress's own integrations name their folder.
            base = next((one for one in self.file.parents if (one / FILE).is_file()), None)
            if base is None or not path.startswith("src/"):
                return None
            place = base / path
        else:
            place = (self.file.parent / path).resolve()
        candidates = (place.with_name(place.name + ".ts"), place / "index.ts", place)
        return next((Module.at(one) for one in candidates if one.is_file()), None)


def _names(clause: str) -> dict[str, str]:
    """
    The names that an import brings, each with its name over there.

    >>> _names("def, { a, b as c }"), _names("* as ns")
    ({'a': 'a', 'c': 'b', 'def': 'default'}, {'ns': '*'})
    """
    names = {}
    braced = re.search(r"\{([^}]*)\}", clause)
    for part in (braced[1] if braced else "").split(","):
        theirs, _, ours = part.strip().removeprefix("type ").partition(" as ")
        if theirs.strip():
            names[(ours or theirs).strip()] = theirs.strip()
    for part in re.sub(r"\{[^}]*\}", "", clause).split(","):
        if (one := part.strip()).startswith("* as "):
            names[one.removeprefix("* as ").strip()] = "*"
        elif one:
            names[one] = "default"
    return names


class _Reading:
    def __init__(self) -> None:
        self.left_out: list[str] = []

    def plain(self, value: Any, module: Module, path: tuple[str, ...]) -> Any:
        """*value* as JSON; None for what could not be read, which is noted with its place."""
        if len(path) > _DEEPEST:
            return self._leave(path, "is nested too deeply")
        match value:
            case dict():
                return self._table(value, module, path)
            case list():
                found = [
                    self.plain(one, module, (*path, str(n))) for n, one in enumerate(value)
                ]
                return [one for one in found if one is not None]
            case Chain():
                return self._chain(value, module, path)
            case Unreadable(text=text):
                return self._leave(path, f"must be run to be known: {text}")
            case _:
                return value

    def _table(
        self, table: dict[str, Any], module: Module, path: tuple[str, ...]
    ) -> dict[str, Any]:
        read: dict[str, Any] = {}
        for name, value in table.items():
            if isinstance(value, Spread):
                inner = self.plain(value.value, module, path)
                read |= inner if isinstance(inner, dict) else {}
                continue
            known = self._named(name, module)
            inner = self.plain(value, module, (*path, known))
            if inner is not None:
                read[known] = inner
        return read

    def _named(self, name: str, module: Module) -> str:
        """The text of a computed name, where it is a constant."""
        found = module.find(name[1:-1]) if name.startswith("[") else None
        return found[0] if found and isinstance(found[0], str) else name

    def _chain(self, chain: Chain, module: Module, path: tuple[str, ...]) -> Any:
        if is_schema(chain):
            return schema_of(chain, lambda one: self._followed(one, module), self._noting(path))
        found = self._followed(chain, module)
        if found is None:
            return self._leave(path, f"comes from elsewhere: {_words(chain)}")
        return self.plain(*found, path)

    def _followed(self, chain: Chain, module: Module) -> tuple[Any, Module] | None:
        """What a name, or a member of one, stands for."""
        if is_schema(chain):
            return chain, module
        found = module.find(chain.base)
        for number, link in enumerate(chain.links):
            if found is None:
                return None
            value, module = found
            if link.args is not None:
                return self._with_links(value, chain, number, module)
            if isinstance(value, Module):
                found = value.find(link.name)
            elif isinstance(value, dict) and link.name in value:
                found = value[link.name], module
            else:
                return None
        return None if found is None or isinstance(found[0], Module) else found

    def _with_links(
        self, value: Any, chain: Chain, number: int, module: Module
    ) -> tuple[Any, Module] | None:
        """A schema under a name, with more calls behind it: `base.extend({…})`."""
        if isinstance(value, Chain) and is_schema(value):
            return Chain(value.base, (*value.links, *chain.links[number:])), module
        return None

    def _noting(self, path: tuple[str, ...]) -> Any:
        return lambda problem: self._leave((*path,), problem)

    def _leave(self, path: tuple[str, ...], why: str) -> None:
        place = ".".join(path) or "the definition"
        line = f"{place}: {' '.join(why.split())[:160]}"
        if line not in self.left_out:
            self.left_out.append(line)

    def script(self, folder: Path, path: tuple[str, ...], name: Any) -> str:
        """The text of a script that the definition names by its file."""
        try:
            return (folder / str(name)).read_text("utf-8")
        except (OSError, UnicodeDecodeError, ValueError):
            self._leave(path, f"there is no readable file {name}")
            return ""


def _words(chain: Chain) -> str:
    return ".".join((chain.base, *(link.name for link in chain.links)))
