"""
Integrations written in Python: `handlers.py` beside the definition.

`async def webhook(ctx, request)` gets every request of an installation, `/oauth` included, and may return a
dictionary ``{status, headers, body}`` for the caller. `register(ctx, webhook_url)` and
`unregister(ctx, webhook_url)` are optional. Handlers run in the worker's process: they are trusted code.
"""

from __future__ import annotations

import asyncio
from functools import cache
from typing import TYPE_CHECKING, Any

import structlog
from msgspec import Struct

from shared.envelope import USUAL_LIMIT
from shared.errors import HandlerBroke, HandlerUnavailable, UnknownOutcome, WaypostError
from shared.integrations.registry import handlers_of
from shared.model.outcomes import Done, Outcome
from shared.model.requests import Reply
from workers.runtime.context import Context, SecretValues, StepLost

if TYPE_CHECKING:
    from pathlib import Path
    from types import ModuleType

    from shared.model.jobs import Record
    from shared.model.requests import RawRequest
    from workers.installed import Installed
    from workers.tools import Tools

log = structlog.get_logger()


class HandlerRequest(Struct, frozen=True, kw_only=True):
    """What a handler sees; the same fields as Botpress's `req`."""

    path: str
    query: str  # raw, without the question mark
    method: str
    headers: dict[str, str]  # names in lower case
    body: str | None  # None when there was none


class PythonRuntime:
    """Runs the code in one folder."""

    def __init__(self, tools: Tools, folder: Path) -> None:
        """Work with *tools*."""
        self._tools, self._folder = tools, folder

    async def webhook(self, record: Record, raw: RawRequest, owner: Installed) -> Outcome:
        """Run the handler; its answer is for a caller who waits."""
        value = await self.handle(record, request_of(raw), owner)
        try:
            return Done(reason="handled", reply=reply_of(value))
        except (AttributeError, TypeError, ValueError):
            message = f"webhook of {owner.definition.name} returned what is no response"
            raise HandlerUnavailable(message) from None

    async def handle(
        self,
        record: Record,
        request: HandlerRequest,
        owner: Installed,
        *,
        in_flow: bool = False,
    ) -> Any:
        """Call `webhook`; what it raises is our error, or a reason to try again later."""
        ctx = await self._context(record, owner, in_flow=in_flow)
        return await self._call(record, owner, "webhook", (ctx, request))

    async def registration(self, record: Record, owner: Installed, what: str, url: str) -> None:
        """Call `register` or `unregister` where the code has it."""
        ctx = await self._context(record, owner, in_flow=False)
        await self._call(record, owner, what, (ctx, url))

    async def _call(
        self, record: Record, owner: Installed, what: str, given: tuple[Any, ...]
    ) -> Any:
        """Run it unless it broke again and again; its own faults count, not those of whom it calls."""
        name = owner.definition.name
        function = getattr(_module(name, self._folder), what, None)
        if function is None:
            return None
        gate = f"handler:{name}"
        self._tools.gates.ration(gate, record)
        return await self._tools.gates.through(
            gate, record, lambda: _ran(function, owner, what, given), HandlerBroke
        )

    async def _context(self, record: Record, owner: Installed, *, in_flow: bool) -> Context:
        found = await self._tools.secrets.all(owner.definition.name)
        secrets = SecretValues({name: one.reveal().decode() for name, one in found.items()})
        return Context(self._tools, record, owner, secrets, in_flow=in_flow)


async def _ran(function: Any, owner: Installed, what: str, given: tuple[Any, ...]) -> Any:
    name, limit = owner.definition.name, owner.definition.max_execution_time or USUAL_LIMIT
    patience = asyncio.timeout(limit)
    try:
        async with patience:
            return await function(*given)
    except StepLost:
        raise
    except UnknownOutcome as error:
        # Outside a `once` step the handler is to run again: it must bear that, as the guide says.
        raise HandlerUnavailable(f"{what} of {name}: {error}") from None
    except WaypostError:
        raise
    except Exception as error:
        if patience.expired():
            raise HandlerBroke(f"{what} of {name} took longer than {limit:g} seconds") from None
        # Somebody else's code: its bug ends in a retry of this delivery, never in the worker.
        log.exception("handler.failed", integration=name, handler=what)
        why = str(error) or type(error).__name__  # MemoryError says nothing
        raise HandlerBroke(f"{what} of {name} failed: {why}") from error


@cache
def _module(name: str, folder: Path) -> ModuleType:
    return handlers_of(name, folder)


def request_of(raw: RawRequest) -> HandlerRequest:
    """A stored request as a handler sees it."""
    names = dict.fromkeys(name for name, _ in raw.headers)
    return HandlerRequest(
        path=raw.path,
        query=raw.query,
        method=raw.method,
        headers={name: raw.header(name) or "" for name in names},
        body=raw.body.decode("utf-8", "replace") if raw.body else None,
    )


def reply_of(value: Any) -> Reply:
    """What a handler returned, as a reply; nothing is a 200."""
    if not isinstance(value, dict):
        return Reply()
    body = value.get("body") or ""
    return Reply(
        status=int(value.get("status") or 200),
        headers=tuple((str(k), str(v)) for k, v in (value.get("headers") or {}).items()),
        body=body if isinstance(body, bytes) else str(body).encode(),
    )
