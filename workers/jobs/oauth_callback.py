"""A provider sends a browser back: check the flow, exchange once, activate. It ends on the flow's own page."""

from __future__ import annotations

import asyncio
from datetime import timedelta
from typing import TYPE_CHECKING, Any, TypeVar
from urllib.parse import parse_qsl

import msgspec

from shared.errors import Conflict, FlowRefused, NotFound, Permanent, SignatureMismatch
from shared.integrations.configurations import provider_of
from shared.model.flows import OAUTH_STATE_LIFETIME, Flow
from shared.model.outcomes import Done, Outcome, Retry, Settled
from shared.oauth import (
    callback_cause,
    callback_values,
    captured,
    check_equal,
    check_issuer,
    code_in,
    words_of,
)
from shared.secret import Secret
from shared.signatures import Verify, verify
from shared.steps.effects import perform
from shared.steps.exchange import ExchangeOrder, exchange
from workers.clients import client_of, template_values
from workers.effects import AwaitsChoice, AwaitsConfirmation, Callback, CallbackEffects
from workers.installed import installed
from workers.jobs import python_callback
from workers.jobs.connect import opened, state_hash, verifier_place
from workers.jobs.integration_pages import Visit, integration_page, served
from workers.jobs.pages.render import failure, see_other
from workers.runtime import is_python

if TYPE_CHECKING:
    from collections.abc import Coroutine

    from shared.model.jobs import Claim, Record
    from shared.model.requests import RawRequest
    from shared.oauth import Client, OAuthProvider
    from workers.installed import Installed
    from workers.tools import Tools

Query = dict[str, str]
WAITS = 2  # seconds between looks at a flow that waits for somebody
T = TypeVar("T")


async def oauth_callback(claim: Claim, tools: Tools) -> Outcome:
    """Carry one callback."""
    raw, part = opened(claim.body, tools)
    raw = msgspec.structs.replace(raw, query=part.query)
    query = first_values(raw.query)
    if owner := await served(query.get("state", ""), tools):
        visit = Visit(record=claim.record, raw=raw, part=part, query=query, owner=owner)
        return await integration_page(visit, tools)
    try:
        flow, is_ours = await _flow_of(claim.record, raw, tools)
    except FlowRefused as refused:
        return Done(reason=refused.cause, reply=failure(refused.cause, refused.detail))
    page = see_other(f"/connect/flows/{flow.id}")
    if not is_ours:
        return Done(reason="this callback came before", reply=page)
    try:
        is_closed = await _finish(claim.record, flow, raw, tools)
    except FlowRefused as refused:
        await _fail(claim.record, flow, refused, tools)
        return Done(reason=f"not connected: {refused.cause}", reply=page)
    except (AwaitsConfirmation, AwaitsChoice) as waits:
        return Retry(timedelta(seconds=WAITS), str(waits), page)
    return (Settled if is_closed else Done)(reason="connected", reply=page)


def first_values(query: str) -> Query:
    """
    The query as a table; of a parameter given twice the first one counts.

    >>> first_values("state=a&state=b&code=")
    {'state': 'a', 'code': ''}
    """
    found: Query = {}
    for name, value in parse_qsl(query, keep_blank_values=True):
        found.setdefault(name, value)
    return found


async def _flow_of(record: Record, raw: RawRequest, tools: Tools) -> tuple[Flow, bool]:
    """The flow that this callback may finish, and whether it is this record that does."""
    hashed = state_hash(first_values(raw.query).get("state", ""))
    flow_id = await tools.flows.flow_of_state(hashed)
    flow = await tools.flows.flow(flow_id) if flow_id else None
    if flow is None:
        raise FlowRefused("unknown_state")
    if not flow.is_of(raw.cookie_hash):
        raise FlowRefused("other_browser")
    if not flow.expects(hashed):
        raise FlowRefused("already_used", "a newer attempt has taken its place")
    # What an earlier life of this record began is no longer in the journal, so a replay is as good as another record.
    by = f"{record.id}.{record.replays}" if record.replays else record.id
    _, is_ours = await tools.flows.use_oauth_state(hashed, by)
    return flow, is_ours


