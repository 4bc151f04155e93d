"""What the accepting routes are given; one frozen record, made by the composition root."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Protocol

from aiohttp import web

from services.ingress.pace import Pace
from services.listener import Limits
from shared.model.requests import WEBHOOK_WAIT

if TYPE_CHECKING:
    import asyncio
    from collections.abc import Callable, Sequence

    from services.ingress.acceptor import Outcome
    from services.ingress.doors import Known
    from shared.clock import Chance, Clock
    from shared.egress import Network
    from shared.model.jobs import Accept, Accepted
    from shared.model.requests import Door, Reply, ReplyAddress


class Accepts(Protocol):
    """Puts a request on disk."""

    @property
    def is_crowded(self) -> bool:
        """Whether so many wait for the store that one more would wait too long."""

    async def accept(self, one: Accept) -> Accepted:
        """Returns when it is durable; raises `StoreUnavailable` when that is not known."""

    def submit(self, one: Accept, then: Outcome) -> None:
        """The same for whoever has no task: *then* is called later with what became of it, or an error."""


class FindsDoors(Protocol):
    """Knows the doors, and nothing else of an integration."""

    async def door(self, name: str) -> Door | None:
        """The door of an integration, or None."""

    async def hook(self, webhook_id: str) -> str | None:
        """The name of the integration that an installation's webhookId belongs to, or None."""

    def known_door(self, name: str) -> Known[Door]:
        """The door, or None, where that is remembered; nothing where somebody has to ask."""

    def known_hook(self, webhook_id: str) -> Known[str]:
        """The name of the installation's integration, in the same way."""


class KnowsPressure(Protocol):
    """How full the store is."""

    is_full: bool  # then nothing new is taken


class Inbox(Protocol):
    """Where replies arrive."""

    def expect(self, nonce: str) -> tuple[ReplyAddress, asyncio.Future[Reply]]:
        """An address to send along, and the reply that may come."""

    def forget(self, nonce: str) -> None:
        """Nobody waits for it any more."""


class Seals(Protocol):
    """The public half of the workers' key."""

    def seal(self, plaintext: bytes, info: bytes) -> bytes:
        """Only a worker can open this, and only under the same *info*."""


def pass_by(_place: str) -> None:
    """Come by a named fail-point, where nobody wants to see this process die."""


@dataclass(frozen=True, kw_only=True)
class IngressPorts:
    """Everything the routes use."""

    ledger: Accepts
    doors: FindsDoors
    inbox: Inbox
    seal: Seals
    pressure: KnowsPressure
    clock: Clock
    chance: Chance
    origin: str  # the public URL
    seal_webhooks: bool = False  # as browsers' requests always are
    webhook_wait: float = WEBHOOK_WAIT  # seconds
    browser_wait: float = 25.0
    pace: Pace = field(default_factory=Pace)
    refused: Counter[str] = field(default_factory=Counter)  # by reason
    proxies: Sequence[Network] = Limits().uncounted  # many callers share their addresses
    reach: Callable[[str], None] = pass_by  # named fail-points


PORTS = web.AppKey("ports", IngressPorts)
