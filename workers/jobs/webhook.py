"""A webhook's way: unsigned handshake, verify, split and identify, fall back, route."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

from shared.errors import ScriptFailed, ScriptInvalid, SignatureMismatch
from shared.model.outcomes import Ignored, Outcome, Settled
from shared.model.requests import RawRequest, Reply
from shared.routing import Slice, fallback_reply
from workers.installed import installed
from workers.jobs.delivery import deliver
from workers.jobs.handshaking import REFUSED, handshake
from workers.jobs.identifying import event_of, identify
from workers.jobs.sandbox import is_sandbox, leave, sent_to
from workers.jobs.sealed import stored_again
from workers.jobs.unrouted import unrouted
from workers.jobs.verification import (
    Holder,
    Owned,
    check_genuine,
    genuine_parts,
)
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


async def webhook(claim: Claim, tools: Tools) -> Outcome:
    """Carry one webhook as far as it goes in this attempt."""
    visit = await visit_of(claim, tools)
    if done := await handshake(visit, tools):
        return done
    known = _webhook_of_owners if visit.is_owners_secret else _webhook_of_anyone
    return await known(visit, tools)


async def _webhook_of_anyone(visit: Visit, tools: Tools) -> Outcome:
    """It is verified before anybody asks whose it is."""
    try:
        if visit.is_checked:
            await check_genuine(visit, Holder(owner=visit.installed), tools)
    except SignatureMismatch as error:
        return Ignored(f"signature refused: {error}", REFUSED)
    if done := await handshake(visit, tools, verified=True):
        return done

    if visit.installed is not None:
        return await deliver(visit.record, visit.raw, visit.installed, tools)
    if is_sandbox(visit):
        return await _webhook_of_sandbox(visit, tools)
    found = await identify(visit, tools)
    if isinstance(found, str):
        return await _fall_back(visit, tools, found)
    return await _route(visit, tools, [Owned(one, "") for one in found])


async def _webhook_of_sandbox(visit: Visit, tools: Tools) -> Outcome:
    """Who leaves has left once the integration is sure to be told."""
    sent = await sent_to(visit, tools)
    if isinstance(sent, str):
        return await _fall_back(visit, tools, sent)
    raw, part = sent.part_of(visit.raw)
    marked = msgspec.structs.replace(visit, raw=raw)
    outcome = await _route(marked, tools, [Owned(part, "")], may_park=False)
    if sent.operation == "leave":
        await leave(sent, tools)
    return outcome


async def _webhook_of_owners(visit: Visit, tools: Tools) -> Outcome:
    """Whose it is, is asked first: the secret lies with them. Only those get it whose own secret signed it."""
    found = await identify(visit, tools)
    if isinstance(found, str):
        return Ignored(found, UNKNOWN)
    kept, refusal = await genuine_parts(visit, found, tools)
    if kept:
        done = await handshake(visit, tools, verified=True)
        return done or await _route(visit, tools, kept, may_park=False)
    if refusal is None:
        return Ignored(_unknown(found), UNKNOWN)
    if isinstance(refusal, SignatureMismatch):
        return Ignored(f"signature refused: {refusal}", REFUSED)
    raise refusal


async def _fall_back(visit: Visit, tools: Tools, why: str) -> Outcome:
    scripts = visit.definition.identifier
    if scripts is None or not scripts.fallback_handler_script:
        return Ignored(why, UNKNOWN)
    try:
        value = await run_script(
            tools,
            f"{visit.definition.name} identifier.fallbackHandlerScript",
            scripts.fallback_handler_script,
            await event_of(visit, tools, scripts.fallback_handler_script),
        )
    except (ScriptFailed, ScriptInvalid) as error:
        return Ignored(f"{why}; {error}", Reply(status=200))
    return Ignored(f"{why}; answered by the fallback script", fallback_reply(value))


async def _route(
    visit: Visit, tools: Tools, found: list[Owned], *, may_park: bool | None = None
) -> Outcome:
    """What nobody has verified is never parked."""
    tools.reach("route.before")
    if done := await unrouted(visit, found, tools):
        tools.reach("route.done")
        return done
    parts = [(one.identifier, _body(visit.raw, one, tools), owner) for one, owner in found]
    allowed = visit.is_checked if may_park is None else may_park
    routed = await tools.ledger.route(visit.record, parts, may_park=allowed)
    tools.reach("route.done")
    match routed.where:
        case "self":
            record = msgspec.structs.replace(
                visit.record, installation=routed.installation, identifier=routed.identifier
            )
            owner = await installed(tools, routed.installation)
            return await deliver(record, visit.raw, owner, tools)
        case "split":
            return Settled(reason=f"split into {routed.deliveries} deliveries", reply=Reply())
        case "parked":
            return Settled(reason="parked until somebody connects it", reply=Reply())
        case _:
            return await _fall_back(visit, tools, _unknown([one for one, _ in found]))


def _unknown(found: list[Slice]) -> str:
    names = ", ".join(one.identifier for one in found[:5])
    return f"no installation has the identifier {names}"


def _body(raw: RawRequest, one: Slice, tools: Tools) -> bytes:
    """A slice's own request, or nothing where it is the whole one."""
    if one.body is None:
        return b""
    return stored_again(msgspec.structs.replace(raw, body=one.body, reply_to=None), tools)
