"""What makes a program quicker without changing what it does."""

from __future__ import annotations

import gc
import weakref

import pytest

from shared.fastloop import YOUNG, leave_what_is_there


class Knot:
    """Refers to itself, so that only the collector frees it."""

    def __init__(self) -> None:
        self.itself = self


@pytest.fixture
def collector():
    """The collector as it was."""
    threshold = gc.get_threshold()
    yield
    gc.unfreeze()
    gc.set_threshold(*threshold)


@pytest.mark.usefixtures("collector")
def test_what_is_there_is_left_alone_and_what_comes_later_is_collected() -> None:
    before = Knot()
    leave_what_is_there()
    later = Knot()
    old, young = weakref.ref(before), weakref.ref(later)
    del before, later
    gc.collect()

    assert YOUNG == gc.get_threshold()[0]
    assert old() is not None
    assert young() is None
