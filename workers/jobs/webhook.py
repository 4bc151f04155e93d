"""A webhook's way: unsigned handshake, verify, split and identify, fall back, route."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import msgspec
from msgspec import Struct

from shared.errors import Permanent, ScriptFailed, SignatureMismatch
from shared.handshakes import matching, reply_to
from shared.integrations.configurations import verify_of
from shared.integrations.records import Definition
from shared.model.jobs import Record
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
from shared.secret import Secret
from shared.signatures import Verify, verify
from workers.installed import Installed, installed, secret_at
from workers.jobs.delivery import deliver
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


class Visit(Struct, frozen=True, kw_only=True):
    """One webhook and what is known about it."""

    record: Record
    raw: RawRequest
    definition: Definition
    installed: Installed | None  # known at once for an installation's own URL
    rule: Verify

    @property
    def configuration(self) -> dict[str, Any]:
        """Of the installation, where it is known."""
        return self.installed.configuration if self.installed else {}


async def webhook(claim: Claim, tools: Tools) -> Outcome:
    """Carry one webhook as far as it goes in this attempt."""
    visit = await _visit(claim, tools)
    if done := await _handshake(visit, tools):
        return done
    try:
        await _verify(visit, tools)
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


async def _visit(claim: Claim, tools: Tools) -> Visit:
    raw = msgspec.msgpack.decode(claim.body, type=RawRequest)
    owner = await installed(tools, raw.name) if raw.door == "installation" else None
    definition = owner.definition if owner else await tools.catalogue.definition(raw.name)
    configuration_type = owner.installation.configuration_type if owner else None
    rule = verify_of(definition, configuration_type) if owner else definition.verify
    return Visit(
        record=claim.record,
        raw=raw,
        definition=definition,
        installed=owner,
        rule=rule or Verify(scheme="handler"),
    )


async def _secrets(visit: Visit, tools: Tools) -> list[Secret]:
    places = visit.rule.places
    found = [
        await secret_at(tools, one, visit.definition, visit.configuration) for one in places
    ]
    return [one for one in found if one is not None]


async def _handshake(visit: Visit, tools: Tools, *, verified: bool = False) -> Done | None:
    if not visit.definition.handshakes:
        return None
    found = matching(visit.definition.handshakes, visit.raw, verified=verified)
    if found is None:
        return None
    places = (found.secret,) if found.secret else visit.rule.places[:1]
    held = [
        await secret_at(tools, one, visit.definition, visit.configuration) for one in places
    ]
    reply = reply_to(found, visit.raw, held[0] if held else None)
    return Done(reason=found.note or "answered a handshake", reply=reply) if reply else None


async def _verify(visit: Visit, tools: Tools) -> None:
    """It must be signed. Its own time counts, so that what waited in the queue, or is replayed, still passes."""
    if visit.rule.scheme in {"none", "handler"}:
        return
    held = await _secrets(visit, tools)
    if not held:
        wanted = ", ".join(f"{one.from_} {one.name}" for one in visit.rule.places)
        raise Permanent(
            f"nothing can be verified: the secret is not set ({wanted}); set it and replay this request"
        )
    verify(
        visit.rule,
        held,
        visit.raw,
        now=visit.raw.received_at,
        public_url=_public_url(visit, tools),
    )


def _public_url(visit: Visit, tools: Tools) -> str:
    raw = visit.raw
    door = f"integration/global/{raw.name}" if raw.door == "global" else raw.name
    path = "" if raw.path == "/" else raw.path
    query = f"?{raw.query}" if raw.query else ""
    return f"{visit.definition.public_url or tools.origin}/{door}{path}{query}"


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
    except ScriptFailed as error:
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
    except ScriptFailed as error:
        return Ignored(f"{why}; {error}", Reply(status=200))
    return Ignored(f"{why}; answered by the fallback script", fallback_reply(value))


async def _route(visit: Visit, tools: Tools, found: list[Slice]) -> Outcome:
    """What nobody has verified is never parked."""
    verified = visit.rule.scheme not in {"none", "handler"}
    parts = [(one.identifier, _body(visit.raw, one)) for one in found]
    tools.reach("route.before")
    routed = await tools.ledger.route(visit.record, parts, may_park=verified)
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
