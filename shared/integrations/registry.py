"""Which integrations there are on this machine, and the code of those written in Python."""

from __future__ import annotations

import importlib.util
import re
from pathlib import Path
from typing import TYPE_CHECKING

from shared.errors import DefinitionInvalid, NotFound
from shared.integrations.definition import load_folder
from shared.integrations.folder import DEFINITION, HANDLERS
from shared.integrations.redirection import redirected

if TYPE_CHECKING:
    from collections.abc import Iterable
    from types import ModuleType

    from shared.integrations.records import Definition

__all__ = ["built_in", "folders", "from_folders", "handlers_of", "redirected"]

BUILT_IN = Path(__file__).parent


def built_in() -> list[Definition]:
    """The integrations that come with Waypost."""
    return from_folders([BUILT_IN])


def from_folders(paths: Iterable[Path]) -> list[Definition]:
    """The definitions in *paths*; each is the folder of one integration, or a folder of such folders."""
    return list(_loaded(paths).values())


def folders(paths: Iterable[Path] = ()) -> dict[str, Path]:
    """Where each integration lives, built-in ones included; one of *paths* goes before a built-in one."""
    loaded = {**_placed([BUILT_IN]), **_placed(paths)}
    return {name: folder for name, (folder, _) in loaded.items()}


def _loaded(paths: Iterable[Path]) -> dict[str, Definition]:
    return {name: definition for name, (_, definition) in _placed(paths).items()}


def _placed(paths: Iterable[Path]) -> dict[str, tuple[Path, Definition]]:
    placed: dict[str, tuple[Path, Definition]] = {}
    for folder in _definition_folders(paths):
        definition = load_folder(folder)
        if definition.name in placed:
            there = placed[definition.name][0]
            problem = f"{definition.name!r} is defined in {there} already"
            raise DefinitionInvalid(str(folder), "name", problem, "choose another name")
        placed[definition.name] = (folder, definition)
    return placed


def _definition_folders(paths: Iterable[Path]) -> Iterable[Path]:
    for path in paths:
        if (path / DEFINITION).is_file():
            yield path
            continue
        below = sorted(found.parent for found in path.glob(f"*/{DEFINITION}"))
        if not below:
            raise DefinitionInvalid(
                str(path),
                DEFINITION,
                "is not there",
                "name a folder that holds a definition.toml",
            )
        yield from below


def handlers_of(name: str, folder: Path) -> ModuleType:
    """Load the code of the integration *name* from its *folder*; errors name the file and the fix."""
    path = folder / HANDLERS
    spec = importlib.util.spec_from_file_location(f"waypost_handlers_{_identifier(name)}", path)
    if spec is None or spec.loader is None or not path.is_file():
        raise NotFound(f"{name}: there is no {path}")
    module = importlib.util.module_from_spec(spec)
    try:
        spec.loader.exec_module(module)
    except Exception as error:
        problem = f"{type(error).__name__}: {error}"
        raise DefinitionInvalid(str(path), _line(error), problem, "correct the code") from error
    _check_functions(module, path)
    return module


def _identifier(name: str) -> str:
    return re.sub(r"\W", "_", name)


def _line(error: Exception) -> str:
    trace = error.__traceback__
    while trace is not None and trace.tb_next is not None:
        trace = trace.tb_next
    number = getattr(error, "lineno", None) or (trace.tb_lineno if trace else 0)
    return f"line {number}"


def _check_functions(module: ModuleType, path: Path) -> None:
    if not callable(getattr(module, "webhook", None)):
        fix = "write async def webhook(ctx, request)"
        raise DefinitionInvalid(str(path), "webhook", "is missing", fix)
