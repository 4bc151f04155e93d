"""
What jobs and runtimes ask for, as protocols; `shared/storage` has what fulfils them.

Only methods that a job or a runtime calls stand here.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Protocol

if TYPE_CHECKING:
    from datetime import timedelta

    from shared.model.calls import HttpAnswer, HttpCall
    from shared.model.caught import Caught
    from shared.model.events import Event
    from shared.model.flows import ConnectLink, Flow
    from shared.model.gates import Gate, GateKind
    from shared.model.installations import Bot, Installation
    from shared.model.jobs import Accept, Accepted, Record, Routed
    from shared.model.renewals import Due, Loss
    from shared.model.states import StateType, StoredState
    from shared.secret import Secret


class Publishes(Protocol):
    """Sends to an inbox."""

    async def publish(self, inbox: str, message: bytes) -> None:
        """Nobody listening is fine."""


class RunsScripts(Protocol):
    """Compiles and runs VRL."""

    async def compile(self, name: str, source: str) -> None:
        """Raise `ScriptInvalid` unless *source* is allowed and compiles."""

    async def run(self, name: str, source: str, event: dict[str, Any]) -> Any:
        """The script's value; raises `ScriptFailed`."""


class Sends(Protocol):
    """The way out."""

    async def send(self, call: HttpCall) -> HttpAnswer:
        """Send once; raises `ProviderBusy`, `UnknownOutcome` or `EgressRefused`."""


class LedgerPort(Publishes, Protocol):
    """The ledger, as jobs see it."""

    async def accept(self, accepts: Sequence[Accept]) -> list[Accepted]:
        """Store work."""

    async def route(
        self,
        record: Record,
        slices: Sequence[tuple[str, bytes] | tuple[str, bytes, str]],
        *,
        may_park: bool,
    ) -> Routed:
        """Give each slice to its owners (or the one that is named), or park it."""

    async def step(
        self, what: str, record: Record, name: str, value: bytes = b""
    ) -> tuple[str, bytes]:
        """`begin` (*value* is its kind), `commit` (its result) or `forget` a step."""

    async def bind(
        self,
        integration: str,
        identifier: str,
        installation: str,
        ownership: str,
        *,
        in_flow: bool,
    ) -> tuple[int, list[str]]:
        """Bind an identifier."""

    async def activate(self, args: Sequence[bytes | str | int]) -> tuple[int, list[str]]:
        """Tokens, binding and the flow's end in one script."""


class InstallationsPort(Protocol):
    """Installations."""

    async def by_webhook_id(self, webhook_id: str) -> Installation | None:
        """One installation."""

    async def opened(self, webhook_id: str) -> tuple[Installation, Secret | None] | None:
        """One installation, and its secret fields as JSON where it has some."""

    async def update(self, webhook_id: str, **parts: Any) -> None:
        """Change some parts."""

    async def disconnect(self, webhook_id: str, reason: str) -> bool:
        """Free its identifier and say that its user has to connect again."""

    async def owners_of(self, integration: str, identifier: str) -> Sequence[str]:
        """The webhookIds that *identifier* is bound to."""

    async def sole_owner(
        self, integration: str, identifier: str, named: str = ""
    ) -> tuple[Installation, Bot | None] | None:
        """The one installation that has *identifier*, of several the one *named*, and its bot."""

    async def list(
        self,
        bot: str | None = None,
        integration: str | None = None,
        cursor: str = "",
        limit: int = 50,
    ) -> tuple[Sequence[Installation], str]:
        """One page, and the cursor of the next."""


class SubscriptionsPort(Protocol):
    """What installations have subscribed to at a provider."""

    async def put(self, home: Installation, id: str, secret: Secret | None = None) -> int:
        """Announce one; how many parked requests were released. `Conflict` when it is another installation's."""

    async def put_first(self, home: Installation, id: str, secret: Secret) -> bool:
        """Give one that was announced its first secret; False when it is unknown or has one."""

    async def remove(self, home: Installation, id: str) -> bool:
        """End one; False when there was none."""

    async def ids(self, home: Installation) -> dict[str, bool]:
        """Its subscriptions, and whether each has a secret."""

    async def secret(self, home: Installation, id: str) -> Secret | None:
        """The secret of one."""

    async def secrets(self, home: Installation) -> Sequence[Secret]:
        """Every secret that one of them has."""


class HandshakesPort(Protocol):
    """What handshakes have brought."""

    async def keep(self, integration: str, caught: Caught, value: Secret) -> str:
        """Keep it, once; returns its id."""


class BotsPort(Protocol):
    """Bots."""

    async def get(self, bot_id: str) -> Bot | None:
        """One bot."""

    async def secret(self, bot_id: str) -> Secret | None:
        """What its events are signed with."""


class EventsPort(Protocol):
    """Streams of events."""

    async def append(self, event: Event, key: str = "") -> None:
        """Once per key, which is the event's id unless given."""


class SecretsPort(Protocol):
    """Global secrets of integrations."""

    async def reveal(self, integration: str, name: str) -> Secret | None:
        """One secret."""

    async def all(self, integration: str) -> Mapping[str, Secret]:
        """All that are set."""

    async def names(self, integration: str) -> Sequence[str]:
        """Which are set."""


