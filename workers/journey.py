"""
Carries one record from claim to outcome: load, job, settle, reply, one log line.

The only place that turns errors into outcomes. What nobody foresaw is not caught here: it is a bug, logged with its
trace by the engine; the record stays open, its lease runs out, and it comes round a counted number of times.
"""

from __future__ import annotations

from datetime import timedelta
from functools import partial
from typing import TYPE_CHECKING, Protocol

import structlog
from msgspec import Struct

from shared.errors import (
    Conflict,
    GateClosed,
    LeaseLost,
    NotFound,
    Permanent,
    SignatureMismatch,
    StoreUnavailable,
    Transient,
    UnknownOutcome,
)
from shared.model.outcomes import (
    Dead,
    Done,
    Ignored,
    Outcome,
    Retry,
    Settled,
    Wait,
)
from shared.retries import MAX_ATTEMPTS, retry_delay
from shared.storage.ledger import Ending
from shared.telemetry import Say, repeated

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Mapping

    from shared.clock import Chance, Clock
    from shared.model.jobs import Claim, JobKind, Record
    from shared.model.requests import Reply, ReplyAddress

    Job = Callable[[Claim], Awaitable[Outcome]]

log = structlog.get_logger()

_MOST_SAYS = 1000
# Until a record is looked at again whose job is of a newer version: while one is rolled out, its workers are there.
UNKNOWN_JOB = timedelta(seconds=5)


class Settles(Protocol):
    """Ends one lease."""

    async def settle(self, ending: Ending) -> bool:
        """True when written, False when the lease was lost."""


class Answers(Protocol):
    """Sends a reply to the ingress that waits for it."""

    async def answer(self, address: ReplyAddress, reply: Reply) -> None:
        """Publish *reply*; nobody listening is fine."""


async def _unknown(claim: Claim) -> Outcome:
    return Wait("", f"this version knows no job {claim.record.job}", after=UNKNOWN_JOB)


def _pass_by(_place: str) -> None:
    """Come by a named fail-point, where nobody wants to see this process die."""


def _unmeasured(_job: str, _outcome: str, _seconds: float) -> None:
    """Count an attempt, where somebody counts."""


class Journey(Struct, frozen=True, kw_only=True):
    """What carrying a record takes."""

    jobs: Mapping[JobKind, Job]
    settler: Settles
    answers: Answers
    address_of: Callable[[Claim], ReplyAddress | None]
    clock: Clock
    chance: Chance
    reach: Callable[[str], None] = _pass_by  # named fail-points
    measure: Callable[[str, str, float], None] = _unmeasured  # job, outcome, seconds
    _says: dict[tuple[str, str, int, str, str], Say] = {}

    async def carry(self, claim: Claim) -> None:
        """Bring *claim* to its end, or to its next attempt."""
        begun = self.clock.monotonic()
        try:
            self.reach("claim.done")
            outcome = await self._attempt(claim)
            self.reach("settle.before")
            if not await self._settle(claim.record, outcome):
                raise LeaseLost(claim.record.id)
        except LeaseLost:
            log.warning("record.lost", record=claim.record.id, epoch=claim.record.epoch)
            return
        self.reach("settle.done")
        await self._answer(claim, outcome)
        self._tell(claim.record, outcome, self.clock.monotonic() - begun)

    async def _attempt(self, claim: Claim) -> Outcome:
        try:
            return await self.jobs.get(claim.record.job, _unknown)(claim)
        except SignatureMismatch as error:
            return Ignored(f"signature refused: {error}")
        except UnknownOutcome as error:
            return Dead(f"the outcome is not known and it is never tried twice: {error}")
        except (Permanent, NotFound, Conflict) as error:
            return Dead(str(error))
        except GateClosed as closed:
            return Wait(closed.gate, str(closed), after=closed.after or timedelta())
        except Transient as error:
            return self._again(claim.record.attempts + 1, error)

    def _again(self, attempt: int, error: Transient) -> Outcome:
        if attempt >= MAX_ATTEMPTS:
            return Dead(f"gave up after {attempt} attempts: {error}")
        return Retry(error.after or retry_delay(attempt, self.chance.fraction()), str(error))

    async def _settle(self, record: Record, outcome: Outcome) -> bool:
        ending = ending_of(record, outcome)
        return ending is None or await self.settler.settle(ending)

    async def _answer(self, claim: Claim, outcome: Outcome) -> None:
        reply = getattr(outcome, "reply", None)
        address = self.address_of(claim)
        if reply is not None and address is not None:
            try:
                await self.answers.answer(address, reply)
            except StoreUnavailable as error:  # the end is written all the same
                log.warning("reply.lost", record=claim.record.id, error=str(error))

    def _tell(self, record: Record, outcome: Outcome, seconds: float) -> None:
        said = type(outcome).__name__.lower()
        self.measure(record.job, said, seconds)
        facts = (record.job, record.integration, record.attempts + 1, said, outcome.reason)
        say = self._says.get(facts) or self._saying(facts)
        say(record.id, round(seconds, 4))

    def _saying(self, facts: tuple[str, str, int, str, str]) -> Say:
        """What writes the line of such an end; kept, since most records end as others do."""
        if len(self._says) >= _MOST_SAYS:
            self._says.clear()
        named = dict(
            zip(("job", "integration", "attempt", "outcome", "reason"), facts, strict=True)
        )
        say = self._says[facts] = repeated(log, "record.settled", of="record", **named)
        return say


def ending_of(record: Record, outcome: Outcome) -> Ending | None:
    """The fenced write for *outcome*; None when the job has written its end itself."""
    if type(outcome) is Done and (event := outcome.event) is not None:  # nearly all
        return Ending(
            id=record.id, epoch=record.epoch, end="done", reason=outcome.reason,
            bot=event.bot, event=event.body, found=outcome.found,
        )  # fmt: skip
    lease = partial(Ending, id=record.id, epoch=record.epoch)
    match outcome:
        case Settled():
            return None
        case Retry(after=after, reason=reason):
            return lease(end="retry", reason=reason, delay=after)
        case Wait(gate=gate, reason=reason, after=after):
            return lease(end="wait", reason=reason, gate=gate, delay=after)
        case Done(reason=reason) | Ignored(reason=reason) | Dead(reason=reason):
            return lease(end=type(outcome).__name__.lower(), reason=reason)
