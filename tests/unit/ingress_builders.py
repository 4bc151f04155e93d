"""The public app over fakes: a ledger, doors and an inbox in one, and a client of what is served over them."""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import msgspec

from services.ingress.acceptor import Outcome
from services.ingress.app import ingress_app
from services.ingress.doors import Known
from services.ingress.pace import Pace
from services.ingress.ports import IngressPorts
from services.ingress.short_webhooks import ShortWebhooks
from services.listener import Limits, Runner, serve
from services.web import Edge
from shared.clock import SystemChance, SystemClock
from shared.errors import StoreUnavailable
from shared.model.jobs import Accept, Accepted
from shared.model.requests import Door, HandshakeMatch, RawRequest, Reply, ReplyAddress
from shared.secret import SealingKey

HOOK = "6f1d3c52-8a0e-4c7b-9d8e-2b1f0a5c4e3d"
COOKIE = "c" * 43
HASHED = hashlib.sha256(COOKIE.encode()).hexdigest()
DOORS = {
    "acme": Door(name="acme", handshakes=(HandshakeMatch(method="GET", query="challenge"),)),
    "acme/pro": Door(name="acme/pro"),
    "team/tool": Door(name="team/tool", ack_status=202, ack_body="taken"),
    "patient": Door(name="patient", reply="wait"),
    "silent": Door(name="silent", ack_status=204, ack_headers={"X-Ok": "1"}),
    "small": Door(name="small", body_limit=8),
    "shaking": Door(name="shaking", handshakes=(HandshakeMatch(body="challenge"),)),
    "closed": Door(name="closed", enabled=False),
}


class Lines:
    """A log that keeps its lines."""

    def __init__(self) -> None:
        self.kept: list[str] = []

    def info(self, event: str, **facts: object) -> None:
        self.kept.append(f"{event} {facts}")

    warning = exception = info


class Behind:
    """Ledger, doors and inbox of one ingress: what was stored, and what comes back."""

    def __init__(self, *, remembers: bool = True) -> None:
        self.stored: list[RawRequest] = []
        self.remembers = remembers
        self.status, self.fails, self.breaks, self.is_full = "stored", False, False, False
        self.is_crowded = self.lane_is_full = False
        self.may_answer = asyncio.Event()
        self.may_answer.set()
        self.submitted = 0  # which came the short way
        self.reply: Reply | None = None
        self._future: asyncio.Future[Reply] | None = None

    async def accept(self, one: Accept) -> Accepted:
        await self.may_answer.wait()
        if self.breaks:
            raise ValueError("x0x")
        if self.fails:
            raise StoreUnavailable("the store does not answer")
        if self.status != "full":
            self.stored.append(msgspec.msgpack.decode(one.body, type=RawRequest))
        if self._future is not None and self.reply is not None:
            self._future.set_result(self.reply)
        return Accepted(status=self.status, id=one.id, is_crowded=self.lane_is_full)  # type: ignore[arg-type]

    def submit(self, one: Accept, then: Outcome) -> None:
        self.submitted += 1
        self._submitted = asyncio.create_task(self._told(one, then))

    async def _told(self, one: Accept, then: Outcome) -> None:
        try:
            outcome: Accepted | Exception = await self.accept(one)
        except Exception as error:  # noqa: BLE001 - handed on, as the acceptor does
            outcome = error
        then(outcome)

    async def door(self, name: str) -> Door | None:
        return DOORS.get(name)

    async def hook(self, webhook_id: str) -> str | None:
        return {HOOK: "acme"}.get(webhook_id)

    def known_door(self, name: str) -> Known[Door]:
        return (DOORS.get(name),) if self.remembers else ()

    def known_hook(self, webhook_id: str) -> Known[str]:
        return ({HOOK: "acme"}.get(webhook_id),) if self.remembers else ()

    def expect(self, nonce: str) -> tuple[ReplyAddress, asyncio.Future[Reply]]:
        self._future = asyncio.get_running_loop().create_future()
        return ReplyAddress(inbox="inbox", nonce=nonce), self._future

    def forget(self, _nonce: str) -> None:
        self._future = None


@asynccontextmanager
async def served(
    behind: Behind, key: SealingKey, log: Lines, limits: Limits | None = None
) -> AsyncIterator[Runner]:
    """The public app, which waits for workers a tenth of a second only."""
    clock, chance = SystemClock(), SystemChance()
    edge = Edge(name="ingress", clock=clock, chance=chance, log=log)
    ports = IngressPorts(
        ledger=behind, doors=behind, inbox=behind, seal=key.public, clock=clock, chance=chance,
        pressure=behind, pace=Pace(pages=3, presses=2),
        origin="http://127.0.0.1", webhook_wait=0.1, browser_wait=0.1,
    )  # fmt: skip

    async def is_ready() -> bool:
        return not behind.fails

    app, short = ingress_app(edge, ports, is_ready), ShortWebhooks(edge, ports)
    runner = await serve(app, edge, "127.0.0.1", 0, limits, shortcut=short)
    try:
        yield runner
    finally:
        await runner.cleanup()
