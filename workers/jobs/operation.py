"""An operation for an integration's own server: an action, a bot's message, a check whether it is there."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

from shared.botpress import Refusal
from shared.envelope import body_of, is_success, may_pass, reply_of, said_in
from shared.errors import HandlerUnavailable, Permanent, Transient, Unanswered
from shared.model.operations import Operation
from shared.model.outcomes import Dead, Done, Ignored, Outcome
from shared.model.requests import Reply
from shared.retries import retry_after
from workers.installed import installed
from workers.runtime import registrar_of
from workers.runtime.botpress import BotpressServer
from workers.turns import registering

if TYPE_CHECKING:
    from shared.model.calls import HttpAnswer
    from shared.model.jobs import Claim, Record
    from workers.installed import Installed
    from workers.runtime import Registrar
    from workers.tools import Tools


async def operation(claim: Claim, tools: Tools) -> Outcome:
    """Send it; what the server answers is for a caller who waits, and then it is sent once only."""
    asked = msgspec.msgpack.decode(claim.body, type=Operation)
    owner = await installed(tools, asked.webhook_id)
    if asked.name == "unregister" and (code := registrar_of(owner, tools)):
        return await _unregister(claim.record, asked, owner, code, tools)
    if not owner.definition.url:
        reason = f"{owner.definition.name} has no server that could do {asked.name}"
        return Ignored(reason, _refused("InvalidPayload", reason, claim.record.id))
    if asked.reply_to is None:
        return await _until_done(claim.record, asked, owner, tools)
    if claim.record.epoch > 1:
        return Dead("it may have been done before, and nobody waits any more")
    return await _once(claim.record, asked, owner, tools)


async def _unregister(
    record: Record, asked: Operation, owner: Installed, code: Registrar, tools: Tools
) -> Outcome:
    """Whoever asked removes the installation whatever comes of it, so nothing is tried again."""
    url = str(asked.payload.get("webhookUrl", ""))
    try:
        async with registering(record, asked.webhook_id, tools):
            await code.registration(record, owner, "unregister", url)
    except (Permanent, Transient) as error:
        return Ignored(f"unregister: {error}", _refused("Runtime", str(error), record.id))
    return Done(reason="unregistered", reply=Reply())


async def _once(record: Record, asked: Operation, owner: Installed, tools: Tools) -> Outcome:
    try:
        answer = await _sent(record, asked, owner, tools)
    except Unanswered as error:
        words = f"the integration did not answer {asked.name}: {error}"
        return Dead(words, _refused("OperationTimeout", words, record.id))
    except Transient as error:
        return Dead(str(error), _refused("Internal", str(error), record.id, status=503))
    if is_success(answer):
        return Done(reason=f"the integration did {asked.name}", reply=reply_of(answer))
    return Dead(_words(asked, answer), reply_of(answer))


async def _until_done(
    record: Record, asked: Operation, owner: Installed, tools: Tools
) -> Outcome:
    answer = await _sent(record, asked, owner, tools)
    if is_success(answer):
        return Done(reason=f"the integration did {asked.name}")
    if may_pass(answer):
        after = retry_after(answer.headers, now=tools.clock.now())
        raise HandlerUnavailable(_words(asked, answer), after)
    return Dead(_words(asked, answer))


async def _sent(record: Record, asked: Operation, owner: Installed, tools: Tools) -> HttpAnswer:
    return await BotpressServer(tools).ask(record, owner, asked.name, body_of(asked.payload))


def _words(asked: Operation, answer: HttpAnswer) -> str:
    return f"{asked.name}: the integration answered {answer.status}: {said_in(answer).message}"


def _refused(type: str, reason: str, id: str, status: int = 0) -> Reply:
    refusal = Refusal(type, reason, status=status)
    return Reply(
        status=refusal.status,
        headers=(("content-type", "application/json"),),
        body=refusal.document(id),
    )
