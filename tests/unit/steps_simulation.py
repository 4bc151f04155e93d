"""
A small world for `exchange`: a provider with one-time codes, a ledger with leases, and workers that fail at any effect.

A `World` is one schedule, decided by its seed alone. At each effect a worker may crash, freeze while its lease runs
out, lose the request, lose the answer; the store may fail before or after it wrote.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Generator
from functools import partial
from typing import Any

import msgspec
import orjson

from shared.errors import (
    FlowRefused,
    LeaseLost,
    ProviderBusy,
    ProviderRefused,
    StoreUnavailable,
    Transient,
    UnknownOutcome,
    WaypostError,
)
from shared.model.calls import HttpAnswer, HttpCall
from shared.oauth import token_call, tokens_of
from shared.steps.effects import (
    Activate,
    BeginStep,
    Call,
    CommitStep,
    Effect,
    ForgetIntent,
    IsActive,
    Now,
    StepState,
)
from shared.steps.exchange import ExchangeOrder
from shared.steps.identify import identified
from tests.unit.oauth_builders import NOON, a_provider, answered
from tests.unit.steps_builders import an_exchange

ORDER = an_exchange(
    provider=a_provider(
        identity={
            "externalId": {"from": "call", "path": "id"},
            "call": {"url": "https://acme.example/me"},
        }
    )
)
Policy = Callable[[ExchangeOrder], Generator[Effect, Any, Any]]


class Provider:
    """Exchanges a code once; a second time it revokes what the first time brought."""

    def __init__(self, chance: random.Random) -> None:
        self.chance = chance
        self.exchanges = 0  # that were processed
        self.live: set[str] = set()
        self.revoked: set[str] = set()

    def answer(self, call: HttpCall) -> HttpAnswer:
        match call.name:
            case "token":
                return self._exchange()
            case "identity":
                return self._identify(
                    dict(call.headers)["authorization"].removeprefix("Bearer ")
                )
            case _:
                self._revoke(
                    dict(p.split(b"=") for p in call.body.split(b"&"))[b"token"].decode()
                )
                return answered({})

    def _exchange(self) -> HttpAnswer:
        self.exchanges += 1
        if self.exchanges > 1:
            for token in tuple(self.live):
                self._revoke(token)
            return answered({"error": "invalid_grant"}, 400)
        self.live.add("token-1")
        return HttpAnswer(status=200, body=orjson.dumps({"access_token": "token-1"}))

    def _identify(self, token: str) -> HttpAnswer:
        # A provider that now and then does not know its own fresh token.
        if token not in self.live or self.chance.random() < 0.03:
            return answered({}, 401)
        return answered({"id": "acct"})

    def _revoke(self, token: str) -> None:
        self.live.discard(token)
        self.revoked.add(token)


class Run(msgspec.Struct):
    """One worker's attempt: its steps, its epoch, and the effect that it is about to have."""

    steps: Generator[Effect, Any, Any]
    epoch: int
    effect: Effect


