"""The effects that steps yield, what each is answered with, and the driver that performs them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal, TypeVar

from msgspec import Struct

from shared.model.calls import HttpCall
from shared.model.flows import Option
from shared.model.installations import Account
from shared.model.jobs import StepKind
from shared.oauth.tokens import Tokens
from shared.secret import Secret

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Generator

T = TypeVar("T")

FAIL_POINTS: tuple[str, ...] = (
    "exchange.intent", "exchange.sent", "exchange.result", "activate.before", "activate.done",
    "refresh.intent", "refresh.sent", "refresh.result", "delivery.before", "delivery.sent",
)  # fmt: skip


class Reach(Struct, frozen=True):
    """A named place, one of `FAIL_POINTS`. Answered with None."""

    name: str


class Now(Struct, frozen=True):
    """Answered with seconds since 1970."""


class BeginStep(Struct, frozen=True):
    """
    Note durably that the step *name* begins. Answered with a `StepState`.

    The journal it is written to belongs to the record (`exchange`) or to the installation's tokens (`refresh`);
    raises `LeaseLost` when another worker holds the lease.
    """

    name: str
    kind: StepKind


class StepState(Struct, frozen=True, kw_only=True):
    """Whether the step had begun before: `begun` now, an `intent` without a result, or a `result`."""

    status: Literal["begun", "intent", "result"]
    result: Secret | None = None
    since: float = 0.0  # seconds since 1970, of an intent


class CommitStep(Struct, frozen=True):
    """
    Store the result of a step; the driver seals it. The first result wins.

    Answered with True when it is stored, False when the record has ended and nothing was. Raises `LeaseLost` when it
    is stored, but another worker owns the record and goes on from it.
    """

    name: str
    result: Secret


class ForgetIntent(Struct, frozen=True):
    """The step was provably not processed, so it may begin again. Answered with None; raises `LeaseLost`."""

    name: str


class Call(Struct, frozen=True):
    """
    Send a call. Answered with an `HttpAnswer`, whatever its status.

    Raises `ProviderBusy` when nothing was sent, `GateClosed` when nothing was since the provider wants a pause,
    `UnknownOutcome` when something was and no answer came, `EgressRefused`. The driver sends once, but may try an
    idempotent call again.
    """

    call: HttpCall


class AskChoice(Struct, frozen=True):
    """
    Let the user pick one of several accounts. Answered with the id of the option.

    Raises a `Transient` while nobody has picked, `FlowRefused` when the flow has ended.
    """

    options: tuple[Option, ...]


class Activate(Struct, frozen=True, kw_only=True):
    """
    Write tokens, binding and the flow's end in one script. Answered with None.

    Done already by this same record counts as done. Raises `FlowRefused` when it cannot be (somebody else's
    identifier, a newer flow), `LeaseLost`, or a `Transient` when nobody knows whether it was.
    """

    tokens: Tokens
    account: Account


class IsActive(Struct, frozen=True):
    """Whether any installation works with these tokens now: revoking them would break it. Answered with a bool."""

    tokens: Tokens


class ReadTokens(Struct, frozen=True):
    """Answered with the installation's `StoredTokens`, fresh from the store."""


class StoredTokens(Struct, frozen=True, kw_only=True):
    """Tokens and the number that grows with every write of them."""

    tokens: Tokens
    version: int


class TakeLease(Struct, frozen=True):
    """Be the only one who refreshes this installation, for half a minute. Answered with a bool."""


class DropLease(Struct, frozen=True):
    """End the lease early. Answered with None."""


class ReplaceTokens(Struct, frozen=True, kw_only=True):
    """
    Write tokens if the version is still *version*, and forget the intent with it. Answered with a bool.

    It must not need the lease: what came back is the only working pair, whoever holds the lease by now.
    """

    tokens: Tokens
    version: int


class NeedsReauth(Struct, frozen=True):
    """Say that the user has to connect again, if the version is still *version*. Answered with None."""

    version: int
    reason: str


Effect = (
    Reach | Now | BeginStep | CommitStep | ForgetIntent | Call | AskChoice | Activate | IsActive
    | ReadTokens | TakeLease | DropLease | ReplaceTokens | NeedsReauth
)  # fmt: skip


async def perform(
    steps: Generator[Effect, Any, T], handle: Callable[[Effect], Awaitable[Any]]
) -> T:
    """
    Run *steps* to their end: each effect goes to *handle*, what it returns or raises goes back in.

    A cancellation is not handed in: it closes the steps where they stand, like a crash.
    """
    try:
        effect = next(steps)
        while True:
            try:
                result = await handle(effect)
            except Exception as error:  # noqa: BLE001  it is the steps' business, which raise it again if it is not
                effect = steps.throw(error)
            else:
                effect = steps.send(result)
    except StopIteration as end:
        value: T = end.value
        return value
    finally:
        steps.close()
