"""The Lua scripts of `lua/`, sent once and then called by their digest."""

from __future__ import annotations

import hashlib
import importlib.resources
import re
from typing import TYPE_CHECKING, Any

from shared.errors import CommandRefused, SetupFailed
from shared.storage import keys

if TYPE_CHECKING:
    from collections.abc import Sequence

    from shared.storage.client import StoreClient
    from shared.storage.resp import RespConnection
    from shared.storage.wire import Part

_NO_SKEW = "local SKEW = 0"
# Files that are no scripts: what these need of them is put in front, paragraph by paragraph.
_PARTS = ("prelude", "binding", "gates", "lanes", "objects", "streams")
_NAMES = re.compile(r"^local (?:function )?(\w+(?:, \w+)*)", re.MULTILINE)
_HERE = "  -- (here comes what else this needs)"
_WORD = re.compile(r"--.*|'[^']*'|(\w+)")
# What finishes work must go on in a store that is full, else nothing would ever become free again. A worker may write
# whatever its jobs ask for; these are for everybody.
_FINISHING = frozenset({
    "activate", "audit", "beat", "claim", "drop", "gate", "give_back", "layout", "read_events", "refused",
    "renew", "route", "settle", "step", "sweep", "sweep_events", "turn", "uninstall", "unsubscribe",
})  # fmt: skip
_WHEN_FULL = "#!lua flags=allow-oom"


class Scripts:
    """
    Runs a script by its file name; every script gets the cell's prefix as its one key.

    A server that has lost its scripts is given the one it asks for again. `skew_ms` moves the time that
    the scripts see, for tests.
    """

    def __init__(
        self,
        redis: StoreClient,
        resp: RespConnection,
        *,
        cell: str = keys.CELL,
        finishes: bool = False,
    ) -> None:
        """Hold the two ways to the store; one that is full is written to by who *finishes* work."""
        self._redis, self._resp, self._prefix = redis, resp, keys.prefix(cell)
        self._flags = f"{_WHEN_FULL}\n" if finishes else ""
        self._known: dict[tuple[str, int], tuple[str, str]] = {}
        self.skew_ms = 0

    async def run(self, name: str, args: Sequence[Part]) -> Any:
        """Run script *name* over redis-py; the reply is raw (bytes, int, None, lists)."""
        digest, text = self._script(name)
        try:
            return await self._redis.evalsha(digest, 1, self._prefix, *args)  # type: ignore[misc, arg-type]
        except CommandRefused as error:
            if error.code != "NOSCRIPT":
                raise
        await self._redis.script_load(text)
        return await self._redis.evalsha(digest, 1, self._prefix, *args)  # type: ignore[misc, arg-type]

    async def run_fast(self, name: str, args: Sequence[Part]) -> Any:
        """Run script *name* over the narrow connection, for the hot paths; the reply is the same."""
        digest, text = self._script(name)
        call = self._resp.call
        try:
            return await call("EVALSHA", digest, 1, self._prefix, *args)
        except CommandRefused as error:
            if error.code != "NOSCRIPT":
                raise
        await call("SCRIPT", "LOAD", text)
        return await call("EVALSHA", digest, 1, self._prefix, *args)

    def _script(self, name: str) -> tuple[str, str]:
        key = (name, self.skew_ms)
        if key not in self._known:
            text = source(name).replace(_NO_SKEW, f"local SKEW = {self.skew_ms}", 1)
            text = text if text.startswith("#!") else self._flags + text
            self._known[key] = (hashlib.sha1(text.encode()).hexdigest(), text)  # noqa: S324 — Redis' own digest
        return self._known[key]


def source(name: str) -> str:
    """
    The whole text that the server gets for script *name*.

    Of what scripts share, a paragraph comes along where something after it uses a name that it makes local: each
    function that the server does not have to make saves time in every call. Where a function of the script says so,
    what it alone needs is put inside, and made when it is called.
    """
    shared = [one for part in _PARTS for one in _file(part).split("\n\n")]
    own = _file(name).split("\n\n")
    always = _needed([one for one in own if _HERE not in one], shared)
    for place, paragraph in enumerate(own):
        if _HERE in paragraph:
            only = _needed([paragraph], [one for one in shared if one not in always])
            own[place] = paragraph.replace(_HERE, "\n".join(only))
    text = "\n\n".join((*always, *own))
    return f"{_WHEN_FULL}\n{text}" if name in _FINISHING else text


def _needed(by: Sequence[str], shared: Sequence[str]) -> list[str]:
    """Of the *shared* paragraphs those whose names some paragraphs use, or one that is needed itself."""
    found: list[str] = []
    used = set(_WORD.findall("\n".join(by)))
    for paragraph in reversed(shared):
        if not used.isdisjoint(_made_by(paragraph)):
            found.insert(0, paragraph)
            used.update(_WORD.findall(paragraph))
    return found


def _made_by(paragraph: str) -> set[str]:
    return {name for found in _NAMES.findall(paragraph) for name in found.split(", ")}


def names() -> list[str]:
    """All scripts there are."""
    files = importlib.resources.files("shared.storage").joinpath("lua").iterdir()
    found = {file.name.removesuffix(".lua") for file in files if file.name.endswith(".lua")}
    return sorted(found.difference(_PARTS))


def _file(name: str) -> str:
    try:
        return (
            importlib.resources.files("shared.storage")
            .joinpath("lua", f"{name}.lua")
            .read_text()
        )
    except FileNotFoundError:
        raise SetupFailed(
            f"the script shared/storage/lua/{name}.lua is missing", "install Waypost again"
        ) from None
