"""A small world for `refresh`: one installation, several workers, a provider that rotates and detects reuse."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any
from urllib.parse import parse_qs

import orjson

from shared.errors import LeaseLost, ProviderBusy, WaypostError
from shared.model.calls import HttpAnswer, HttpCall
from shared.oauth import Tokens
from shared.secret import Secret
from shared.steps.effects import (
    BeginStep,
    Call,
    DropLease,
    ForgetIntent,
    NeedsReauth,
    Now,
    ReadTokens,
    ReplaceTokens,
    StepState,
    StoredTokens,
    TakeLease,
)
from shared.steps.refresh import RefreshOrder, refresh
from tests.chaos.simulation.schedule import Run, Schedule, Steps, failing, instead
from tests.unit.oauth_builders import NOON, a_provider, answered
from tests.unit.steps_builders import a_refresh

ORDER = a_refresh(provider=a_provider())
LIFE, DUE, LEASE = 3600, NOON + 3000, 30.0
REFUSED = answered({"error": "invalid_grant"}, 400)
BEGUN = StepState(status="begun")
Policy = Callable[[RefreshOrder], Steps]


class Family:
    """What a provider knows of one connection: a spent refresh token that comes again ends all of it."""

    def __init__(self) -> None:
        self.number = 1  # of the tokens that are good
        self.is_revoked = False
        self.uses: dict[int, int] = {}  # of each refresh token, processed ones

    def answer(self, call: HttpCall) -> HttpAnswer:
        given = int(parse_qs(call.body.decode())["refresh_token"][0].rpartition("-")[2])
        self.uses[given] = self.uses.get(given, 0) + 1
        self.is_revoked |= given != self.number
        if self.is_revoked:
            return REFUSED
        self.number += 1
        body = {"access_token": f"a-{self.number}", "refresh_token": f"r-{self.number}"}
        return HttpAnswer(status=200, body=orjson.dumps(body | {"expires_in": LIFE}))


class Refreshing(Schedule):
    """Workers come by while the token is due; some of them stand still for longer than their turn."""

    def __init__(self, seed: int, faults: float, policy: Policy = refresh) -> None:
        super().__init__(seed, faults)
        self.policy, self.family = policy, Family()
        self.now, self.came = DUE, 0
        self.tokens = Tokens(
            access=Secret(b"a-1"),
            refresh=Secret(b"r-1"),
            obtained_at=NOON,
            expires_at=NOON + LIFE,
        )
        self.holder, self.holds_until = 0, 0.0
        self.journal: dict[str, float] = {}
        self.told: set[int] = (
            set()
        )  # versions of the tokens for which the user was told to connect again

    def play(self, workers: int = 4) -> Refreshing:
        """*workers* come in the last ten minutes of the token's life; in the end two more look whether all is well."""
        while self.came < workers or self.runs:
            if self.came < workers and (not self.runs or self.chance.random() < 0.15):
                self._come()
            elif self.happens():
                self.troubles += 1  # everybody stands still
                self.now += self.chance.choice((20.0, 120.0, 600.0))
            else:
                self.now += 0.2
                self.step(self.chance.choice(self.runs))
        self.faults = 0.0
        for _ in range(2):
            self.now += LIFE
            self._come()
            while self.runs:
                self.step(self.runs[0])
        return self

    @property
    def is_silent(self) -> bool:
        """Nobody was told, and the tokens do not work."""
        return not self.told and (self.family.is_revoked or self._number != self.family.number)

    @property
    def _number(self) -> int:
        return int(self.tokens.access.reveal().rpartition(b"-")[2])

    def _come(self) -> None:
        self.came += 1
        self.start(self.policy(ORDER), self.came)

    def freeze(self, run: Run) -> None:
        if run.number == self.holder:
            self.holder = 0

    def end(self, run: Run, error: WaypostError | None) -> None:
        """Whatever came of it, the installation tells."""

    def have(self, run: Run) -> Any:
        match run.effect:
            case Now():
                return self.now
            case Call(call):
                return self.call(call, self.family.answer)
            case ReadTokens():
                return self.store(self._read)
            case _:
                return self.store(partial(self._write, run))

    def _read(self) -> StoredTokens:
        return StoredTokens(tokens=self.tokens, version=int(self.tokens.obtained_at * 1000))

    def _has_turn(self, run: Run) -> bool:
        return run.number == self.holder and self.now < self.holds_until

    def _write(self, run: Run) -> Any:
        match run.effect:
            case TakeLease():
                return self._take(run)
            case DropLease():
                self.holder = 0 if run.number == self.holder else self.holder
            case ReplaceTokens(tokens=tokens, version=version):
                return self._replace(tokens, version)
            case NeedsReauth(version=version):
                self.told |= {version} & {self._read().version}
            case _:
                return self._note(run)
        return None

    def _take(self, run: Run) -> bool:
        if self.holder and self.now < self.holds_until:
            return False
        self.holder, self.holds_until = run.number, self.now + LEASE
        return True

    def _replace(self, tokens: Tokens, version: int) -> bool:
        if version != self._read().version:
            return False
        self.tokens = tokens
        return True

    def _note(self, run: Run) -> Any:
        """The journal; only who has the turn writes in it."""
        if not self._has_turn(run):
            raise LeaseLost("somebody else's turn")
        match run.effect:
            case BeginStep(name, _):
                if name in self.journal:
                    return StepState(status="intent", since=self.journal[name])
                self.journal[name] = self.now
                return BEGUN
            case ForgetIntent(name):
                self.journal.pop(name, None)
        return None


def without_turns(order: RefreshOrder) -> Steps:
    """The real steps, each of whom believes that it is alone: the negative control."""
    return instead(refresh(order), {TakeLease: True, BeginStep: BEGUN})


def written_once(order: RefreshOrder) -> Steps:
    """The real steps before they tried to write again: a control for pinned seeds."""
    return failing(refresh(order), ReplaceTokens, ProviderBusy("the store did not answer"))
