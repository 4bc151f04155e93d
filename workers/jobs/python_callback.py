"""A callback for an integration that handles `/oauth` in its own code. Its code runs at most once for one callback."""

from __future__ import annotations

from typing import TYPE_CHECKING
from urllib.parse import urlencode

import msgspec

from shared.errors import FlowRefused, GateClosed, LeaseLost, UnknownOutcome, WaypostError
from shared.model.flows import Flow
from shared.oauth import callback_cause, words_of
from workers.effects import await_confirmation
from workers.runtime.python import HandlerRequest, PythonRuntime

if TYPE_CHECKING:
    from workers.effects import Callback
    from workers.tools import Tools

STEP = "dispatch"


async def connect(callback: Callback, query: dict[str, str], tools: Tools) -> None:
    """Run the handler; raise `FlowRefused` when it, or the provider, refused."""
    if cause := callback_cause(query):
        raise FlowRefused(cause, words_of(query))
    if callback.flow.confirm:
        await await_confirmation(callback.flow, tools)
    if not await _has_run(callback, tools):
        await _run(callback, query, tools)
        await tools.ledger.step("commit", callback.record, STEP, b"done")
    await _connected(callback.flow, tools)


async def _run(callback: Callback, query: dict[str, str], tools: Tools) -> None:
    owner = callback.owner
    runtime = PythonRuntime(tools, tools.folders[owner.definition.name])
    shown = {**query, "state": owner.installation.webhook_id}
    request = HandlerRequest(
        path="/oauth", query=urlencode(shown), method="GET", headers={}, body=None
    )
    try:
        await runtime.handle(callback.record, request, owner, in_flow=True)
    except LeaseLost:
        raise
    except UnknownOutcome:
        raise FlowRefused("exchange_unknown") from None
    except GateClosed as closed:
        is_ours = closed.gate.startswith("handler:")
        raise FlowRefused("server_away" if is_ours else "provider_busy") from None
    except WaypostError as error:
        raise FlowRefused("provider_error", str(error)) from None


async def _has_run(callback: Callback, tools: Tools) -> bool:
    """Whether an earlier lease got through the handler; one that may have stopped inside is not repeated."""
    status, _ = await tools.ledger.step("begin", callback.record, STEP, b"once")
    if status == "result":
        return True
    if status != "begun":
        raise FlowRefused("exchange_unknown")
    begun = {"authorizing", "confirming"}
    if callback.flow.status in begun:
        await tools.flows.update_flow(callback.flow.id, expect=begun, status="exchanging")
    return False


async def _connected(flow: Flow, tools: Tools) -> None:
    await tools.installations.update(flow.installation, connection="connected")
    after = await tools.installations.by_webhook_id(flow.installation)
    identifier = after.identifier if after else ""
    await tools.flows.update_flow(flow.id, status="connected", account_id=identifier)
    link = await tools.flows.link(flow.link)
    if link:
        await tools.flows.put_link(flow.link, msgspec.structs.replace(link, used=True))
