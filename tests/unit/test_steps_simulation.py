"""The exchange under thousands of schedules of crashes, freezes, lost requests and lost answers."""

from __future__ import annotations

import pytest

from shared.steps.exchange import exchange
from tests.unit.steps_simulation import World, naive

SEEDS = range(3000)


def played(seed: int, faults: float = 0.06) -> World:
    return World(exchange, seed, faults).play()


class TestEverySchedule:
    @pytest.mark.parametrize("faults", [0.02, 0.15])
    def test_sends_a_code_once_and_never_works_with_a_revoked_token(
        self, faults: float
    ) -> None:
        for seed in SEEDS:
            world = played(seed, faults)

            assert 1 >= world.provider.exchanges, f"seed {seed}"
            assert not world.is_broken, f"seed {seed}"

    def test_ends_connected_or_with_a_cause(self) -> None:
        for seed in range(500):
            world = played(seed)

            assert bool(world.active) or bool(world.cause), f"seed {seed}"

    def test_is_repeatable(self) -> None:
        first, second = played(42), played(42)

        assert (first.active, first.cause, first.epoch) == (
            second.active,
            second.cause,
            second.epoch,
        )


class TestTheSimulation:
    def test_connects_where_nothing_fails_but_a_rare_refusal(self) -> None:
        worlds = [played(seed, 0.0) for seed in range(200)]

        assert {"", "provider_error"} == {world.cause for world in worlds}
        assert 180 < sum(bool(world.active) for world in worlds)

    def test_reaches_every_kind_of_end(self) -> None:
        """Else the invariants would hold for want of trouble."""
        worlds = [played(seed, 0.1) for seed in range(500)]

        assert {"", "exchange_unknown", "provider_error"} <= {world.cause for world in worlds}
        assert any(world.epoch > 2 and world.active for world in worlds)
        assert any(world.provider.revoked for world in worlds)

    def test_sees_the_fault_of_a_plain_retry(self) -> None:
        """The negative control: the same world, a job that is simply run again."""
        worlds = [World(naive, seed, 0.06).play() for seed in range(500)]

        assert 1 < max(world.provider.exchanges for world in worlds)
        assert any(world.is_broken for world in worlds)
