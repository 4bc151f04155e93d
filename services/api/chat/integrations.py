"""What an integration says of its installation: the identifier it is bound to, and when to register it again."""

from __future__ import annotations

from typing import TYPE_CHECKING

from msgspec import UnsetType

from services.api.chat.records import (
    ActionAnswer,
    Analytics,
    CallAction,
    Configure,
    Done,
    Silence,
)
from services.api.operating import ask, check_server
from shared.botpress import invalid
from shared.model.periods import PERIODS
from shared.routing import SANDBOX
from shared.storage.flows import ENDED

if TYPE_CHECKING:
    from services.api.chat.wire import ChatCall
    from services.api.ports import ApiPorts
    from shared.model.installations import Connection, Installation


async def configure(ports: ApiPorts, call: ChatCall[Silence, Configure]) -> Done:
    """Bind, unbind, schedule; what is absent stays as it is."""
    home, wanted = call.caller.installation, call.body
    if isinstance(wanted.sandbox_identifiers, dict):
        fix = "null takes all of them away; people join with a shareable id"
        raise invalid("sandboxIdentifiers", "is null, or left out", fix)
    if wanted.sandbox_identifiers is None:
        await _let_all_go(ports, home)
    if not isinstance(wanted.identifier, UnsetType):
        await _bind(ports, call, wanted.identifier or "")
    if not isinstance(wanted.schedule_register_call, UnsetType):
        period = PERIODS.get(wanted.schedule_register_call or "")
        await ports.schedule.every(home.webhook_id, period)
    return Done()


async def _let_all_go(ports: ApiPorts, home: Installation) -> None:
    """Nobody who joined by way of a shared account stays."""
    for id in await ports.subscriptions.ids(home):
        if id.startswith(SANDBOX):
            await ports.subscriptions.remove(home, id)


async def _bind(ports: ApiPorts, call: ChatCall[Silence, Configure], identifier: str) -> None:
    """
    Bind the installation; `Conflict` where another one has the identifier and no connect flow proves who it is.

    Inside a flow the last one wins, as the definition's `ownership` says.
    """
    home = call.caller.installation
    await ports.ledger.bind(
        home.integration, identifier, home.webhook_id, call.caller.definition.ownership,
        in_flow=await _is_connecting(ports, home, call.trace_id),
    )  # fmt: skip
    connection = _connection(home, identifier)
    if connection != home.connection:
        await ports.installations.update(home.webhook_id, connection=connection)


async def _is_connecting(ports: ApiPorts, home: Installation, trace_id: str) -> bool:
    """
    Whether a person is connecting it right now.

    `register` comes right behind that, and some integrations bind there what connecting brought. Where no flow is
    needed (`stateBinding = "plain"`), the invocation itself is known as one of those.
    """
    if trace_id and await ports.flows.is_round_trip(trace_id, home.webhook_id):
        return True
    flow = await ports.flows.current_flow(home.webhook_id)
    if flow is None or flow.expires_at <= ports.clock.now():
        return False
    registers = flow.status == "connected" and home.status == "registration_pending"
    return registers or flow.status not in ENDED


def _connection(home: Installation, identifier: str) -> Connection:
    """One that nobody can connect with a click stays as it is."""
    if home.connection == "none":
        return "none"
    return "connected" if identifier else "pending"


async def call_action(ports: ApiPorts, call: ChatCall[Silence, CallAction]) -> ActionAnswer:
    """Call an action of the integration itself; those of others are for the bot to call."""
    home = call.caller.installation
    alias, _, type = call.body.type.rpartition(":")
    if alias not in ("", home.alias):
        fix = f"call actions of {home.alias} alone"
        raise invalid("type", f"{alias[:60]} is another installation's alias", fix)
    await check_server(ports, home)
    payload = {"type": type, "input": call.body.input}
    said = await ask(ports, home, "action_triggered", payload)
    return ActionAnswer(output=said.get("output") or {})


async def track(ports: ApiPorts, call: ChatCall[Silence, Analytics]) -> Done:
    """Count something; the operator sees how much, by integration."""
    integration = call.caller.installation.integration
    amount = max(call.body.count, 0.0)
    ports.edge.metrics.count("integration_analytics_total", amount, integration=integration)
    return Done()
