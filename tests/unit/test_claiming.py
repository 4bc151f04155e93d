"""When a worker claims, and how much."""

from __future__ import annotations

import pytest

from workers.claiming import BATCH, DISTANCE, GROUP, MOMENT, Claiming

SLOTS = 100


@pytest.fixture
def claiming() -> Claiming:
    """Of a worker that has just been told that there is nothing."""
    return told_of(Claiming(SLOTS), found=0, pause=None)


def told_of(
    claiming: Claiming, *, found: int, pause: float | None, now: float = 0.0, held: int = 0
) -> Claiming:
    """One claim, answered."""
    alone = claiming.is_alone(held)
    limit = claiming.begin(now, held, held)
    claiming.answered(limit, found, pause, now, alone=alone)
    for _ in range(found):
        claiming.started()
    return claiming


def test_it_begins_without_being_told() -> None:
    assert 0 == Claiming(SLOTS).wait(0.0, 0, 0)


class TestAQueueThatIsEmpty:
    def test_is_asked_after_news(self, claiming: Claiming) -> None:
        before = claiming.wait(1.0, 0, 0)
        claiming.wake()

        assert before is not None
        assert before > 0
        assert 0 == claiming.wait(1.0, 0, 0)

    def test_is_asked_when_something_is_due(self) -> None:
        claiming = told_of(Claiming(SLOTS), found=0, pause=3.0)

        assert 2.0 == claiming.wait(1.0, 0, 0)
        assert 0 == claiming.wait(3.0, 0, 0)

    def test_is_asked_once_when_something_is_due(self) -> None:
        claiming = told_of(Claiming(SLOTS), found=0, pause=3.0)
        limit = claiming.begin(3.0, 0, 0)
        meanwhile = claiming.wait(3.0, 0, 0)
        claiming.answered(limit, 0, 1.0, 3.5, alone=True)

        assert meanwhile != 0
        assert 1.0 == claiming.wait(3.5, 0, 0)

    def test_is_not_asked_because_a_job_ends(self) -> None:
        claiming = told_of(Claiming(SLOTS), found=1, pause=None)

        assert claiming.wait(1.0, 1, 1) == claiming.wait(1.0, 0, 0) != 0

    def test_is_asked_for_several_that_come_shortly_after_each_other(
        self, claiming: Claiming
    ) -> None:
        claiming.wake()

        assert pytest.approx(DISTANCE / 2) == claiming.wait(DISTANCE / 2, 0, 0)

    def test_is_asked_once_at_a_time(self, claiming: Claiming) -> None:
        claiming.wake()
        claiming.begin(1.0, 0, 0)
        claiming.wake()

        assert claiming.wait(2.0, 0, 0) is None

    def test_is_asked_again_by_who_has_nothing_in_hand_any_more(
        self, claiming: Claiming
    ) -> None:
        """What stopped its workers is tried alone."""
        told_of(claiming, found=0, pause=2.0, held=1)

        assert claiming.wait(1.0, 1, 1) == 1.0
        assert 0 == claiming.wait(1.0, 0, 0)

    def test_is_asked_again_by_who_had_something_in_hand_when_it_asked(
        self, claiming: Claiming
    ) -> None:
        """And let go of it before the answer came."""
        limit = claiming.begin(1.0, 1, 1)
        claiming.answered(limit, 0, 2.0, 1.0, alone=False)

        assert 0 == claiming.wait(1.5, 0, 0)

    def test_is_not_asked_again_by_who_had_nothing_in_hand(self, claiming: Claiming) -> None:
        told_of(claiming, found=0, pause=2.0)

        assert 1.0 == claiming.wait(1.0, 0, 0)

    def test_gives_to_who_has_nothing_in_hand_only_what_nothing_else_goes_with(
        self, claiming: Claiming
    ) -> None:
        alone = claiming.is_alone(0)
        limit = claiming.begin(1.0, 0, 0)
        while_asking = claiming.is_alone(0)
        claiming.answered(limit, 1, None, 1.0, alone=alone)
        before_it_is_started = claiming.is_alone(0)
        claiming.started()

        assert alone
        assert not while_asking
        assert not before_it_is_started
        assert claiming.is_alone(0)
        assert not claiming.is_alone(1)


class TestAQueueWithPlenty:
    @pytest.fixture
    def claiming(self) -> Claiming:
        return told_of(Claiming(SLOTS), found=BATCH, pause=0)

    def test_is_asked_at_once_for_the_other_slots(self, claiming: Claiming) -> None:
        assert 0 == claiming.wait(0.0, BATCH, BATCH)
        assert SLOTS - BATCH == claiming.begin(0.0, BATCH, BATCH)

    def test_is_asked_again_while_it_is_being_asked(self, claiming: Claiming) -> None:
        claiming.begin(0.0, BATCH, BATCH)

        assert claiming.wait(0.0, BATCH, BATCH) is None
        assert 0 == claiming.wait(0.0, BATCH - GROUP, BATCH)
        assert GROUP == claiming.begin(0.0, BATCH - GROUP, BATCH)

    def test_is_asked_for_more_than_a_few(self, claiming: Claiming) -> None:
        free = 3
        first = claiming.wait(1.0, SLOTS - free, SLOTS)

        assert pytest.approx(MOMENT) == first
        assert pytest.approx(0) == claiming.wait(1.0 + MOMENT, SLOTS - free, SLOTS)
        assert 0 == claiming.wait(1.0, SLOTS - GROUP, SLOTS)

    def test_is_left_alone_while_the_store_does_not_write_how_others_ended(
        self, claiming: Claiming
    ) -> None:
        assert claiming.wait(0.0, 0, 2 * SLOTS) is None


class TestAStoreThatIsAway:
    def test_is_asked_again_less_and_less_often(self, claiming: Claiming) -> None:
        waits = []
        for _ in range(6):
            claiming.failed(claiming.begin(5.0, 0, 0), 5.0)
            waits.append(claiming.wait(5.0, 0, 0))

        assert [0.2, 0.4, 0.8, 1.6, 3.0, 3.0] == pytest.approx(waits)

    def test_is_asked_at_once_when_it_says_something(self, claiming: Claiming) -> None:
        claiming.failed(claiming.begin(5.0, 0, 0), 5.0)
        claiming.wake()

        assert 0 == claiming.wait(5.1, 0, 0)

    def test_takes_no_slots(self, claiming: Claiming) -> None:
        claiming.failed(claiming.begin(5.0, 0, 0), 5.0)

        assert SLOTS == claiming.free(0, 0)
        assert not claiming.is_idle()
