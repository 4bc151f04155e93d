"""`ctx`: what a handler written in Python works with."""

from __future__ import annotations

import asyncio
import inspect
from typing import TYPE_CHECKING, Any
from urllib.parse import urlencode

import msgspec
import structlog

from shared.errors import GateClosed, NotFound, Permanent, ProviderBusy, UnknownOutcome
from shared.integrations.addresses import callable_hosts
from shared.model.calls import HttpAnswer, HttpCall
from shared.routing import identifier_of
from shared.secret import Secret
from workers.runtime.events import emit, event_of
from workers.sending import send
from workers.tokens import valid_token

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Mapping

    from shared.model.jobs import Record, StepKind
    from workers.installed import Installed
    from workers.tools import Tools


class StepLost(UnknownOutcome):
    """A `once` step may have happened; it is never done again."""


class SecretValues:
    """Global secrets as attributes: `ctx.secrets.CLIENT_ID`."""

    def __init__(self, values: Mapping[str, str]) -> None:
        """Hold what is set."""
        self._values = dict(values)

    def __getattr__(self, name: str) -> str:
        """The secret *name*; `Permanent` when it was never set."""
        try:
            return self._values[name]
        except KeyError:
            raise Permanent(
                f"the secret {name} is not set; set it with: waypost secrets set"
            ) from None

    def __repr__(self) -> str:
        """Names only."""
        return f"SecretValues({', '.join(sorted(self._values))})"


class Http:
    """The guarded client. Answers come back whatever their status."""

    def __init__(self, tools: Tools, sender: str, hosts: tuple[str, ...] | None = None) -> None:
        """
        Send through *tools*, and where *hosts* are given to these alone.

        A pause that is asked for holds for *sender* alone, whose token it is.
        """
        self._tools, self._sender, self._hosts = tools, sender, hosts

    async def get(self, url: str, headers: Mapping[str, str] | None = None) -> HttpAnswer:
        """GET *url*."""
        return await self._send("GET", url, headers, b"", "")

    async def post(
        self,
        url: str,
        *,
        form: Mapping[str, str] | None = None,
        json: Any = None,
        headers: Mapping[str, str] | None = None,
    ) -> HttpAnswer:
        """POST a form or JSON to *url*."""
        if form is not None:
            body, kind = urlencode(form).encode(), "application/x-www-form-urlencoded"
        else:
            body, kind = msgspec.json.encode(json), "application/json"
        return await self._send("POST", url, headers, body, kind)

    async def _send(
        self, method: str, url: str, headers: Mapping[str, str] | None, body: bytes, kind: str
    ) -> HttpAnswer:
        given = [(name.lower(), value) for name, value in (headers or {}).items()]
        if kind and "content-type" not in dict(given):
            given.append(("content-type", kind))
        call = HttpCall(
            name="handler", method=method, url=url, headers=tuple(given), body=body,
            idempotent=method == "GET", hosts=self._hosts,
        )  # fmt: skip
        return await send(self._tools, self._sender, call)


