"""The refresh under schedules of crashes, freezes and losses: no spent token comes again while the old one works."""

from __future__ import annotations

import pytest

from tests.chaos.numbers import told
from tests.chaos.simulation.many import FAULTS, MOST, Judged, played
from tests.chaos.simulation.refreshing import Refreshing, without_turns, written_once
from tests.chaos.sizes import sizes


def judged(seed: int, faults: float) -> Judged:
    world = Refreshing(seed, faults).play()
    return Judged.of(world, said_of(world))


def said_of(world: Refreshing) -> str:
    if world.is_silent:
        return "the tokens do not work and nobody was told"
    if world.told and not world.troubles:
        return "somebody was told to connect again although nothing failed"
    if not world.troubles and (world.family.is_revoked or max(world.family.uses.values()) > 1):
        return "a refresh token was used twice although nothing failed"
    return ""


class TestEverySchedule:
    @sizes(8_000, 80_000)
    @pytest.mark.parametrize("faults", FAULTS)
    def test_refreshes_once_and_where_an_answer_is_lost_says_so(
        self, size: int, faults: float, request: pytest.FixtureRequest
    ) -> None:
        first = request.getfixturevalue("seed") if size > 20_000 else 0
        found = played(judged, faults, first, size)

        told("R12", schedules=size, faults=faults, met_a_fault=found.met, bad=len(found.wrong))
        assert [] == found.wrong[:5]
        assert found.met > MOST * size

    def test_is_the_same_again(self) -> None:
        first, second = Refreshing(42, 0.06).play(), Refreshing(42, 0.06).play()

        assert (first.now, first.told, first.troubles) == (
            second.now, second.told, second.troubles,
        )  # fmt: skip


class TestSixteenWorkersAtOnce:
    def test_refresh_each_expiry_once(self) -> None:
        worlds = [Refreshing(seed, 0.0).play(workers=16) for seed in range(200)]

        assert [""] * 200 == [said_of(world) for world in worlds]
        assert {1: 1, 2: 1, 3: 1} == worlds[0].family.uses
        assert all(set(world.family.uses.values()) == {1} for world in worlds)

    def test_end_the_family_when_nobody_waits_for_a_turn(self) -> None:
        """The control: the same steps, each of whom believes that it is alone."""
        worlds = [Refreshing(seed, 0.0, without_turns).play(workers=16) for seed in range(200)]

        assert any(world.family.is_revoked for world in worlds)


class TestPinned:
    @pytest.mark.parametrize("seed", [75, 91, 156, 223])
    def test_new_tokens_outlive_a_store_that_was_away_for_one_write(self, seed: int) -> None:
        """They were lost with the one failed write, and the next refresh ended the family."""
        assert Refreshing(seed, 0.01, written_once).play().family.is_revoked
        assert not Refreshing(seed, 0.01).play().family.is_revoked
