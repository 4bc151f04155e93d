"""Published keys: remembered, asked for anew when one is missing, and never hammered."""

from __future__ import annotations

import asyncio

import orjson
import pytest

from shared.errors import ProviderBusy, UnknownOutcome
from shared.model.calls import HttpAnswer, HttpCall
from workers.keysets import FRESH, MOST_ADDRESSES, PAUSE, REST, STALE, KeySets

URL = "https://keys.example/jwks"


class Clock:
    def __init__(self) -> None:
        self.at = 1000.0

    def now(self) -> float:
        return self.at

    def monotonic(self) -> float:
        return self.at


class Provider:
    """Publishes the keys that it is told; counts how often it was asked."""

    def __init__(self) -> None:
        self.names, self.asked, self.status = ["k1"], 0, 200
        self.broken: Exception | None = None
        self.body: bytes | None = None

    async def send(self, call: HttpCall) -> HttpAnswer:
        self.asked += 1
        await asyncio.sleep(0)
        if self.broken:
            raise self.broken
        keys = orjson.dumps({"keys": [{"kid": name} for name in self.names]})
        return HttpAnswer(status=self.status, body=keys if self.body is None else self.body)


class Bench:
    def __init__(self) -> None:
        self.clock, self.provider = Clock(), Provider()
        self.sets = KeySets(self.provider, self.clock)

    async def names(self, *, anew: bool = False, after: float = 0.0) -> list[str]:
        self.clock.at += after
        return [key["kid"] for key in await self.sets.keys(URL, anew=anew)]


@pytest.fixture
def bench() -> Bench:
    return Bench()


async def test_they_are_fetched_once_for_an_hour_however_many_ask(bench: Bench) -> None:
    await asyncio.gather(*(bench.names() for _ in range(20)))
    await bench.names(after=FRESH - 1)
    assert 1 == bench.provider.asked

    bench.provider.names = ["k2"]
    assert ["k2"] == await bench.names(after=1)
    assert 2 == bench.provider.asked


async def test_a_missing_key_is_looked_for_at_most_once_a_minute(bench: Bench) -> None:
    await bench.names()
    bench.provider.names = ["k1", "k2"]
    for _ in range(50):
        assert ["k1"] == await bench.names(anew=True, after=1)
    assert 1 == bench.provider.asked

    assert ["k1", "k2"] == await bench.names(anew=True, after=PAUSE - 50)
    for _ in range(5):
        await bench.names(anew=True)
    assert 2 == bench.provider.asked


@pytest.mark.parametrize(
    "fault",
    [
        {"broken": ProviderBusy("refused")},
        {"broken": UnknownOutcome("cut")},
        {"status": 500},
        {"body": b"<html>"},
        {"body": b"[]"},
        {"body": b'{"keys":{}}'},
        {"body": b'{"keys":[1]}'},
    ],
)
async def test_while_none_can_be_had_the_old_ones_count_for_a_day(
    bench: Bench, fault: dict[str, object]
) -> None:
    await bench.names()
    for name, value in fault.items():
        setattr(bench.provider, name, value)

    assert ["k1"] == await bench.names(after=FRESH)
    assert ["k1"] == await bench.names(after=PAUSE / 2)
    assert 2 == bench.provider.asked
    with pytest.raises(ProviderBusy):
        await bench.names(after=STALE)


async def test_without_any_it_is_tried_again_later(bench: Bench) -> None:
    bench.provider.broken = UnknownOutcome("cut")
    with pytest.raises(ProviderBusy):
        await bench.names()

    bench.provider.broken = None
    with pytest.raises(ProviderBusy):
        await bench.names(after=REST / 2)
    assert 1 == bench.provider.asked
    assert ["k1"] == await bench.names(after=REST / 2)


async def test_memory_is_bounded(bench: Bench) -> None:
    for number in range(MOST_ADDRESSES + 5):
        await bench.sets.keys(f"{URL}/{number}")

    assert MOST_ADDRESSES == len(bench.sets._held)
