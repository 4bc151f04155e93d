"""
The simulated ledgers keep the rules of the scripts: what they answered, the scripts answer to the same calls.

Else a million schedules would tell about rules that nobody has.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from contextlib import suppress
from typing import Any

import pytest
from msgspec import Struct

from shared.errors import LeaseLost
from shared.secret import Secret
from shared.steps.effects import (
    BeginStep,
    CommitStep,
    DropLease,
    ForgetIntent,
    StepState,
    TakeLease,
)
from shared.storage import keys
from shared.storage.connection import Store
from shared.storage.scripts import source
from shared.storage.turns import KEPT, LEASE
from tests.chaos.simulation.exchanging import Exchanging
from tests.chaos.simulation.refreshing import Refreshing
from tests.chaos.simulation.schedule import Run, Steps

SEEDS, FAULTS = 200, (0.02, 0.06, 0.15)
_COMMIT, _BEGIN = (
    "redis.call('HSETNX', journal, name .. ':result', ARGV[5])",
    "redis.call('HSETNX', journal, ARGV[4], ARGV[5])",
)
_FENCE, _FORGET = (
    "if not holds(id, epoch) then return {'lost', ''} end\n",
    "if what == 'forget'",
)


class Asked(Struct, frozen=True):
    """One command: of a script, with what the simulation answered to the same; or what the world did."""

    words: tuple[Any, ...]
    answer: Any = None
    is_script: bool = True


class Record(Exchanging):
    """Writes down each step of its one record, and what became of the record in between."""

    def __init__(self, seed: int, faults: float) -> None:
        super().__init__(seed, faults)
        self.id, self.asked = f"req_{type(self).__name__}_{seed}_{faults}", list[Asked]()

    def _become(self, state: str) -> None:
        where = keys.key("record", self.id)
        words = ("HSET", where, "state", state, "epoch", self.epoch)
        self.asked.append(Asked(words, is_script=False))

    def _claim(self) -> None:
        super()._claim()
        self._become("leased")

    def _lapse(self) -> None:
        self._become("ready")
        super()._lapse()

    def _close(self, cause: str) -> None:
        super()._close(cause)
        self._become("done")
        gone = ("DEL", keys.key("journal", self.id))
        self.asked.append(Asked(gone, is_script=False))

    def _write(self, run: Run) -> Any:
        match run.effect:
            case BeginStep(name, kind):
                words: tuple[Any, ...] = ("begin", self.id, run.number, name, kind)
            case CommitStep(name, result):
                words = ("commit", self.id, run.number, name, result.reveal())
            case ForgetIntent(name):
                words = ("forget", self.id, run.number, name, "")
            case _:
                return super()._write(run)
        return noted(self.asked, words, lambda: super(Record, self)._write(run), said_of_a_step)


class AnyOrder(Record):
    """Steps in no order that anybody would take, each with a result of its own."""

    def start(self, steps: Steps, number: int) -> None:
        """Nobody carries it; who has its lease is enough."""

    def play(self, most: int = 40) -> AnyOrder:
        for n in range(most):
            if not self.leased and not self.ended:
                self._claim()
            elif not self.ended and self.happens(2.0):
                self._lapse()
            else:
                self._do(n)
        return self

    def _do(self, n: int) -> None:
        name, number = self.chance.choice("ab"), self.epoch - (self.chance.random() < 0.3)
        result = Secret(f"result {n}".encode())
        effect = self.chance.choice(
            (BeginStep(name, "once"), CommitStep(name, result), ForgetIntent(name))
        )
        with suppress(LeaseLost):
            self._write(Run(None, number, effect))  # type: ignore[arg-type]


class Installation(Refreshing):
    """Writes down each turn and each intent, and when a turn ran out."""

    def __init__(self, seed: int, faults: float) -> None:
        super().__init__(seed, faults)
        self.id, self.asked = f"w_{seed}_{faults}", list[Asked]()

    def freeze(self, run: Run) -> None:
        if run.number == self.holder:
            self._run_out()
        super().freeze(run)

    def _run_out(self) -> None:
        self.asked.append(Asked(("DEL", keys.key("turn", self.id)), is_script=False))

    def _write(self, run: Run) -> Any:
        if self.holder and self.now >= self.holds_until:
            self._run_out()
        match run.effect:
            case TakeLease():
                more: tuple[Any, ...] = ("take", LEASE)
            case DropLease():
                more = ("drop",)
            case BeginStep(name, _):
                more = ("begin", name, repr(self.now), KEPT)
            case ForgetIntent(name):
                more = ("forget", name)
            case _:
                return super()._write(run)
        words = (more[0], self.id, run.number, *more[1:])
        return noted(
            self.asked, words, lambda: super(Installation, self)._write(run), said_of_a_turn
        )


def noted(
    asked: list[Asked],
    words: tuple[Any, ...],
    write: Callable[[], Any],
    said: Callable[[Any], Any],
) -> Any:
    """What the simulation does, and what a script would have said to it."""
    try:
        result = write()
    except LeaseLost:
        asked.append(Asked(words, said(LeaseLost)))
        raise
    asked.append(Asked(words, said(result)))
    return result


def said_of_a_step(result: Any) -> Any:
    """As `step.lua` says it: a word and, of a result, its value."""
    if result is LeaseLost:
        return "lost", b""
    if isinstance(result, StepState):
        return result.status, result.result.reveal() if result.result else b""
    return ("ended" if result is False else "ok"), b""


def said_of_a_turn(result: Any) -> Any:
    """As `turn.lua` says it: a word, or since when."""
    if result is LeaseLost:
        return "lost"
    if isinstance(result, bool):
        return "taken" if result else "busy"
    return repr(result.since) if isinstance(result, StepState) and result.since else ""


async def differences(
    store: Store, script: str, text: str, asked: Iterable[Asked]
) -> tuple[set[str], list[str]]:
    """The words that the script said, and where they are not those of the simulation."""
    asked = list(asked)
    await store.redis.flushdb()
    digest = await store.redis.script_load(text)
    async with store.redis.pipeline(transaction=False) as together:
        for one in asked:
            if one.is_script:
                together.evalsha(digest, 1, keys.prefix(), *one.words)
            else:
                together.execute_command(*one.words)
        replies = await together.execute()
    said = [(one, heard(script, reply)) for one, reply in zip(asked, replies, strict=True)]
    words = {
        str(reply[0] if script == "step" else reply) for one, reply in said if one.is_script
    }
    wrong = [
        f"{one.words}: {one.answer}, but the script says {reply}"
        for one, reply in said
        if one.is_script and one.answer != reply
    ]
    return words, wrong


def heard(script: str, reply: Any) -> Any:
    if script == "turn" or not isinstance(reply, list):
        return reply.decode() if isinstance(reply, bytes) else reply
    word = reply[0].decode()
    return word, reply[1] if word == "result" else b""


WORLDS = {"step": ((Record, 600), (AnyOrder, 90)), "turn": ((Installation, 600),)}


def asked_of(script: str) -> list[Asked]:
    """All that was asked of a script in many schedules."""
    seeds = [(seed, faults) for seed in range(SEEDS) for faults in FAULTS]
    worlds = [kind(*each) for kind, many in WORLDS[script] for each in seeds[:many]]
    return [one for world in worlds for one in world.play().asked]


@pytest.mark.parametrize(
    ("script", "words"),
    [
        ("step", {"begun", "intent", "result", "ok", "ended", "lost"}),
        ("turn", {"taken", "busy", "lost", ""}),
    ],
)
async def test_a_script_answers_as_the_simulation_does(
    store: Store, script: str, words: set[str]
) -> None:
    said, wrong = await differences(store, script, source(script), asked_of(script))

    assert [] == wrong[:5]
    assert words <= said


@pytest.mark.parametrize(
    ("script", "rule", "without"),
    [
        ("step", _COMMIT, _COMMIT.replace("NX", "")),
        ("step", _FENCE + _FORGET, _FORGET),
        ("turn", "if not is_ours then return 'lost' end", ""),
        ("turn", _BEGIN, _BEGIN.replace("NX", "")),
    ],
    ids=["the first result wins", "a begin is fenced", "an intent is fenced", "the first intent stays"],
)  # fmt: skip
async def test_a_script_without_a_rule_is_seen(
    store: Store, script: str, rule: str, without: str
) -> None:
    """The controls."""
    text = source(script).replace(rule, without)
    assert text != source(script)

    _, wrong = await differences(store, script, text, asked_of(script))

    assert wrong
