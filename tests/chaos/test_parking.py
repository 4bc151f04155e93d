"""Webhooks and installing in every order of their scripts: what is parked is released once, nothing is stuck."""

from __future__ import annotations

from collections import Counter
from collections.abc import Awaitable, Callable, Iterator

from shared.storage import keys
from shared.storage.connection import Store
from shared.storage.ledger_check import check
from shared.storage.scripts import source
from tests.contracts.ledger_builders import Bench

Op = Callable[[], Awaitable[object]]
LOOKS_UP = "redis.call('SMEMBERS', identifier_key(integration, identifier))"


def orders(*actors: list[str]) -> Iterator[list[str]]:
    """Every way in which the steps of *actors* may mix; each keeps its own order."""
    if not any(actors):
        yield []
    for n, actor in enumerate(actors):
        if actor:
            rest = [*actors[:n], actor[1:], *actors[n + 1 :]]
            for later in orders(*rest):
                yield [actor[0], *later]


class Scene:
    """Two webhooks for X, and who is connected to it; a step is a script, by its name."""

    def __init__(self, bench: Bench) -> None:
        self.bench, self.redis = bench, bench.redis
        self.claims: dict[str, object] = {}
        self.found: dict[str, bool] = {}
        self.delivered: Counter[str] = Counter()

    async def play(self, order: list[str]) -> None:
        await self.redis.flushdb()
        await self.bench.install("w1", "w2")
        await self.bench.accept("req_1", "req_2")
        claims = {one.record.id: one for one in await self.bench.claim()}
        for step in order:
            what, _, which = step.partition(" ")
            match what:
                case "route":
                    await self._routed(claims[which])
                case "look":
                    members = keys.key("identifier", "linear", "X")
                    self.found[which] = bool(await self.redis.exists(members))
                case "act":
                    await self._acted(claims[which])
                case "bind":
                    await self.bench.bind(which, "X")
        await self._delivered()

    async def _routed(self, claim) -> None:
        routed = await self.bench.route(claim, "X")
        if routed.where == "self":
            self.delivered[claim.record.id] += 1
            await self.bench.settle(claim, "done")

    async def _acted(self, claim) -> None:
        """What one does who has looked before, and goes by what was found then."""
        if self.found[claim.record.id]:
            return await self._routed(claim)
        blind = source("route").replace(LOOKS_UP, "{}")
        assert blind != source("route")
        record = claim.record
        args = [record.id, record.epoch, "linear", 1, 1000, 10**6, 1 << 32, 1, "X", b"", ""]
        await self.redis.eval(blind, 1, keys.prefix(), *args)
        return None

    async def _delivered(self) -> None:
        """Workers go on until nothing is ready."""
        while claims := await self.bench.claim():
            for claim in claims:
                self.delivered[claim.record.id] += 1
                await self.bench.settle(claim, "done")

    async def stuck(self) -> list[str]:
        states = await self.bench.states("req_1", "req_2")
        return [one for one in states if one != "done"]


async def test_no_order_of_two_webhooks_and_two_connections_loses_or_doubles_one(
    store: Store,
) -> None:
    bench, played = Bench(store), 0
    for order in orders(["route req_1"], ["route req_2"], ["bind w1"], ["bind w2"]):
        scene = Scene(bench)
        await scene.play(order)
        played += 1

        assert [] == await scene.stuck(), order
        assert Counter({"req_1": 1, "req_2": 1}) == scene.delivered, order
        assert [] == await check(store), order
    assert 24 == played


async def test_looking_first_and_parking_later_would_leave_some_for_ever(store: Store) -> None:
    """The control: the same scripts with the look-up outside of the one that parks."""
    bench, stuck, played = Bench(store), 0, 0
    for order in orders(["look req_1", "act req_1"], ["look req_2", "act req_2"], ["bind w1"]):
        scene = Scene(bench)
        await scene.play(order)
        played += 1
        stuck += bool(await scene.stuck())

    assert 30 == played
    assert stuck > 5
