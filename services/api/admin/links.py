"""Connect links, and the operator's word in a flow that waits for it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from services.api.admin.installations import by_webhook_id, definition_of
from services.api.answers import FlowAnswer, LinkAnswer, NewLink, Nothing
from shared.botpress import invalid
from shared.clock import new_id
from shared.errors import Conflict, NotFound
from shared.explain import rfc3339
from shared.integrations.configurations import can_connect
from shared.oauth import return_to_allowed
from shared.oauth.links import hash_of, new_link, token_of

if TYPE_CHECKING:
    from services.api.ports import ApiPorts
    from services.api.wire import Call


async def make_link(ports: ApiPorts, call: Call[Nothing, NewLink]) -> LinkAnswer:
    """Mint a connect link: good for a day, until a connect succeeds."""
    installation = await by_webhook_id(ports, call.path["webhookId"])
    _check_return(ports, call.body.return_to)
    definition = await definition_of(ports, installation)
    if not can_connect(definition, installation.configuration_type):
        kind = installation.configuration_type or "default"
        raise Conflict(f"the {kind} configuration of {definition.name} has no connect link")
    link = new_link(
        installation.webhook_id,
        new_id("flow", ports.clock, ports.chance),
        ports.clock.now(),
        return_to=call.body.return_to,
        confirm=call.body.confirm,
    )
    token = token_of(ports.chance.token(32))
    await ports.flows.put_link(hash_of(token), link)
    await ports.audit.entry("admin", "link.made", link.installation, {"flow": link.flow_id})
    origin = definition.public_url or ports.settings.public_url
    return LinkAnswer(
        url=f"{origin}/connect/{token}",
        flow_id=link.flow_id,
        expires_at=rfc3339(link.expires_at * 1000),
    )


def _check_return(ports: ApiPorts, return_to: str) -> None:
    allowed = ports.settings.return_to
    if return_to and not return_to_allowed(return_to, allowed):
        known = ", ".join(allowed) or "none"
        fix = f"use an https URL of an origin in WAYPOST_RETURN_TO, which now has: {known}"
        raise invalid(
            "returnTo", "is not an address that a connect page may send people to", fix
        )


async def confirm(ports: ApiPorts, call: Call[Nothing, None]) -> FlowAnswer:
    """Let a flow go on that waits for the operator's word on who came back."""
    flow_id = call.path["flowId"]
    flow = await ports.flows.flow(flow_id)
    if flow is None:
        raise NotFound(f"there is no open flow {flow_id[:80]}; flows end after 30 idle minutes")
    if not flow.confirm:
        raise Conflict(
            f"{flow_id} does not wait for a confirmation; its link was made without confirm"
        )
    confirmed = await ports.flows.confirm(flow_id)
    await ports.audit.entry(
        "admin", "flow.confirmed", flow_id, {"installation": flow.installation}
    )
    return FlowAnswer(flow_id=flow_id, status=confirmed.status, webhook_id=flow.installation)
