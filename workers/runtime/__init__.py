"""How a handler runs: from its definition alone, as Python code, or on a server of its own."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

from shared.errors import HandlerUnavailable
from workers.runtime.botpress import BotpressServer
from workers.runtime.declarative import Declarative
from workers.runtime.python import PythonRuntime

if TYPE_CHECKING:
    from shared.model.jobs import Record
    from shared.model.outcomes import Outcome
    from shared.model.requests import RawRequest
    from workers.installed import Installed
    from workers.tools import Tools


class Runtime(Protocol):
    """Runs one installation's handler."""

    async def webhook(self, record: Record, raw: RawRequest, owner: Installed) -> Outcome:
        """Handle one request."""


class Registrar(Protocol):
    """Code that sets an installation up at its provider."""

    async def registration(self, record: Record, owner: Installed, what: str, url: str) -> None:
        """Call `register` or `unregister`."""


def runtime_of(owner: Installed, tools: Tools) -> Runtime:
    """The runtime of *owner*'s integration."""
    if owner.definition.url:
        return BotpressServer(tools)
    if is_python(owner, tools):
        return PythonRuntime(tools, tools.folders[owner.definition.name])
    if owner.definition.runtime == "python":
        raise HandlerUnavailable(
            f"the code of {owner.definition.name} is not on this worker; name its folder in WAYPOST_INTEGRATIONS"
        )
    return Declarative(tools)


def registrar_of(owner: Installed, tools: Tools) -> Registrar | None:
    """What sets *owner*'s integration up at the provider; None where it has no code."""
    if owner.definition.url:
        return BotpressServer(tools)
    if is_python(owner, tools):
        return PythonRuntime(tools, tools.folders[owner.definition.name])
    return None


def is_declarative(owner: Installed, tools: Tools) -> bool:
    """True where there is no code anywhere."""
    definition = owner.definition
    return not definition.url and definition.runtime != "python" and not is_python(owner, tools)


def is_python(owner: Installed, tools: Tools) -> bool:
    """True where the integration brings its own code."""
    folder = tools.folders.get(owner.definition.name)
    wanted = owner.definition.runtime
    return (
        folder is not None and wanted in {None, "python"} and (folder / "handlers.py").is_file()
    )
