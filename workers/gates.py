"""
The worker's side of gates: what it knows of closed ones, and when it closes or opens one.

Every worker counts its own calls, so a call that succeeds costs the store nothing. What one worker closes, the others
know within a second.
"""

from __future__ import annotations

import asyncio
from contextlib import suppress
from datetime import timedelta
from typing import TYPE_CHECKING, TypeVar

import structlog

from shared.breakers import CLOSED_FOR, LONGEST_PAUSE, Budget, Recent, Window
from shared.errors import (
    EgressRefused,
    GateClosed,
    HandlerUnavailable,
    Permanent,
    StoreUnavailable,
    Transient,
)
from shared.model.gates import Gate

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Collection, Iterable, Sequence

    from shared.clock import Clock
    from shared.model.jobs import Record
    from shared.ports import GatesPort

log = structlog.get_logger()

T = TypeVar("T")
PAUSE = 1.0  # seconds between two looks
_CLOSED = frozenset({"breaker", "pause"})  # the kinds that let nothing through
LINED_UP = timedelta(
    seconds=5
)  # for which a gate stands at least before an installation without slots


def _tell_nobody() -> None:
    """Nobody claims."""


class Gatekeeper:
    """Calls through gates."""

    def __init__(self, gates: GatesPort, clock: Clock) -> None:
        """Know of none yet."""
        self._gates, self._clock = gates, clock
        self.called_up: Callable[[], None] = _tell_nobody  # our next claim brings somebody
        self._closed: dict[str, tuple[Gate, float]] = {}  # and until when, by our own clock
        self._lines: dict[
            str, float
        ] = {}  # gates of the kind `slots`, and until when they stand
        self._windows, self._budgets = Recent(Window), Recent(Budget)
        self._rations = Recent(lambda: Budget(Budget.MOST))

    async def follow(self) -> None:
        """Look at what other workers closed and opened, until cancelled."""
        while True:
            try:
                await self.look()
            except StoreUnavailable as error:
                log.warning("store.unavailable", error=str(error))
            await asyncio.sleep(PAUSE)

    async def look(self) -> None:
        """Learn which gates are closed now."""
        now = self._clock.monotonic()
        found = [(gate, now + gate.seconds) for gate in await self._gates.all()]
        self._closed = {one.name: (one, end) for one, end in found if one.kind in _CLOSED}
        self._lines = {one.name: end for one, end in found if one.kind == "slots"}

    def closed(self, name: str) -> Gate | None:
        """The gate, while it lets nothing through: a breaker until it is opened, a pause until its time is up."""
        gate, until = self._closed.get(name, (None, 0.0))
        is_over = gate is None or (gate.kind == "pause" and until <= self._clock.monotonic())
        return None if is_over else gate

    def check(self, name: str) -> None:
        """Raise `GateClosed` while the gate lets nothing through."""
        gate = self.closed(name)
        if gate is not None:
            left = max(0.0, self._closed[name][1] - self._clock.monotonic())
            raise GateClosed(name, gate.reason, timedelta(seconds=left))

    def paused(self, names: Iterable[str]) -> str:
        """The first of *names* that is paused, by an operator or as its target asked; empty where none is."""
        if not self._closed:
            return ""
        for name in names:
            gate = self.closed(name)
            if gate is not None and gate.kind == "pause":
                return name
        return ""

    async def let_in(self, record: Record, names: Sequence[str]) -> None:
        """Raise `GateClosed` while one of *names* is paused; a target that is down is for who calls it."""
        name = self.paused(names)
        if name and name == record.passed:
            await self.look()  # another worker knew first that it is over
            name = self.paused(names)
        if name:
            self.check(name)

    async def through(
        self,
        name: str,
        record: Record,
        call: Callable[[], Awaitable[T]],
        blame: type[Transient] = HandlerUnavailable,
    ) -> T:
        """
        The result of *call*, which goes to the target that *name* stands before; *blame* is what tells against it.

        Raises:
            GateClosed: the target is down or asked for a pause: nothing was called, or a probe found it down still.
            Transient: what *call* raised; several of *blame* close the gate for everybody.

        """
        if record.passed == name and self.closed(name) is not None:
            await self.look()  # another worker has opened it, else the record were not here
        gate, is_probe = self.closed(name), record.probe == name
        if not is_probe:
            self.check(name)
        try:
            result = await call()
        except blame as error:
            await self._failed(name, error, record.installation)
            if is_probe:
                why = gate.reason if gate else "because it is down"
                raise GateClosed(name, f"{why}; a probe failed: {error}") from None
            raise
        except EgressRefused:
            raise
        except Permanent:  # a target that says no is there
            await self._succeeded(name, record.installation, is_probe=is_probe)
            raise
        await self._succeeded(name, record.installation, is_probe=is_probe)
        return result

    def earn(self, name: str) -> None:
        """A first call to the target is made."""
        self._budgets.of(name, self._clock.monotonic()).earn()

    def may_retry(self, name: str) -> bool:
        """Whether the target may get one more retry inside a step from this worker, now."""
        now = self._clock.monotonic()
        return self.closed(name) is None and self._budgets.of(name, now).take(now)

    def ration(self, name: str, record: Record) -> None:
        """
        Count a first attempt; raise `GateClosed`, with a time and no gate, for a retry that would be too much.

        That is while many calls to the target fail, though not so many that its gate is closed: a fifth more may come.
        """
        if name not in self._windows or self.closed(name) is not None:
            return  # what never failed gets what there is, what is down gets nothing anyway
        now = self._clock.monotonic()
        budget = self._rations.of(name, now)
        if not record.attempts:
            budget.earn()
        elif self._windows.of(name, now).is_shaky(now) and not budget.take(now):
            raise GateClosed(
                "", f"few retries go to {name} while many calls fail", budget.later()
            )

    async def pause(self, name: str, span: timedelta, reason: str) -> None:
        """Nobody calls the target for *span*."""
        gate = Gate(
            name=name, kind="pause", seconds=span.total_seconds(), reason=reason, behind=0
        )
        await self._close(gate)

    async def line_up(self, name: str, reason: str) -> None:
        """What has no slot waits behind the gate *name* from now on."""
        now = self._clock.monotonic()
        if self._lines.get(name, 0.0) <= now:
            self._lines[name] = now + LINED_UP.total_seconds()
            await self._gates.close(name, "slots", LINED_UP, reason)

    def lined_up(self) -> Collection[str]:
        """The gates behind which somebody may wait for a slot."""
        return self._lines.keys()

    async def call_up(self, name: str, many: int, *, for_anybody: bool = False) -> None:
        """So many may come, *for_anybody* or with our next claim; unheard by the store, they come one by one."""
        with suppress(StoreUnavailable):
            await self._gates.release(name, many, wake=for_anybody)
            if not for_anybody:
                self.called_up()

    async def _failed(self, name: str, error: Transient, whose: str) -> None:
        now = self._clock.monotonic()
        window = self._windows.of(name, now)
        window.add(ok=False, at=now, whose=whose)
        if error.after is not None:
            span = min(error.after, LONGEST_PAUSE)
            await self.pause(name, span, f"because it asked for it: {error}")
        if self.closed(name) is None and window.is_down(now):
            failed, calls = window.failures(now)
            window.forget()
            reason = (
                f"because {failed} of the last {calls} calls failed, the last one with: {error}"
            )
            log.warning("gate.closed", gate=name, failed=failed, calls=calls)
            seconds = CLOSED_FOR.total_seconds()
            gate = Gate(name=name, kind="breaker", seconds=seconds, reason=reason, behind=0)
            await self._close(gate)

    async def _succeeded(self, name: str, whose: str, *, is_probe: bool) -> None:
        if name in self._windows:  # a target that never failed is not counted
            now = self._clock.monotonic()
            self._windows.of(name, now).add(ok=True, at=now, whose=whose)
        if is_probe:
            log.info("gate.opened", gate=name)
            self._closed.pop(name, None)
            await self._gates.open(name)

    async def _close(self, gate: Gate) -> None:
        self._closed[gate.name] = (gate, self._clock.monotonic() + gate.seconds)
        span = timedelta(seconds=gate.seconds)
        await self._gates.close(gate.name, gate.kind, span, gate.reason)
