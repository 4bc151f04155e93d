"""The middleware around every simulated call: faults, one log entry, and who may ask at all."""

from __future__ import annotations

from aiohttp import web
from aiohttp.typedefs import Handler

from services.simulator import faults
from services.simulator.faults import Fault
from services.simulator.provider import PROVIDERS
from services.simulator.records import Call
from services.simulator.webhooks.sender import is_local
from services.simulator.world import NOTES, WORLD


@web.middleware
async def refuse_strangers(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Answer loopback names only, so that no web page reaches in through a rebound name."""
    if not is_local(f"http://{request.host}"):
        raise web.HTTPForbidden(text="the simulator answers to loopback names only")
    return await handler(request)


@web.middleware
async def record(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Play the fault that is due, then log what really happened."""
    provider, path = _place(request)
    if not provider:
        return await handler(request)
    request[NOTES] = {}
    world = request.app[WORLD]
    fault = faults.active(world.faults, provider, path)
    try:
        answer = await faults.play(fault, handler, request)
    except web.HTTPException as error:
        answer = web.Response(status=error.status, text=error.text, headers=error.headers)
    world.log.append(_call(request, answer.status, fault))
    await faults.linger(fault)
    return answer


def _place(request: web.Request) -> tuple[str, str]:
    # "/slack/slack.com/api/auth.test" is slack's "slack.com/api/auth.test"
    first, _, rest = request.path.lstrip("/").partition("/")
    if first == "__bot" and request.method == "POST":
        return "bot", rest
    return (first, rest) if first in PROVIDERS else ("", "")


def _call(request: web.Request, status: int, fault: Fault | None) -> Call:
    provider, path = _place(request)
    notes = request[NOTES].copy()
    untouched = fault is not None and not fault.acts
    outcome = notes.pop("outcome", "untouched" if untouched else "answered")
    return Call(
        at=request.app[WORLD].clock.now(),
        provider=provider,
        method=request.method,
        path=path,
        status=0 if fault is not None and fault.kind == "dropped" else status,
        outcome=outcome,
        fault="" if fault is None else fault.kind,
        **notes,
    )
