"""What the api is given; its composition root fills it in."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field

from aiohttp import web

from services.api.allowance import USUAL, Allowances
from services.api.known import Known
from services.api.repeats import Repeats
from services.inbox import Inbox
from services.web import Edge
from shared.clock import Chance, Clock
from shared.fullness import Bounds
from shared.integrations.scripts import Scripts
from shared.model.retention import Retention
from shared.retention import retention
from shared.secret import KeyRing
from shared.storage.audit import Audit
from shared.storage.bots import Bots, Events
from shared.storage.callers import Callers
from shared.storage.checks import Promise, promise
from shared.storage.connection import Store
from shared.storage.definitions import Definitions
from shared.storage.flows import Flows
from shared.storage.gates import Gates
from shared.storage.handshakes import Handshakes
from shared.storage.inspection import Inspection
from shared.storage.installations import Installations
from shared.storage.later import Later
from shared.storage.ledger import Ledger, Limits
from shared.storage.measured import Measured
from shared.storage.objects import Objects
from shared.storage.renewals import Renewals
from shared.storage.schedule import Schedule
from shared.storage.sessions import Sessions
from shared.storage.states import States
from shared.storage.subscriptions import Subscriptions
from shared.storage.tokens import RuntimeTokens
from shared.storage.vault import Secrets, Vault


@dataclass(frozen=True, kw_only=True)
class ApiSettings:
    """What an operator decides and a call needs."""

    public_url: str  # origin of the ingress
    api_url: str  # origin of this process
    admin_token: str = field(repr=False)
    metrics_token: str = field(
        default="", repr=False
    )  # empty: nobody who reads the metrics is asked for one
    return_to: tuple[str, ...] = ()  # origins a connect page may send people to
    allow_loopback: bool = False  # definitions may name http providers on this machine
    calls_a_second: int = USUAL  # of one installation, on the runtime API
    most_open: Limits = field(default_factory=Limits)  # before a call that stores work gets 503
    retention: Retention = field(default_factory=lambda: retention(""))

    @property
    def bounds(self) -> Bounds:
        """What may be held, of everything."""
        most = self.most_open
        return Bounds(records=most.records, bytes=most.bytes, retention=self.retention)


@dataclass(frozen=True, kw_only=True)
class ApiPorts:
    """Everything a call may touch."""

    settings: ApiSettings
    edge: Edge
    clock: Clock
    chance: Chance
    ledger: Ledger
    inspection: Inspection
    measured: Measured
    definitions: Definitions
    installations: Installations
    renewals: Renewals
    states: States
    subscriptions: Subscriptions
    handshakes: Handshakes
    flows: Flows
    gates: Gates
    bots: Bots
    events: Events
    secrets: Secrets
    vault: Vault
    tokens: RuntimeTokens
    callers: Callers
    known: Known
    allowances: Allowances
    repeats: Repeats
    objects: Objects
    schedule: Schedule
    later: Later
    sessions: Sessions
    audit: Audit
    scripts: Scripts
    inbox: Inbox  # replies of workers, once it is started
    promise: Callable[[], Awaitable[Promise]]  # what a 2xx is worth on this store


PORTS = web.AppKey("ports", ApiPorts)


def ports_over(
    store: Store, settings: ApiSettings, edge: Edge, ring: KeyRing, scripts: Scripts
) -> ApiPorts:
    """Everything a call may touch, over one store."""
    vault, definitions = Vault(store, ring), Definitions(store)
    ledger = Ledger(store, settings.most_open)
    return ApiPorts(
        settings=settings,
        edge=edge,
        clock=edge.clock,
        chance=edge.chance,
        ledger=ledger,
        inspection=Inspection(store),
        measured=Measured(store),
        definitions=definitions,
        installations=Installations(store, vault),
        renewals=Renewals(store),
        states=States(store, vault),
        subscriptions=Subscriptions(store, vault),
        handshakes=Handshakes(store, vault),
        flows=Flows(store),
        gates=Gates(store),
        bots=Bots(store, vault, edge.clock),
        events=Events(store),
        secrets=Secrets(store, vault),
        vault=vault,
        tokens=RuntimeTokens(store, edge.clock, edge.chance),
        callers=Callers(store),
        known=Known(definitions, edge.clock),
        allowances=Allowances(edge.clock, settings.calls_a_second),
        repeats=Repeats(edge.clock),
        objects=Objects(store),
        schedule=Schedule(store),
        later=Later(store),
        sessions=Sessions(store),
        audit=Audit(store),
        scripts=scripts,
        inbox=Inbox(ledger, edge.chance.token(16).hex()),
        promise=lambda: promise(store),
    )
