"""A webhook's way: unsigned handshake, verify, split and identify, fall back, route."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import msgspec

from shared.errors import Permanent, ScriptFailed, ScriptInvalid, SignatureMismatch
from shared.handshakes import matching, reply_to
from shared.model.outcomes import Done, Ignored, Outcome, Settled
from shared.model.requests import RawRequest, Reply
from shared.routing import (
    LARGEST_SCRIPT_BODY,
    Slice,
    by_pointer,
    fallback_reply,
    left_out,
    script_event,
    slices,
)
from workers.installed import installed
from workers.jobs.delivery import deliver
from workers.jobs.verification import Holder, check_genuine, secrets_in
from workers.jobs.visits import Visit, visit_of
from workers.scripts import run_script

if TYPE_CHECKING:
    from shared.model.jobs import Claim
    from workers.tools import Tools

UNKNOWN = Reply(
    status=404,
    headers=(("content-type", "application/json"),),
    body=b'{"id":"none","code":404,"type":"ResourceNotFound","message":"no installation has this identifier"}',
)
REFUSED = Reply(status=401)


async def webhook(claim: Claim, tools: Tools) -> Outcome:
    """Carry one webhook as far as it goes in this attempt."""
    visit = await visit_of(claim, tools)
    if done := await _handshake(visit, tools):
        return done
    try:
        if visit.is_checked:
            await check_genuine(visit, visit.raw, Holder(owner=visit.installed), tools)
    except SignatureMismatch as error:
        return Ignored(f"signature refused: {error}", REFUSED)
    if done := await _handshake(visit, tools, verified=True):
        return done

    if visit.installed is not None:
        return await deliver(visit.record, visit.raw, visit.installed, tools)
    found = await _identify(visit, tools)
    if isinstance(found, str):
        return await _fall_back(visit, tools, found)
    return await _route(visit, tools, found)


async def _handshake(visit: Visit, tools: Tools, *, verified: bool = False) -> Done | None:
    if not visit.definition.handshakes:
        return None
    found = matching(visit.definition.handshakes, visit.raw, verified=verified)
    if found is None:
        return None
    places = (found.secret,) if found.secret else visit.rules[0].places[:1]
    holder = Holder(owner=visit.installed)
    held = [one for place in places for one in await secrets_in(place, visit, holder, tools)]
    reply = reply_to(found, visit.raw, held[0] if held else None)
    return Done(reason=found.note or "answered a handshake", reply=reply) if reply else None


async def _identify(visit: Visit, tools: Tools) -> list[Slice] | str:
    """Whose it is: slices with identifiers, or a sentence why there are none."""
    scripts = visit.definition.identifier
    if scripts is None or not scripts.extract_script:
        return "the integration has no extract script"
    if len(visit.raw.body) > LARGEST_SCRIPT_BODY:
        if not scripts.extract_pointer:
            raise Permanent("too large to route")
        return (
            by_pointer(scripts.extract_pointer, visit.raw) or "the pointer found no identifier"
        )
    try:
        value = await run_script(
            tools,
            f"{visit.definition.name} identifier.extractScript",
            scripts.extract_script,
            await _event(visit, tools),
        )
    except (ScriptFailed, ScriptInvalid) as error:
        return f"the extract script found no identifier: {error}"
    return slices(value) or _nothing(value)


def _nothing(value: Any) -> str:
    left = left_out(value)
    return "the extract script found no identifier" + (
        f"; {left} of its values are none" if left else ""
    )


async def _event(visit: Visit, tools: Tools) -> dict[str, Any]:
    named = {
        name: secret.reveal().decode("utf-8", "replace")
        for name in await tools.secrets.names(visit.definition.name)
        if (secret := await tools.secrets.reveal(visit.definition.name, name))
    }
    return script_event(visit.raw, named)


async def _fall_back(visit: Visit, tools: Tools, why: str) -> Outcome:
    scripts = visit.definition.identifier
    if scripts is None or not scripts.fallback_handler_script:
        return Ignored(why, UNKNOWN)
    try:
        value = await run_script(
            tools,
            f"{visit.definition.name} identifier.fallbackHandlerScript",
            scripts.fallback_handler_script,
            await _event(visit, tools),
        )
    except (ScriptFailed, ScriptInvalid) as error:
        return Ignored(f"{why}; {error}", Reply(status=200))
    return Ignored(f"{why}; answered by the fallback script", fallback_reply(value))


async def _route(visit: Visit, tools: Tools, found: list[Slice]) -> Outcome:
    """What nobody has verified is never parked."""
    parts = [(one.identifier, _body(visit.raw, one)) for one in found]
    tools.reach("route.before")
    routed = await tools.ledger.route(visit.record, parts, may_park=visit.is_checked)
    tools.reach("route.done")
    match routed.where:
        case "self":
            record = msgspec.structs.replace(
                visit.record, installation=routed.installation, identifier=found[0].identifier
            )
            owner = await installed(tools, routed.installation)
            return await deliver(record, visit.raw, owner, tools)
        case "split":
            return Settled(reason=f"split into {routed.deliveries} deliveries", reply=Reply())
        case "parked":
            return Settled(reason="parked until somebody connects it", reply=Reply())
        case _:
            names = ", ".join(one.identifier for one in found[:5])
            return await _fall_back(visit, tools, f"no installation has the identifier {names}")


def _body(raw: RawRequest, one: Slice) -> bytes:
    """A slice's own request, or nothing where it is the whole one."""
    if one.body is None:
        return b""
    return msgspec.msgpack.encode(msgspec.structs.replace(raw, body=one.body, reply_to=None))
