"""
`/oauth…` of an integration with a server of its own: its wizard pages, its redirects, the provider's way back.

Nothing of theirs is rewritten, and their `state` is the installation's webhookId, which is no secret. So the browser's
cookie must belong to an open flow of that very installation. What a request brings from the provider is handed over
once, however often the browser brings it.
"""

from __future__ import annotations

import hashlib
import re
from typing import TYPE_CHECKING

import msgspec
from msgspec import Struct

from shared.envelope import (
    IDENTIFIER,
    UNTOUCHED,
    ending_in,
    is_success,
    reply_of,
    request_body,
    said_in,
    trace_id_of,
)
from shared.errors import (
    AlreadyBound,
    Conflict,
    FlowRefused,
    HandlerUnavailable,
    NotFound,
    Permanent,
    Transient,
    Unanswered,
)
from shared.integrations.configurations import provider_of
from shared.model.flows import FLOW_LIFETIME, OAUTH_STATE_LIFETIME, Flow
from shared.model.jobs import registration_of
from shared.model.outcomes import Done, Outcome
from shared.model.requests import RawRequest, Reply, SealedPart
from shared.oauth import callback_cause, words_of
from workers.installed import Installed, installed
from workers.jobs.pages.render import failure, page, progress, see_other
from workers.runtime.botpress import BotpressServer

if TYPE_CHECKING:
    from shared.model.calls import HttpAnswer
    from shared.model.jobs import Record
    from workers.tools import Tools

STEP = "dispatch"
OPEN = frozenset({"open", "authorizing", "exchanging", "confirming", "failed"})
LONGEST_IDENTIFIER = 200
_UUID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")
_BREAKS = frozenset({"already_bound", "exchange_unknown", "server_away"})


class Visit(Struct, frozen=True, kw_only=True):
    """One request of a browser to an integration's own pages."""

    record: Record
    raw: RawRequest
    part: SealedPart
    query: dict[str, str]
    owner: Installed
    flow: Flow | None = None  # None only where the integration needs none

    @property
    def is_answer(self) -> bool:
        """Whether it brings a code, which works only once."""
        return bool(self.query.get("code"))


