"""
Errors say what happens next; `workers.journey` and `services.web` alone listen.

::

    WaypostError
    ├── Permanent              the record is dead, with this reason
    │   ├── SignatureMismatch    ignored(signature), or 401 under `wait`
    │   ├── DefinitionInvalid    names file, field and fix
    │   ├── ScriptInvalid        a VRL script does not compile or is refused by the guard
    │   ├── ScriptFailed         a VRL script failed while it ran
    │   ├── ProviderRefused      the provider answered no, for good
    │   ├── EgressRefused        an address no call may reach
    │   ├── SealBroken           sealed bytes do not open: altered, moved, or their key is gone
    │   └── FlowRefused          a connect flow ends with a cause the user can read
    ├── Transient              the record is retried, after `after` when given
    │   ├── ProviderBusy
    │   ├── StoreUnavailable     nothing is known to be stored; the door answers 503
    │   ├── HandlerUnavailable
    │   │   ├── Unanswered       it was asked and did not answer: it may have done what was asked
    │   │   └── HandlerBroke     its code raised what nobody foresaw, or took too long
    │   └── GateClosed           the target is down or asked for a pause: wait behind the gate, count no attempt
    ├── UnknownOutcome         a call was sent and its answer is not known; never sent again
    ├── LeaseLost              another worker owns the record now; stop, write nothing
    ├── NotFound               what was asked for does not exist
    ├── Conflict               it exists already, or belongs to somebody else
    │   └── AlreadyBound         another installation has the identifier
    ├── CommandRefused         the store answered with an error: a bug of ours, or missing rights
    └── SetupFailed            the operator must change something; says what and how
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import timedelta


class WaypostError(Exception):
    """Everything Waypost raises on purpose."""


class Permanent(WaypostError):
    """Trying again cannot help."""


class SignatureMismatch(Permanent):
    """The request was not signed with any secret that the scheme accepts."""


class DefinitionInvalid(Permanent):
    """A definition is wrong at *field* of *source*; *fix* says what to write instead."""

    def __init__(self, source: str, field: str, problem: str, fix: str = "") -> None:
        """Compose one line for people; the parts stay readable for programs."""
        self.source, self.field, self.problem, self.fix = source, field, problem, fix
        super().__init__(f"{source}: {field}: {problem}" + (f" ({fix})" if fix else ""))


class _ScriptError(Permanent):
    def __init__(self, script: str, kind: str, message: str, line: int | None = None) -> None:
        """Hold the script's name, the kind of failure, VRL's own words and the line."""
        self.script, self.kind, self.message, self.line = script, kind, message, line
        where = f"{script}:{line}" if line else script
        super().__init__(f"{where}: {kind}: {message}")


class ScriptInvalid(_ScriptError):
    """A script is refused by the source guard, or does not compile."""


class ScriptFailed(_ScriptError):
    """A script failed while it ran: `runtime`, `abort`, `timeout`, `input` or `crashed`."""


class ProviderRefused(Permanent):
    """The provider answered no; *code* is its own error code where it gave one."""

    def __init__(self, message: str, code: str = "") -> None:
        """Keep the provider's code beside the sentence."""
        self.code = code
        super().__init__(message)


class EgressRefused(Permanent):
    """An outgoing call would reach an address that the policy forbids."""


class SealBroken(Permanent):
    """Sealed bytes do not open: they were altered or moved, or their key is gone."""


class FlowRefused(Permanent):
    """
    A connect flow cannot go on; *cause* picks the page, see `shared.model.flows.CAUSES`.

    With *facts* the page says more in the reader's language, in the place of the detail.
    """

    def __init__(
        self, cause: str, detail: str = "", facts: Mapping[str, str] | None = None
    ) -> None:
        """Keep the cause apart from the detail, which may hold the provider's words."""
        self.cause, self.detail, self.facts = cause, detail, dict(facts or {})
        super().__init__(f"{cause}: {detail}" if detail else cause)


class Transient(WaypostError):
    """Trying again may help, not before *after* where it is given."""

    def __init__(self, message: str, after: timedelta | None = None) -> None:
        """Keep the delay that the other side asked for."""
        self.after = after
        super().__init__(message)


class ProviderBusy(Transient):
    """The provider said 429 or 503, or could not be reached before anything was sent."""


class StoreUnavailable(Transient):
    """The store did not answer in time, or refused."""


class HandlerUnavailable(Transient):
    """An integration's handler, or a bot's URL, is not there or broke."""


class Unanswered(HandlerUnavailable):
    """A handler was asked and did not answer: it may have done what was asked, and may be asked again all the same."""


class HandlerBroke(HandlerUnavailable):
    """The code of a handler raised what it should not, or took longer than it may; who it called is not to blame."""


class GateClosed(Transient):
    """Nothing goes to a target for now, and nothing was sent; the record waits behind *gate*."""

    def __init__(self, gate: str, reason: str, after: timedelta | None = None) -> None:
        """Keep the gate's name beside the reason; *after* is for who has no record that could wait."""
        self.gate = gate
        super().__init__(reason, after)


class UnknownOutcome(WaypostError):
    """A call was sent and no answer came: it may have happened."""


class LeaseLost(WaypostError):
    """The record is leased by another worker, or was settled by one."""


class NotFound(WaypostError):
    """What was asked for does not exist."""


class Conflict(WaypostError):
    """What was asked for exists already or belongs to somebody else."""


class CommandRefused(WaypostError):
    """The store refused a command for good; *code* is the first word of its reply (NOSCRIPT, NOPERM …)."""

    def __init__(self, reply: str) -> None:
        """Keep the code apart from the sentence."""
        self.code = reply.partition(" ")[0]
        super().__init__(reply)


class AlreadyBound(Conflict):
    """Another installation has the identifier; *owner* is its webhookId."""

    def __init__(self, owner: str) -> None:
        """Keep the owner apart from the sentence."""
        self.owner = owner
        super().__init__("another installation has this identifier already")


class SetupFailed(WaypostError):
    """The set-up is wrong; *fix* tells the operator what to do."""

    def __init__(self, problem: str, fix: str) -> None:
        """Say the problem first and the fix on the next line."""
        self.problem, self.fix = problem, fix
        super().__init__(f"{problem}\n  fix: {fix}")
