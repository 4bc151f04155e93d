"""A small world for `exchange`: one-time codes, and a ledger whose one record is carried by its lease."""

from __future__ import annotations

import random
from collections.abc import Callable
from functools import partial
from typing import Any

import orjson

from shared.errors import (
    FlowRefused,
    LeaseLost,
    ProviderBusy,
    ProviderRefused,
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
    ForgetIntent,
    IsActive,
    Now,
    StepState,
)
from shared.steps.exchange import ExchangeOrder, exchange
from shared.steps.identify import Who, identified
from shared.storage.ledger import MOST_CRASHES
from tests.chaos.simulation.schedule import Run, Schedule, Steps, instead
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
REVOKED, REFUSED = answered({}), answered({"error": "invalid_grant"}, 400)
UNKNOWN, KNOWN = answered({}, 401), answered({"id": "acct"})
ISSUED = HttpAnswer(status=200, body=orjson.dumps({"access_token": "token-1"}))
Policy = Callable[[ExchangeOrder], Steps]


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
                bearer = dict(call.headers)["authorization"]
                return self._identify(bearer.removeprefix("Bearer "))
            case _:
                fields = dict(p.split(b"=") for p in call.body.split(b"&"))
                self._revoke(fields[b"token"].decode())
                return REVOKED

    def _exchange(self) -> HttpAnswer:
        self.exchanges += 1
        if self.exchanges > 1:
            for token in tuple(self.live):
                self._revoke(token)
            return REFUSED
        self.live.add("token-1")
        return ISSUED

    def _identify(self, token: str) -> HttpAnswer:
        # A provider that now and then does not know its own fresh token.
        return UNKNOWN if token not in self.live or self.chance.random() < 0.03 else KNOWN

    def _revoke(self, token: str) -> None:
        self.live.discard(token)
        self.revoked.add(token)


class Exchanging(Schedule):
    """One record, carried by whoever holds its lease; it dies when that was left alone too often."""

    def __init__(self, seed: int, faults: float, policy: Policy = exchange) -> None:
        super().__init__(seed, faults)
        self.policy = policy
        self.provider = Provider(self.chance)
        self.journal: dict[str, StepState] = {}
        self.epoch, self.crashes = 0, 0
        self.leased = self.ended = self.is_void = False
        self.active = ""  # the token that the installation works with
        self.cause = ""

    def play(self, most: int = 400) -> Exchanging:
        """Go on until the record has ended and no worker is left, frozen ones included."""
        for tick in range(most):
            if tick > most // 2:
                self.faults = 0.0
            if not self.ended and not self.leased:
                self._claim()
            elif self.runs:
                self._look_elsewhere()
                self.step(self.chance.choice(self.runs))
            elif self.ended:
                return self
            else:
                self._lapse()  # everybody crashed; the lease runs out
        raise AssertionError("the schedule does not end")

    @property
    def is_broken(self) -> bool:
        """Connected with a token that is revoked."""
        return self.active in self.provider.revoked

    def _claim(self) -> None:
        self.epoch += 1
        self.leased = True
        self.start(self.policy(ORDER), self.epoch)

    def _look_elsewhere(self) -> None:
        """The person has begun a newer flow in another tab."""
        if self.chance.random() < 0.1 * self.faults:
            self.is_void = True

    def freeze(self, run: Run) -> None:
        if run.number == self.epoch and not self.ended:
            self._lapse()

    def _lapse(self) -> None:
        self.leased = False
        self.crashes += 1
        if self.crashes >= MOST_CRASHES:
            self._close("its worker stopped")

    def _close(self, cause: str) -> None:
        self.ended, self.cause = True, cause
        self.journal.clear()  # as the ledger does

    def end(self, run: Run, error: WaypostError | None) -> None:
        if isinstance(error, LeaseLost) or run.number != self.epoch or self.ended:
            return
        self.leased = False
        if error is None or isinstance(error, FlowRefused):
            self._close(error.cause if error else "")
        elif not isinstance(error, Transient):
            raise error

    def _holds(self, run: Run) -> None:
        if run.number != self.epoch or self.ended:
            raise LeaseLost("another worker has it")

    def have(self, run: Run) -> Any:
        match run.effect:
            case Call(call):
                return self.call(call, self.provider.answer)
            case Now():
                return NOON
            case BeginStep() | CommitStep() | ForgetIntent() | Activate():
                return self.store(partial(self._write, run))
            case IsActive(tokens):
                return self.active == tokens.access.reveal().decode()
            case _:
                return None

    def _write(self, run: Run) -> Any:
        match run.effect:
            case BeginStep(name, _):
                self._holds(run)
                found = self.journal.get(name)
                self.journal.setdefault(name, StepState(status="intent"))
                return found or StepState(status="begun")
            case CommitStep(name, result):
                return self._commit(run, name, StepState(status="result", result=result))
            case ForgetIntent(name):
                self._holds(run)
                self._forget(name)
            case Activate(tokens=tokens):
                self._activate(run, tokens.access.reveal().decode())
        return None

    def _commit(self, run: Run, name: str, state: StepState) -> bool:
        """The first result wins, whoever brings it."""
        if self.ended:
            return False
        found = self.journal.get(name)
        if found is None or found.status != "result":
            self.journal[name] = state
        self._holds(run)
        return True

    def _forget(self, name: str) -> None:
        """An intent, never a result."""
        if name in self.journal and self.journal[name].status == "intent":
            del self.journal[name]

    def _activate(self, run: Run, token: str) -> None:
        """With the tokens, the record is closed."""
        self._holds(run)
        if self.is_void:
            raise FlowRefused("flow_expired")
        self.active = token
        self._close("")


def naive(order: ExchangeOrder) -> Steps:
    """What a plain queue does: on any trouble the whole job again. The negative control."""
    call = token_call(
        order.provider, order.client, code="c", redirect_uri=order.redirect_uri, verifier="v"
    )
    try:
        answer = yield Call(call)
        tokens = tokens_of(order.provider, answer, now=NOON)
        account, tokens = yield from identified(Who(provider=order.provider), tokens)
    except UnknownOutcome:
        raise ProviderBusy("again") from None
    except ProviderRefused:
        raise FlowRefused("provider_error") from None
    yield Activate(tokens=tokens, account=account)


def without_journal(order: ExchangeOrder) -> Steps:
    """The real steps over a ledger that remembers no step: another control."""
    return instead(exchange(order), {BeginStep: StepState(status="begun")})
