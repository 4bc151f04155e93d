"""What stands before a target that cannot take anything now."""

from __future__ import annotations

from typing import Literal

from msgspec import Struct

# `open`: what waited is on its way out. `slots`: what waits finds no slot of a worker now.
GateKind = Literal["breaker", "pause", "open", "slots"]


class Gate(Struct, frozen=True, kw_only=True):
    """A gate that is closed, or just opening."""

    name: str  # `bot:ID`, `handler:INTEGRATION`, `provider:INTEGRATION/HOST`, `installation:WEBHOOKID`
    kind: GateKind
    seconds: float  # until it lets something through
    reason: str
    behind: int  # records that wait
