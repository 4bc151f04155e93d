"""Gates: which targets get nothing now, and closing or opening one by hand."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

import msgspec

from services.api.answers import Nothing
from services.api.ledger_answers import CloseGate, GateList, GateView
from shared.botpress import invalid
from shared.errors import NotFound

if TYPE_CHECKING:
    from services.api.ports import ApiPorts
    from services.api.wire import Call

_KINDS = ("bot:", "handler:", "provider:", "installation:")
_NOUNS = {"bot": "bot", "installation": "installation", "handler": "integration"}
_FIX = "write bot:ID, handler:INTEGRATION, installation:WEBHOOKID, or provider:NAME/HOST as `gates ls` shows it"


async def list_gates(ports: ApiPorts, call: Call[Nothing, None]) -> GateList:
    """All closed gates, the next to let something through first."""
    del call
    return await _all(ports)


async def close(ports: ApiPorts, call: Call[Nothing, CloseGate]) -> GateList:
    """Let nothing through for a while; what is for the target waits. Workers have heard of it within a second."""
    name, wanted = _name(call.path["gate"]), call.body
    await _check_holds(ports, name)
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


async def _check_holds(ports: ApiPorts, name: str) -> None:
    """Raise where no such target is: a typing mistake must not look like a closed gate."""
    kind, _, target = name.partition(":")
    if kind == "provider":
        target, _, host = target.rpartition("/")
        if not (target and host):
            raise invalid("gate", f"{name[:80]!r} names no host", _FIX)
        kind = "handler"
        if target.startswith("installation:"):
            kind, _, target = target.partition(":")
    if not await _is_there(ports, kind, target):
        raise NotFound(
            f"there is no {_NOUNS[kind]} {target[:80]}, so the gate would hold nothing"
        )


async def _is_there(ports: ApiPorts, kind: str, target: str) -> bool:
    if kind == "bot":
        return await ports.bots.get(target) is not None
    if kind == "installation":
        return await ports.installations.by_webhook_id(target) is not None
    return await ports.definitions.current(target) is not None


async def views(ports: ApiPorts) -> list[GateView]:
    """Gates as they are shown."""
    found = await ports.gates.all()
    return [msgspec.convert(gate, GateView, from_attributes=True) for gate in found]


async def _all(ports: ApiPorts) -> GateList:
    return GateList(gates=await views(ports))


def _name(given: str) -> str:
    if not given.startswith(_KINDS):
        raise invalid("gate", f"{given[:80]!r} is not the name of a gate", _FIX)
    return given