class Client:
    """What an integration says to the platform; the names are those of Botpress's client."""

    def __init__(
        self, tools: Tools, record: Record, owner: Installed, *, in_flow: bool
    ) -> None:
        """Act for one installation."""
        self._tools, self._record, self._owner, self._in_flow = tools, record, owner, in_flow
        self._events = 0

    async def get_state(self, name: str) -> dict[str, Any]:
        """The payload of a state; `NotFound` when it was never set."""
        found = await self._tools.states.get(
            self._owner.installation, "integration", self._id, name
        )
        if found is None:
            raise NotFound(f"No State found: {name}")
        return found.payload

    async def set_state(self, name: str, payload: Mapping[str, Any]) -> None:
        """Replace the payload of a state."""
        home = self._owner.installation
        await self._tools.states.set(home, "integration", self._id, name, payload)

    async def patch_state(self, name: str, payload: Mapping[str, Any]) -> None:
        """Merge *payload* into a state, one level deep; `NotFound` when it was never set."""
        await self.set_state(name, {**await self.get_state(name), **payload})

    async def configure_integration(self, *, identifier: str | None) -> None:
        """Bind the installation to *identifier*; None clears it. `Conflict` when another one has it."""
        home, definition = self._owner.installation, self._owner.definition
        await self._tools.ledger.bind(
            home.integration, identifier or "", home.webhook_id, definition.ownership,
            in_flow=self._in_flow,
        )  # fmt: skip

    async def add_subscription(self, id: str, *, secret: str | None = None) -> None:
        """
        Announce that the provider's subscription *id* is this installation's, with the *secret* that signs its events.

        What waited for it is released. `Conflict` when it is another installation's.
        """
        name = identifier_of(id)
        if name is None:
            raise Permanent("the id of a subscription is text of 1 to 200 characters")
        held = None if secret is None else Secret(secret.encode())
        await self._tools.subscriptions.put(self._owner.installation, name, held)

    async def remove_subscription(self, id: str) -> None:
        """End it; what comes for it later is nobody's."""
        await self._tools.subscriptions.remove(self._owner.installation, id)

    async def create_event(self, *, type: str, payload: dict[str, Any]) -> str:
        """Send an event to the bot; returns its id. The n-th event of a request keeps its id on every attempt."""
        event = event_of(self._record, self._owner, type, payload, self._events)
        self._events += 1
        await emit(self._record, event, self._tools)
        return event.id

    @property
    def _id(self) -> str:
        return self._owner.installation.integration_id or self._owner.installation.integration


class Context:
    """One call of one handler."""

    def __init__(
        self,
        tools: Tools,
        record: Record,
        owner: Installed,
        secrets: SecretValues,
        *,
        in_flow: bool,
    ) -> None:
        """Act for *owner*, under the lease of *record*."""
        home = owner.installation
        self.bot_id, self.alias, self.webhook_id = home.bot_id, home.alias, home.webhook_id
        self.integration_id, self.integration = home.integration_id, home.integration
        self.configuration_type, self.configuration = (
            home.configuration_type,
            owner.configuration,
        )
        self.webhook_origin = tools.origin
        self.webhook_url = f"{tools.origin}/{home.webhook_id}"
        self.secrets = secrets
        self.idempotency_key = record.id  # the same on every attempt
        self.client = Client(tools, record, owner, in_flow=in_flow)
        self.http = Http(tools, owner.scope, callable_hosts(owner.definition))
        self.log = structlog.get_logger().bind(integration=home.integration, record=record.id)
        self._tools, self._record, self._owner = tools, record, owner

    async def token(self) -> str:
        """A valid access token: what a person typed in, or what connecting brought, refreshed when due."""
        return await valid_token(self._owner, self._tools)

    async def step(
        self, name: str, kind: StepKind, do: Callable[[], Awaitable[Any] | Any]
    ) -> Any:
        """
        Do something once and remember its result, which must be JSON.

        A `once` step whose result was lost is never done again: it raises `UnknownOutcome`. Other kinds are done again.
        """
        said, stored = await self._tools.ledger.step("begin", self._record, name, kind.encode())
        if said == "result":
            opened = await self._tools.vault.open(self._owner.scope, self._place(name), stored)
            return msgspec.json.decode(opened.reveal())
        if said == "intent" and kind == "once":
            raise StepLost(f"the step {name} was begun before and its result is not known")
        value = await self._done(name, kind, do)
        plain = msgspec.json.encode(value)
        sealed = await self._tools.vault.seal(self._owner.scope, self._place(name), plain)
        await self._tools.ledger.step("commit", self._record, name, sealed)
        return value

    async def _done(self, name: str, kind: StepKind, do: Callable[[], Any]) -> Any:
        try:
            return await asyncio.shield(_awaited(do()))
        except (ProviderBusy, GateClosed):
            await self._tools.ledger.step(
                "forget", self._record, name
            )  # provably not processed
            raise
        except UnknownOutcome as error:
            if kind == "once":
                raise StepLost(f"the step {name}: {error}") from None
            raise

    def _place(self, name: str) -> str:
        return f"journal:{self._record.id}#{name}"


async def _awaited(value: Any) -> Any:
    return await value if inspect.isawaitable(value) else value
