"""Doors, remembered: what a webhook costs no look-up for, and how soon a change is seen."""

from __future__ import annotations

import asyncio

import pytest

from services.ingress.doors import KNOWN, SOON, UNKNOWN, Doors
from shared.errors import StoreUnavailable
from shared.model.requests import Door


class Hand:
    """A clock that is moved by hand."""

    at = 0.0

    def now(self) -> float:
        return self.at

    monotonic = now


class Published:
    """What is published, and how often it was asked for."""

    def __init__(self) -> None:
        self.door_of: dict[str, Door] = {"acme": Door(name="acme")}
        self.asked, self.fails = 0, False

    async def door(self, name: str) -> Door | None:
        self.asked += 1
        if self.fails:
            raise StoreUnavailable("away")
        return self.door_of.get(name)

    async def hook(self, webhook_id: str) -> str | None:
        return {"w1": "acme"}.get(webhook_id)


@pytest.fixture
def clock() -> Hand:
    return Hand()


@pytest.fixture
def published() -> Published:
    return Published()


@pytest.fixture
def doors(published: Published, clock: Hand) -> Doors:
    return Doors(published, clock)


async def test_one_is_asked_for_once_and_known_from_then_on(doors, published) -> None:
    before = doors.known_door("acme")
    found = await doors.door("acme"), await doors.door("acme")

    assert ((), 1) == (before, published.asked)
    assert (Door(name="acme"),) * 2 == found
    assert (Door(name="acme"),) == doors.known_door("acme")


async def test_a_hook_is_known_whatever_its_case(doors) -> None:
    assert "acme" == await doors.hook("W1")
    assert ("acme",) == doors.known_hook("w1")


async def test_that_there_is_none_is_known_for_a_shorter_time(doors, published, clock) -> None:
    await doors.door("nobody")
    known = doors.known_door("nobody")
    clock.at = UNKNOWN
    published.door_of["nobody"] = Door(name="nobody")

    assert ((None,), ()) == (known, doors.known_door("nobody"))
    assert Door(name="nobody") == await doors.door("nobody")


async def test_one_that_is_used_is_asked_for_again_before_it_is_forgotten(
    doors, published, clock
) -> None:
    """Else all that come in the moment when it is forgotten would wait for it."""
    await doors.door("acme")
    clock.at = KNOWN - SOON / 2
    published.door_of["acme"] = Door(name="acme", enabled=False)
    as_it_was = [doors.known_door("acme") for _ in range(3)]
    await asyncio.sleep(0.01)

    assert [(Door(name="acme"),)] * 3 == as_it_was
    assert (Door(name="acme", enabled=False),) == doors.known_door("acme")
    assert 2 == published.asked


async def test_one_that_nobody_can_be_asked_about_is_forgotten(doors, published, clock) -> None:
    await doors.door("acme")
    published.fails, clock.at = True, KNOWN - SOON / 2
    doors.known_door("acme")
    await asyncio.sleep(0.01)
    known = doors.known_door("acme")
    clock.at = KNOWN

    assert (Door(name="acme"),) == known
    assert () == doors.known_door("acme")
    with pytest.raises(StoreUnavailable):
        await doors.door("acme")
