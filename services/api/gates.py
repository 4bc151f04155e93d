"""Gates: which targets get nothing now, and closing or opening one by hand."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

import msgspec

from services.api.answers import Nothing
from services.api.ledger_answers import CloseGate, GateList, GateView
from shared.botpress import invalid

if TYPE_CHECKING:
    from services.api.ports import ApiPorts
    from services.api.wire import Call

_KINDS = ("bot:", "handler:", "provider:", "installation:")


async def list_gates(ports: ApiPorts, call: Call[Nothing, None]) -> GateList:
    """All closed gates, the next to let something through first."""
    del call
    return await _all(ports)


async def close(ports: ApiPorts, call: Call[Nothing, CloseGate]) -> GateList:
    """Let nothing through for a while; what is for the target waits."""
    name, wanted = _name(call.path["gate"]), call.body
    span = timedelta(seconds=wanted.seconds)
    await ports.gates.close(name, "pause", span, wanted.reason)
    await ports.audit.entry("admin", "gate.closed", name, {"seconds": wanted.seconds})
    return await _all(ports)


async def open_one(ports: ApiPorts, call: Call[Nothing, None]) -> GateList:
    """Let go what waits; a target that is down still closes its gate again."""
    name = _name(call.path["gate"])
    await ports.gates.open(name)
    await ports.audit.entry("admin", "gate.opened", name, {})
    return await _all(ports)


async def views(ports: ApiPorts) -> list[GateView]:
    """Gates as they are shown."""
    found = await ports.gates.all()
    return [msgspec.convert(gate, GateView, from_attributes=True) for gate in found]


async def _all(ports: ApiPorts) -> GateList:
    return GateList(gates=await views(ports))


def _name(given: str) -> str:
    if not given.startswith(_KINDS):
        fix = "write bot:ID, handler:INTEGRATION, provider:INTEGRATION/HOST or installation:WEBHOOKID"
        raise invalid("gate", f"{given[:80]!r} is not the name of a gate", fix)
    return given
