"""
Any order of any calls: the ledger does what its model does, and stays sound.

`make chaos` plays 2,000 examples, other ones for each seed.
"""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from datetime import timedelta
from typing import Any, ClassVar

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)  # fmt: skip

from shared.errors import AlreadyBound, Conflict, LeaseLost, NotFound
from shared.model.jobs import Record
from shared.model.outcomes import Found
from shared.model.retention import Retention
from shared.storage import keys
from shared.storage.connection import connect
from shared.storage.embedded import EmbeddedValkey
from shared.storage.ledger import Ending
from shared.storage.ledger_check import check
from shared.storage.rows import record_of
from tests.chaos.sizes import sizes
from tests.contracts.ledger_builders import Bench, an_accept
from tests.contracts.ledger_model import AGES, BOTS, CLOSED, DELAY, LEASE, Kept, Model

STEPS, EXAMPLES = 30, 60
IDENTIFIERS = st.sampled_from(["A", "B"])
INSTALLATIONS = st.sampled_from(sorted(BOTS))
SLICE = st.tuples(IDENTIFIERS, st.sampled_from([b"", b"slice"]))
ANY = st.integers(0, 99)  # picks one of however many there are
_SPANS = {state: timedelta(seconds=age) for state, age in AGES.items()}


class LedgerMachine(RuleBasedStateMachine):
    """Calls both, and compares."""

    runner: ClassVar[asyncio.Runner]
    bench: ClassVar[Bench]

    def __init__(self) -> None:
        super().__init__()
        self.model = Model()
        self.given: list[tuple[str, int]] = []  # every lease there ever was: id, epoch
        self.bench.store.scripts.skew_ms = 0
        self._do(self._begin())

    async def _begin(self) -> None:
        await self.bench.redis.flushdb()
        for installation, bot in BOTS.items():
            await self.bench.install(installation, bot=bot)

    def _do(self, what: Coroutine[Any, Any, Any]) -> Any:
        self.model.turns += 1
        return self.runner.run(what)

    def _lease(self, which: int) -> tuple[str, int]:
        """Mostly one that holds, now and then one that was lost or ended."""
        held = [lease for lease in self.given if self.model.holds(*lease)]
        choice = held if held and which % 5 else self.given
        return choice[-1 - which % len(choice)]

    def _record(self, which: int) -> str:
        """Mostly one that can be replayed, now and then any, or none."""
        resting = [
            id for id, one in self.model.records.items() if one.state in {*CLOSED, "parked"}
        ]
        choice = resting if resting and which % 4 else [*self.model.records, "req_unknown"]
        return choice[which % len(choice)]

    @initialize(n=st.integers(1, 4))
    def begin(self, n: int) -> None:
        self.accept(n, "", "linear")
        self.claim(n)

    @rule(
        n=st.integers(1, 3),
        dedupe=st.sampled_from(["", "", "d1", "d2"]),
        lane=st.sampled_from(["linear", "w1"]),
    )
    def accept(self, n: int, dedupe: str, lane: str) -> None:
        ids = [f"req_{self.model.accepted + i + 1:03}" for i in range(n)]
        said = self._do(
            self.bench.ledger.accept([an_accept(id, dedupe=dedupe, lane=lane) for id in ids])
        )
        expected = [self.model.accept(id, dedupe, b"a stored request", lane) for id in ids]
        assert expected == [(one.status, one.id) for one in said]

    @rule(limit=st.sampled_from([0, 1, 4, 4, 4]))
    def claim(self, limit: int) -> None:
        lease = timedelta(seconds=LEASE)
        claims, _ = self._do(self.bench.ledger.claim("w", limit, lease))
        self.model.time_passes()
        self.model.claim(limit, [one.record.id for one in claims])
        for one in claims:
            assert self.model.records[one.record.id].body == one.body
            self.given.append((one.record.id, one.record.epoch))

    @precondition(lambda self: self.given)
    @rule(which=ANY, identifier=IDENTIFIERS)
    def park(self, which: int, identifier: str) -> None:
        self.route(which, [(identifier, b"")], may_park=True)

    @precondition(lambda self: self.model.records)
    @rule(seconds=st.sampled_from([DELAY + 1, LEASE + 1, 1100]))
    def later(self, seconds: int) -> None:
        self.model.now += seconds
        self.bench.later(seconds)

    @precondition(lambda self: self.given)
    @rule(which=ANY, other=ANY)
    def renew(self, which: int, other: int) -> None:
        leases = [self._lease(which), self._lease(other)]
        lost = self._do(self.bench.ledger.renew(leases, timedelta(seconds=LEASE)))
        assert {id for id, epoch in leases if not self.model.renew(id, epoch)} == lost

    @precondition(lambda self: self.given)
    @rule(
        which=ANY,
        end=st.sampled_from(["done", "ignored", "dead", "retry", "release"]),
        bot=st.sampled_from(["", "shop", "rival"]),
    )
    def settle(self, which: int, end: str, bot: str) -> None:
        id, epoch = self._lease(which)
        told = bot if end == "done" else ""
        delay = timedelta(seconds=DELAY)
        ending = Ending(id=id, epoch=epoch, end=end, delay=delay, bot=told, event=b"e")
        (written,) = self._do(self.bench.ledger.settle([ending]))
        assert self.model.settle(id, epoch, end, told) == written

    @precondition(lambda self: self.given)
    @rule(which=ANY, identifier=IDENTIFIERS, choice=ANY, is_shared=st.booleans())
    def settle_found(self, which: int, identifier: str, choice: int, is_shared: bool) -> None:
        id, epoch = self._lease(which)
        if self.model.holds(id, epoch) and self.model.records[id].ordered:
            return  # it has its installation, so nobody asks
        owner = self._likely_owner(identifier, choice)
        found = Found(
            integration="linear", identifier=identifier, installation=owner, is_shared=is_shared
        )
        ending = Ending(
            id=id, epoch=epoch, end="done", bot=BOTS[owner], event=b"e", found=found
        )
        (written,) = self._do(self.bench.ledger.settle([ending]))
        said = self.model.settle_found(id, epoch, identifier, owner, is_shared=is_shared)
        assert said == written

    def _likely_owner(self, identifier: str, choice: int) -> str:
        """Mostly one that has it, now and then one that had it, or never."""
        owners = [one for one, mine in self.model.homes.items() if mine == identifier]
        others = owners if owners and choice % 4 else sorted(BOTS)
        return others[choice % len(others)]

    @precondition(lambda self: self.given)
    @rule(which=ANY, slices=st.lists(SLICE, max_size=3), may_park=st.booleans())
    def route(self, which: int, slices: list[tuple[str, bytes]], may_park: bool) -> None:
        id, epoch = self._lease(which)
        if self.model.holds(id, epoch) and self.model.records[id].ordered:
            return  # it has its installation, so nobody asks
        record = Record(id=id, epoch=epoch, job="webhook", state="leased", integration="linear")
        try:
            where = self._do(self.bench.ledger.route(record, slices, may_park=may_park)).where
        except LeaseLost:
            where = "lost"
        assert self.model.route(id, epoch, slices, may_park=may_park) == where

    @precondition(lambda self: self.given)
    @rule(which=ANY, what=st.sampled_from(["begin", "commit", "forget"]))
    def step(self, which: int, what: str) -> None:
        id, epoch = self._lease(which)
        record = Record(id=id, epoch=epoch, job="webhook", state="leased")
        result = f"by {epoch}".encode()
        try:
            said, _ = self._do(self.bench.ledger.step(what, record, "send", result))
        except LeaseLost:
            said = "lost"
        assert self.model.step(what, id, epoch, "send", result) == said

    @rule(
        installation=INSTALLATIONS,
        identifier=IDENTIFIERS | st.just(""),
        ownership=st.sampled_from(["take_over", "take_over", "exclusive", "share"]),
        in_flow=st.booleans(),
    )
    def bind(self, installation: str, identifier: str, ownership: str, in_flow: bool) -> None:
        said: int | str
        try:
            said, _ = self._do(
                self.bench.bind(installation, identifier, ownership, in_flow=in_flow)
            )
        except AlreadyBound:
            said = "taken"
        assert self.model.bind(installation, identifier, ownership, in_flow=in_flow) == said

    @precondition(lambda self: self.model.records)
    @rule(which=ANY)
    def replay(self, which: int) -> None:
        id = self._record(which)
        assert self.model.replay(id) == self._by_hand(self.bench.ledger.replay(id))

    @precondition(lambda self: self.model.records)
    @rule(which=ANY)
    def drop(self, which: int) -> None:
        id = self._record(which)
        assert self.model.drop(id) == self._by_hand(self.bench.ledger.drop(id))

    def _by_hand(self, what: Coroutine[Any, Any, str]) -> Any:
        try:
            return self._do(what)
        except NotFound:
            return "missing"
        except Conflict:
            return "busy"

    @precondition(lambda self: self.model.now >= min(AGES.values()))
    @rule()
    def sweep(self) -> None:
        swept = self._do(self.bench.ledger.sweep(Retention(ages=_SPANS)))
        assert self.model.sweep() == (swept.removed, swept.unmatched, swept.tired)

    @invariant()
    def it_is_as_the_model_says(self) -> None:
        found, journals, streams = self.runner.run(self._stored())
        assert {one.id: _told(one) for one in self.model.records.values()} == found
        assert {
            id: set(one.journal) for id, one in self.model.records.items() if one.journal
        } == journals
        assert {bot: self.model.told.count(bot) for bot in set(BOTS.values())} == streams

    @invariant()
    def it_is_sound(self) -> None:
        assert [] == self.runner.run(check(self.bench.store))

    async def _stored(self) -> tuple[Any, Any, Any]:
        ids, bots = list(self.model.records), sorted(set(BOTS.values()))
        async with self.bench.redis.pipeline(transaction=False) as together:
            for id in ids:
                together.hgetall(keys.key("record", id))
            for id in ids:
                together.hgetall(keys.key("journal", id))
            for bot in bots:
                together.xlen(keys.key("events", bot))
            together.keys(keys.key("record", "") + "*")
            *rows, names = await together.execute()
        n = len(ids)
        assert n == len(names)
        found = {id: _told(record_of(id, row)) for id, row in zip(ids, rows[:n], strict=True)}
        journals = zip(ids, rows[n : 2 * n], strict=True)
        return (
            found,
            {id: {name.decode() for name in row} for id, row in journals if row},
            dict(zip(bots, rows[2 * n :], strict=True)),
        )


_COMPARED = (
    "job", "state", "epoch", "attempts", "crashes", "identifier", "installation", "bot", "parent", "lane",
    "seq", "replays", "deliveries", "ordered",
)  # fmt: skip


def _told(one: Record | Kept) -> dict[str, object]:
    size = len(one.body) if isinstance(one, Kept) else one.bytes
    return {"bytes": size} | {name: getattr(one, name) for name in _COMPARED}


def compare(url: str, examples: int) -> None:
    """Play *examples* on the store at *url*, which is emptied."""
    with asyncio.Runner() as runner:
        store = runner.run(connect(url))
        LedgerMachine.runner, LedgerMachine.bench = runner, Bench(store)
        bounds = settings(max_examples=examples, stateful_step_count=STEPS)
        try:
            run_state_machine_as_test(LedgerMachine, settings=bounds)
        finally:
            runner.run(store.close())


@pytest.mark.timeout(900)
@sizes(EXAMPLES, 2000, seconds=3600)
def test_the_ledger_does_what_its_model_does(valkey: EmbeddedValkey, size: int) -> None:
    compare(valkey.url, size)