class Result(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What came of a dispatch; kept, so that it takes effect even if this worker dies."""

    end: str = ""  # "" goes on, connected, or a cause
    detail: str = ""
    identifier: str = ""


async def served(oauth_state: str, tools: Tools) -> Installed | None:
    """The installation that *oauth_state* names, where its integration handles `/oauth` on its own server."""
    webhook_id = oauth_state.lower()
    if not _UUID.fullmatch(webhook_id):
        return None
    try:
        owner = await installed(tools, webhook_id)
    except (Permanent, NotFound):
        return None
    kind = owner.installation.configuration_type
    if not owner.definition.url or provider_of(owner.definition, kind):
        return None
    return owner


async def integration_page(visit: Visit, tools: Tools) -> Outcome:
    """Carry one request."""
    try:
        visit = await _admitted(visit, tools)
        return await _answered(visit, tools)
    except FlowRefused as refused:
        return Done(
            reason=f"refused: {refused.cause}", reply=await _refusal(visit, refused, tools)
        )


async def _refusal(visit: Visit, refused: FlowRefused, tools: Tools) -> Reply:
    """A page of its own, or the flow's where the flow is what broke."""
    if visit.flow is None or refused.cause not in _BREAKS:
        return failure(refused.cause, refused.detail)
    await _failed(visit, Result(end=refused.cause, detail=refused.detail), tools)
    return _flow_page(visit.flow)


async def _admitted(visit: Visit, tools: Tools) -> Visit:
    """The visit with its flow; raises `FlowRefused` for another browser, another origin, an ended flow."""
    _check_origin(visit)
    flow = await tools.flows.current_flow(visit.owner.installation.webhook_id)
    cause = _objection(flow, visit.raw.cookie_hash, tools.clock.now())
    if visit.owner.definition.state_binding == "plain":
        is_theirs = not cause and flow is not None and flow.status in OPEN
        return msgspec.structs.replace(visit, flow=flow if is_theirs else None)
    if cause:
        raise FlowRefused(cause)
    return msgspec.structs.replace(visit, flow=flow)


def _objection(flow: Flow | None, cookie_hash: str, now: float) -> str:
    if flow is None:
        return "no_flow"
    if not flow.is_of(cookie_hash):
        return "other_browser"
    return "flow_expired" if flow.status != "connected" and flow.expires_at <= now else ""


def _check_origin(visit: Visit) -> None:
    """An integration with an origin of its own has no pages on the shared one."""
    own = visit.owner.definition.public_url
    host = next((value for name, value in visit.part.headers if name == "host"), "")
    if own and host.lower() != own.partition("://")[2].rstrip("/").lower():
        raise FlowRefused("no_flow", f"the pages of this integration are at {own}")


async def _answered(visit: Visit, tools: Tools) -> Outcome:
    flow = visit.flow
    if visit.record.replays:  # nobody is there to read the page, and what it did was done
        raise FlowRefused("already_used")
    if flow is not None and flow.status == "connected":
        if visit.is_answer:
            return Done(reason="this callback came before", reply=_flow_page(flow))
        raise FlowRefused("already_used")
    if flow is not None and flow.confirm and visit.is_answer:
        waiting = await _waiting_for_confirmation(flow, tools)
        return Done(reason="waits for the operator's confirmation", reply=progress(waiting))
    if not await _is_first(visit, tools):
        if flow is None or await tools.flows.flow_of_state(_seen(visit, "answered")):
            raise FlowRefused("already_used")
        return Done(reason="this callback came before", reply=_flow_page(flow))
    return await _dispatched(visit, tools)


async def _waiting_for_confirmation(flow: Flow, tools: Tools) -> Flow:
    """The page asks again by itself, at the same address; nothing is handed over before the operator's word."""
    if flow.status == "confirming":
        return flow
    return await tools.flows.update_flow(flow.id, expect=OPEN, status="confirming")


async def _is_first(visit: Visit, tools: Tools) -> bool:
    """Whether this record is the one that hands this provider's answer over."""
    if not visit.is_answer:
        return True
    key = _seen(visit, "came")
    await tools.flows.put_oauth_state(key, _of(visit), OAUTH_STATE_LIFETIME)
    _, is_ours = await tools.flows.use_oauth_state(key, visit.record.id)
    return is_ours


def _of(visit: Visit) -> str:
    return visit.flow.id if visit.flow else visit.owner.installation.webhook_id


def _seen(visit: Visit, what: str) -> str:
    """What is remembered of this very answer of a provider."""
    part = visit.part
    text = f"{what}\0{_of(visit)}\0{part.path}\0{part.query}"
    return hashlib.sha256(text.encode()).hexdigest()


async def _dispatched(visit: Visit, tools: Tools) -> Outcome:
    status, kept = await tools.ledger.step("begin", visit.record, STEP, b"once")
    if status == "result":
        result = msgspec.msgpack.decode(kept, type=Result)
        return await _finished(visit, result, None, tools)
    if status != "begun":
        raise FlowRefused("exchange_unknown")
    await _going_on(visit, tools)
    await _vouched(visit, visit.record.id, tools)
    answer = await _sent(visit, tools)
    result = _result_of(visit, answer)
    await tools.ledger.step("commit", visit.record, STEP, msgspec.msgpack.encode(result))
    return await _finished(visit, result, answer, tools)


async def _going_on(visit: Visit, tools: Tools) -> None:
    """Every step gives the flow its whole time again."""
    if visit.flow is None:
        return
    status = "exchanging" if visit.is_answer else "authorizing"
    try:
        await tools.flows.update_flow(
            visit.flow.id, expect=OPEN, status=status, cause="", detail="",
            expires_at=tools.clock.now() + FLOW_LIFETIME,
        )  # fmt: skip
    except (Conflict, NotFound):
        raise FlowRefused("flow_expired") from None


async def _vouched(visit: Visit, record_id: str, tools: Tools) -> None:
    """Where no flow says so, the trace of *record_id* says that its calls belong to a round trip."""
    if visit.flow is None:
        home = visit.owner.installation
        await tools.flows.begin_round_trip(trace_id_of(record_id), home.webhook_id)


async def _sent(visit: Visit, tools: Tools) -> HttpAnswer:
    body = request_body(visit.part, visit.part.path, visit.raw.method)
    try:
        return await BotpressServer(tools).ask(
            visit.record, visit.owner, "webhook_received", body
        )
    except Unanswered:
        raise FlowRefused("exchange_unknown" if visit.is_answer else "server_away") from None
    except Transient:
        await tools.ledger.step("forget", visit.record, STEP)
        raise FlowRefused("server_away") from None


def _result_of(visit: Visit, answer: HttpAnswer) -> Result:
    given = answer.header(IDENTIFIER) if answer.status < 400 else ""
    identifier = given if len(given) <= LONGEST_IDENTIFIER else ""
    ending = ending_in(answer)
    if ending is not None:
        end = "connected" if ending.success else "provider_error"
        return Result(end=end, detail=ending.message, identifier=identifier)
    if _is_untouched(answer):
        return Result(identifier=identifier)
    if is_success(answer):
        return Result(end="connected", identifier=identifier)
    cause = callback_cause(visit.query) if "error" in visit.query else None
    return Result(
        end=cause or "provider_error",
        detail=said_in(answer).message or words_of(visit.query),
    )


def _is_untouched(answer: HttpAnswer) -> bool:
    return answer.header(UNTOUCHED).lower() == "true"


async def _finished(
    visit: Visit, result: Result, answer: HttpAnswer | None, tools: Tools
) -> Outcome:
    """Let *result* take effect; doing it again changes nothing."""
    if result.identifier:
        await _bind(visit, result.identifier, tools)
    if result.end == "connected":
        await _connected(visit, tools)
    elif result.end:
        await _failed(visit, result, tools)
    elif visit.is_answer:
        # The integration goes on with a page of its own: there is nothing to wait for on the flow's page.
        await tools.flows.put_oauth_state(
            _seen(visit, "answered"), _of(visit), OAUTH_STATE_LIFETIME
        )
    if result.end and visit.flow is not None:
        await tools.flows.remember_end(visit.flow.cookie_hash, visit.flow.id)
    reason = result.end or f"the integration answered {answer.status if answer else 'before'}"
    return Done(reason=reason, reply=_reply(visit, result, answer))


async def _bind(visit: Visit, identifier: str, tools: Tools) -> None:
    """The header is proof of ownership: whoever held the identifier before loses it, unless it is exclusive."""
    home, definition = visit.owner.installation, visit.owner.definition
    try:
        await tools.ledger.bind(
            home.integration, identifier, home.webhook_id, definition.ownership, in_flow=True
        )
    except AlreadyBound:
        raise FlowRefused("already_bound") from None


async def _connected(visit: Visit, tools: Tools) -> None:
    home = visit.owner.installation
    # While `register` is still to come, what it says of an identifier counts as said inside the flow.
    await tools.installations.update(
        home.webhook_id, connection="connected", status="registration_pending", status_reason=""
    )
    after = await tools.installations.by_webhook_id(home.webhook_id)
    await _note(visit, tools, status="connected", account_id=after.identifier if after else "")
    if visit.flow and (link := await tools.flows.link(visit.flow.link)):
        await tools.flows.put_link(visit.flow.link, msgspec.structs.replace(link, used=True))
    await _register(visit, tools)


async def _register(visit: Visit, tools: Tools) -> None:
    """Botpress registers when the configuration is saved, which it does by itself after connecting."""
    home = visit.owner.installation
    ticket = registration_of(home, f"{visit.record.id}_register")
    await _vouched(visit, ticket.id, tools)
    (stored,) = await tools.ledger.accept([ticket])
    if stored.status == "full":
        raise HandlerUnavailable("the queue is full, so register could not be asked for")


async def _failed(visit: Visit, result: Result, tools: Tools) -> None:
    await _note(visit, tools, status="failed", cause=result.end, detail=result.detail)


async def _note(visit: Visit, tools: Tools, **changes: str) -> None:
    if visit.flow is None:
        return
    try:
        await tools.flows.update_flow(visit.flow.id, expect=OPEN, **changes)
    except (Conflict, NotFound):
        return


def _reply(visit: Visit, result: Result, answer: HttpAnswer | None) -> Reply:
    if answer is not None and _is_untouched(answer):
        return reply_of(answer)
    if visit.flow is not None:
        return _flow_page(visit.flow)
    if result.end == "connected":
        return page("interstitial", success=True, message="")
    return failure(result.end or "exchange_unknown", result.detail)


def _flow_page(flow: Flow) -> Reply:
    return see_other(f"/connect/flows/{flow.id}")