class World:
    """One record, carried by whoever holds its lease."""

    def __init__(self, policy: Policy, seed: int, faults: float) -> None:
        self.policy, self.faults = policy, faults
        self.chance = random.Random(seed)
        self.provider = Provider(self.chance)
        self.journal: dict[str, StepState] = {}
        self.runs: list[Run] = []
        self.epoch, self.leased, self.ended = 0, False, False
        self.active = ""  # the token that the installation works with
        self.cause = ""

    def play(self, most: int = 400) -> World:
        """Go on until the record has ended and no worker is left, frozen ones included."""
        for tick in range(most):
            if tick > most // 2:
                self.faults = 0.0
            if not self.ended and not self.leased:
                self._claim()
            elif self.runs:
                self._step(self.chance.choice(self.runs))
            elif self.ended:
                return self
            else:
                self.leased = False  # everybody crashed; the lease runs out
        raise AssertionError("the schedule does not end")

    @property
    def is_broken(self) -> bool:
        """Connected with a token that is revoked."""
        return self.active in self.provider.revoked

    def _happens(self, share: float = 1.0) -> bool:
        return self.chance.random() < self.faults * share

    def _claim(self) -> None:
        self.epoch += 1
        self.leased = True
        steps = self.policy(ORDER)
        self.runs.append(Run(steps, self.epoch, next(steps)))

    def _step(self, run: Run) -> None:
        if self._happens():
            run.steps.close()  # a crash
            self.runs.remove(run)
            return
        if self._happens() and run.epoch == self.epoch:
            self.leased = False  # frozen for longer than the lease; it wakes up later
            return
        try:
            result = self._have(run)
        except WaypostError as error:
            self._resume(run, partial(run.steps.throw, error))
        else:
            self._resume(run, partial(run.steps.send, result))

    def _resume(self, run: Run, on: Callable[[], Effect]) -> None:
        try:
            run.effect = on()
        except StopIteration:
            self._settle(run, ended=True)
        except FlowRefused as refused:
            self._settle(run, ended=True, cause=refused.cause)
        except Transient:
            self._settle(run, ended=False)
        except LeaseLost:
            self.runs.remove(run)

    def _settle(self, run: Run, *, ended: bool, cause: str = "") -> None:
        self.runs.remove(run)
        if run.epoch != self.epoch or self.ended:
            return
        self.leased = False
        if ended:
            self.ended, self.cause = True, cause

    def _holds(self, run: Run) -> None:
        if run.epoch != self.epoch or self.ended:
            raise LeaseLost("another worker has it")

    def _have(self, run: Run) -> Any:
        match run.effect:
            case Call(call):
                return self._call(call)
            case Now():
                return NOON
            case BeginStep() | CommitStep() | ForgetIntent() | Activate():
                return self._store(run)
            case IsActive(tokens):
                return self.active == tokens.access.reveal().decode()
            case _:
                return None

    def _call(self, call: HttpCall) -> HttpAnswer:
        if self._happens():
            raise ProviderBusy("connection refused")
        if self._happens():
            raise UnknownOutcome("the request was lost")
        if self._happens():
            return self.chance.choice(
                [answered({}, 429), answered({}, 503, retry_after="1"), answered({}, 502)]
            )
        answer = self.provider.answer(call)
        if self._happens():
            raise UnknownOutcome("the answer was lost")
        return answered({}, 502) if self._happens() else answer

    def _store(self, run: Run) -> Any:
        if self._happens():
            raise StoreUnavailable("nothing was written")
        result = self._write(run)
        if self._happens():
            raise StoreUnavailable("the answer was lost")
        return result

    def _write(self, run: Run) -> Any:
        match run.effect:
            case BeginStep(name, _):
                self._holds(run)
                found = self.journal.get(name)
                self.journal.setdefault(name, StepState(status="intent"))
                return found or StepState(status="begun")
            case CommitStep(name, result):
                if self.ended:
                    return False
                found = self.journal.get(name)
                if found is None or found.status != "result":
                    self.journal[name] = StepState(status="result", result=result)
                self._holds(run)
                return True
            case ForgetIntent(name):
                self._holds(run)
                self.journal.pop(name, None)
            case Activate(tokens=tokens):
                self._holds(run)
                self.active = tokens.access.reveal().decode()
        return None


def naive(order: ExchangeOrder) -> Generator[Effect, Any, Any]:
    """What a plain queue does: on any trouble the whole job again. The negative control."""
    call = token_call(
        order.provider, order.client, code="c", redirect_uri=order.redirect_uri, verifier="v"
    )
    try:
        answer = yield Call(call)
        tokens = tokens_of(order.provider, answer, now=NOON)
        account = yield from identified(order.provider, tokens, {}, {})
    except UnknownOutcome:
        raise ProviderBusy("again") from None
    except ProviderRefused:
        raise FlowRefused("provider_error") from None
    yield Activate(tokens=tokens, account=account)
