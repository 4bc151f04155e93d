"""
One schedule of workers that run steps in a small world and fail at any effect; decided by its seed alone.

At each effect a worker may crash, freeze while its lease runs out, lose the request or lose the answer, and the
store may fail before or after it wrote. A world says what effects mean; it is played until nobody runs any more.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Generator, Mapping
from functools import partial
from typing import Any

import msgspec

from shared.errors import ProviderBusy, StoreUnavailable, UnknownOutcome, WaypostError
from shared.model.calls import HttpAnswer, HttpCall
from shared.steps.effects import Effect, Reach
from tests.unit.oauth_builders import answered

Steps = Generator[Effect, Any, Any]
BUSY = (answered({}, 429), answered({}, 503, retry_after="1"), answered({}, 502))
BAD_GATEWAY = answered({}, 502)


class Run(msgspec.Struct):
    """One worker's attempt: its steps, what tells it from others, and the effect that it is about to have."""

    steps: Steps
    number: int
    effect: Effect


def _effect(steps: Steps, effect: Effect) -> Effect:
    """The next real one: a crash at a named place is a crash before what follows."""
    while type(effect) is Reach:
        effect = steps.send(None)
    return effect


class Schedule:
    """Chance, and who runs; *faults* is how likely each kind of trouble is at each effect."""

    def __init__(self, seed: int, faults: float) -> None:
        self.faults = faults
        self.chance = random.Random(seed)
        self.runs: list[Run] = []
        self.met = 0  # faults of any kind
        self.troubles = 0  # crashes, freezes, and answers and writes that were lost

    def happens(self, share: float = 1.0) -> bool:
        """Whether something goes wrong here."""
        does = self.chance.random() < self.faults * share
        self.met += does
        return does

    def start(self, steps: Steps, number: int) -> None:
        """One more worker begins."""
        self.runs.append(Run(steps, number, _effect(steps, next(steps))))

    def step(self, run: Run) -> None:
        """One worker has its next effect, or a fault instead."""
        if self.happens():
            self.troubles += 1
            run.steps.close()  # a crash
            self.runs.remove(run)
            return
        if self.happens():
            self.troubles += 1
            self.freeze(run)
            return
        try:
            result = self.have(run)
        except WaypostError as error:
            self._resume(run, partial(run.steps.throw, error))
        else:
            self._resume(run, partial(run.steps.send, result))

    def _resume(self, run: Run, on: Callable[[], Effect]) -> None:
        try:
            run.effect = _effect(run.steps, on())
        except StopIteration:
            self.runs.remove(run)
            self.end(run, None)
        except WaypostError as error:
            self.runs.remove(run)
            self.end(run, error)

    def call(self, call: HttpCall, provider: Callable[[HttpCall], HttpAnswer]) -> HttpAnswer:
        """A call over a line on which anything may be lost."""
        if self.happens():
            raise ProviderBusy("connection refused")
        if self.happens():
            raise UnknownOutcome("the request was lost")
        if self.happens():
            return self.chance.choice(BUSY)
        answer = provider(call)
        if self.happens():
            self.troubles += 1
            raise UnknownOutcome("the answer was lost")
        if self.happens():
            self.troubles += 1
            return BAD_GATEWAY
        return answer

    def store(self, write: Callable[[], Any]) -> Any:
        """A script of the store, whose request or reply may be lost."""
        if self.happens():
            self.troubles += 1
            raise StoreUnavailable("nothing was written")
        result = write()
        if self.happens():
            raise StoreUnavailable("the answer was lost")
        return result

    # ── What a world says ──

    def have(self, run: Run) -> Any:
        """Perform the effect of *run*."""
        raise NotImplementedError

    def freeze(self, run: Run) -> None:
        """*run* stands still until its lease has run out, and wakes up later."""
        raise NotImplementedError

    def end(self, run: Run, error: WaypostError | None) -> None:
        """*run* has come to its end."""
        raise NotImplementedError


def instead(steps: Steps, answers: Mapping[type, Any]) -> Steps:
    """*steps* whose effects of some types are not had but answered: what they would be without them."""
    return _driven(steps, answers, None, None)


def failing(steps: Steps, effect: type, error: WaypostError) -> Steps:
    """*steps* that see *error* where the store is away for one kind of effect."""
    return _driven(steps, {}, effect, error)


def _driven(
    steps: Steps, answers: Mapping[type, Any], fails: type | None, with_: WaypostError | None
) -> Steps:
    try:
        effect = next(steps)
        while True:
            try:
                answer = answers.get(type(effect)) or (yield effect)
            except WaypostError as error:
                is_it = type(effect) is fails and isinstance(error, StoreUnavailable)
                effect = steps.throw(with_ if is_it and with_ else error)
            else:
                effect = steps.send(answer)
    except StopIteration as end:
        return end.value