class VaultPort(Protocol):
    """Seals under the data key of a scope."""

    async def seal(self, scope: str, where: str, plaintext: bytes) -> bytes:
        """Only `open` with the same scope and place reads it."""

    async def open(self, scope: str, where: str, sealed: bytes) -> Secret:
        """Raise `Permanent` when it was moved or forgotten."""


class StatesPort(Protocol):
    """States of installations."""

    async def get(
        self, installation: Installation, type: StateType, owner: str, name: str
    ) -> StoredState | None:
        """One state."""

    async def set(
        self, installation: Installation, type: StateType, owner: str, name: str,
        payload: Mapping[str, Any],
    ) -> StoredState:  # fmt: skip
        """Replace it."""

    async def exchange(
        self, installation: Installation, type: StateType, owner: str, name: str,
        expected: Mapping[str, Any], payload: Mapping[str, Any],
    ) -> bool:  # fmt: skip
        """Replace it if it still is *expected*."""

    async def prepared(
        self, installation: Installation, type: StateType, owner: str, name: str,
        payload: Mapping[str, Any],
    ) -> SealedStatePort:  # fmt: skip
        """Seal it for a script that writes it with other things."""


class OpensSealed(Protocol):
    """The workers' key pair."""

    def seal(self, plaintext: bytes, info: bytes) -> bytes:
        """What only workers can open, under the same *info*."""

    def open(self, sealed: bytes, info: bytes) -> bytes:
        """What the ingress sealed under *info*."""


class SealedStatePort(Protocol):
    """A state that is sealed and not written yet."""

    @property
    def key(self) -> str:
        """Where it will lie."""

    @property
    def payload(self) -> bytes:
        """Sealed JSON."""

    @property
    def meta(self) -> bytes:
        """JSON."""


class TurnsPort(Protocol):
    """Whose turn it is to do what only one may do at a time."""

    async def take(self, webhook_id: str, holder: str) -> bool:
        """Be the only one for a while, or for another while; False when somebody else is."""

    async def drop(self, webhook_id: str, holder: str) -> None:
        """End it early."""

    async def begin(self, webhook_id: str, holder: str, name: str, now: float) -> float | None:
        """Note that something begins; if it had begun before, when."""

    async def forget(self, webhook_id: str, holder: str, name: str) -> None:
        """It was provably not processed."""


class GatesPort(Protocol):
    """Gates before targets that can take nothing now."""

    async def close(self, name: str, kind: GateKind, span: timedelta, reason: str) -> None:
        """Close it for a while."""

    async def open(self, name: str) -> None:
        """Let go what waits behind it."""

    async def release(self, name: str, many: int, *, wake: bool) -> None:
        """Let *many* go that wait for slots."""

    async def all(self) -> Sequence[Gate]:
        """Those that are closed."""


class FlowsPort(Protocol):
    """Connect links and flows."""

    async def link(self, token_hash: str) -> ConnectLink | None:
        """The link with that token."""

    async def put_link(self, token_hash: str, link: ConnectLink) -> None:
        """Store it, or overwrite it."""

    async def flow(self, flow_id: str) -> Flow | None:
        """One flow; `void` when a newer one took its place."""

    async def current_flow(self, webhook_id: str) -> Flow | None:
        """The flow that may go on for an installation."""

    async def begin_flow(self, flow: Flow) -> None:
        """A new attempt, in the place of the one before; `Conflict` when this very one has connected."""

    async def update_flow(
        self, flow_id: str, *, expect: Collection[str] | None = None, **changes: Any
    ) -> Flow:
        """Change it while its status is one of *expect*; `Conflict` otherwise."""

    async def remember_end(self, cookie_hash: str, flow_id: str) -> None:
        """Which flow has ended in that browser."""

    async def ended_in(self, cookie_hash: str) -> Flow | None:
        """The flow that ended last in that browser."""

    async def begin_round_trip(self, trace_id: str, webhook_id: str) -> None:
        """What is called with that trace belongs to an OAuth round trip of the installation."""

    async def put_oauth_state(self, state_hash: str, flow_id: str, ttl: float) -> None:
        """A one-time state."""

    async def flow_of_state(self, state_hash: str) -> str | None:
        """Look, without using it."""

    async def use_oauth_state(self, state_hash: str, by: str) -> tuple[str | None, bool]:
        """Its flow, and whether *by* is its one user."""


class RenewalsPort(Protocol):
    """Whose tokens to look at next, and which connections were lost."""

    async def claim(self, most: int, hold: float) -> Sequence[Due]:
        """Installations whose time has come."""

    async def later(self, due: Due, at: float) -> None:
        """Look at it again then."""

    async def drop(self, due: Due) -> None:
        """Until somebody connects."""

    async def lose(self, webhook_id: str, reason: str) -> bool:
        """Its user has to connect again."""

    async def untold(self, webhook_id: str) -> Loss | None:
        """A loss that its bot does not know of."""

    async def told(self, webhook_id: str, loss: Loss) -> None:
        """Now it does."""
