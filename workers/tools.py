"""What jobs and runtimes work with; one frozen record, made by the composition root."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from shared.sharing import Sharing

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from shared.clock import Chance, Clock
    from shared.ports import (
        BotsPort,
        EventsPort,
        FlowsPort,
        HandshakesPort,
        InstallationsPort,
        LedgerPort,
        OpensSealed,
        RenewalsPort,
        RunsScripts,
        SecretsPort,
        Sends,
        StatesPort,
        SubscriptionsPort,
        TurnsPort,
        VaultPort,
    )
    from workers.catalogue import Catalogue
    from workers.gates import Gatekeeper
    from workers.keysets import KeySets
    from workers.slots import Slots


@dataclass(frozen=True, kw_only=True)
class Tools:
    """Ports by name."""

    ledger: LedgerPort
    catalogue: Catalogue
    keysets: KeySets  # that providers publish
    installations: InstallationsPort
    states: StatesPort
    subscriptions: SubscriptionsPort
    handshakes: HandshakesPort
    turns: TurnsPort
    renewals: RenewalsPort
    secrets: SecretsPort
    flows: FlowsPort
    bots: BotsPort
    events: EventsPort
    vault: VaultPort
    gates: Gatekeeper
    slots: Slots
    scripts: RunsScripts
    sealing: OpensSealed
    provider: Sends  # to providers: public addresses only
    admin: Sends  # to addresses that an administrator set: bots, integration servers
    reach: Callable[[str], None]  # named fail-points
    clock: Clock
    chance: Chance
    origin: str  # the public URL
    folders: dict[str, Path]  # where integrations written in Python live
    sharing: Sharing = field(default_factory=Sharing)  # of what several reads come to