async def _finish(record: Record, flow: Flow, raw: RawRequest, tools: Tools) -> bool:
    """Connect, or raise `FlowRefused`; True when the activation has closed the record with everything else."""
    if flow.status == "connected":
        return False
    if _is_over(flow, tools) and record.epoch == 1:
        # Later leases go on: the exchange may hold tokens that must be used, or revoked.
        raise FlowRefused("flow_expired")
    if flow.status == "choosing" and not (flow.choice or _is_over(flow, tools)):
        raise AwaitsChoice("waits for the user to pick an account")
    try:
        owner = await installed(tools, flow.installation)
    except (Permanent, NotFound) as error:
        raise FlowRefused("misconfigured", str(error)) from None
    provider = provider_of(owner.definition, owner.installation.configuration_type)
    if provider is None and not is_python(owner, tools):
        raise FlowRefused("misconfigured", f"{owner.definition.name} has no OAuth section")
    if provider is None:
        callback = Callback(record=record, flow=flow, owner=owner)
        await python_callback.connect(callback, first_values(raw.query), tools)
        return False
    order = await _order(provider, flow, owner, raw, tools)
    await _begin(flow, tools)
    steps = exchange(order)
    effects = CallbackEffects(tools, Callback(record=record, flow=flow, owner=owner))
    await unbroken(perform(steps, effects))
    return True


def _is_over(flow: Flow, tools: Tools) -> bool:
    return flow.status in {"void", "failed"} or flow.expires_at <= tools.clock.now()


async def unbroken(work: Coroutine[Any, Any, T]) -> T:
    """Finish *work* even when we are told to stop: the answer of an exchange under way cannot be had twice."""
    task = asyncio.create_task(work)
    try:
        return await asyncio.shield(task)
    except asyncio.CancelledError:
        await asyncio.wait([task])
        raise


async def _begin(flow: Flow, tools: Tools) -> None:
    if flow.status == "authorizing":
        await tools.flows.update_flow(flow.id, expect={"authorizing"}, status="exchanging")


async def _order(
    provider: OAuthProvider, flow: Flow, owner: Installed, raw: RawRequest, tools: Tools
) -> ExchangeOrder:
    query = first_values(raw.query)
    check_issuer(provider, query)
    if cause := callback_cause(query, provider.callback.code):
        raise FlowRefused(cause, words_of(query))
    client = await client_of(provider, owner, tools)
    _check_mac(provider, client, raw)
    values = {**await template_values(owner, tools), **flow.inputs}
    check_equal(provider, query, values)
    given = {**flow.inputs, **callback_values(provider, query)}
    verifier = await tools.vault.open(owner.scope, verifier_place(flow.id), flow.verifier)
    return ExchangeOrder(
        provider=provider,
        client=client,
        code=Secret(code_in(provider, query).encode()),
        redirect_uri=flow.redirect_uri,
        verifier=verifier,
        inputs={**values, **given},
        given=given,
        callback=captured(provider, query),
        code_deadline=flow.created_at + OAUTH_STATE_LIFETIME,
        deadline=flow.expires_at,
    )


def _check_mac(provider: OAuthProvider, client: Client, raw: RawRequest) -> None:
    """
    Raise `FlowRefused` unless the provider signed the query, where its definition says that it does.

    What counts is when it arrived: a flow that waits for somebody comes round later than the signature is good for.
    """
    rule = Verify(scheme=provider.callback.mac)
    if not rule.scheme:
        return
    try:
        verify(rule, [client.secret or Secret(b"")], raw, now=raw.received_at)
    except SignatureMismatch as mismatch:
        problem = "the callback is not signed with this app's secret"
        raise FlowRefused("unknown_state", problem) from mismatch


async def _fail(record: Record, flow: Flow, refused: FlowRefused, tools: Tools) -> None:
    """Remember why, if the record is still ours; a flow that has ended otherwise keeps its end."""
    await tools.ledger.step("forget", record, "fence")
    try:
        await tools.flows.update_flow(
            flow.id,
            status="failed",
            cause=refused.cause,
            detail=refused.detail,
            facts=refused.facts,
        )
    except (Conflict, NotFound):
        return
