"""How a handler runs: from its definition alone, or as Python code."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

from shared.errors import HandlerUnavailable, Permanent
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


def runtime_of(owner: Installed, tools: Tools) -> Runtime:
    """The runtime of *owner*'s integration."""
    if owner.definition.url:
        raise Permanent("integrations with a url (HTTP servers) are not run by this version")
    if is_python(owner, tools):
        return PythonRuntime(tools, tools.folders[owner.definition.name])
    if owner.definition.runtime == "python":
        raise HandlerUnavailable(
            f"the code of {owner.definition.name} is not on this worker; name its folder in WAYPOST_INTEGRATIONS"
        )
    return Declarative(tools)


def is_python(owner: Installed, tools: Tools) -> bool:
    """True where the integration brings its own code."""
    folder = tools.folders.get(owner.definition.name)
    wanted = owner.definition.runtime
    return (
        folder is not None and wanted in {None, "python"} and (folder / "handlers.py").is_file()
    )
