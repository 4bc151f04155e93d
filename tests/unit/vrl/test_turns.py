"""Which of the idle workers gets a job."""

from __future__ import annotations

from typing import Any

import pytest

from shared.vrl.turns import Turns


class Idle:
    """A worker that does nothing; it holds these programs."""

    def __init__(self, name: str, *programs: str) -> None:
        self.name, self.holds = name, set(programs)


@pytest.mark.parametrize(
    ("key", "first"),
    [("a", "second"), ("b", "first"), ("c", "third")],
    ids=["the last of those that hold it", "the only one", "the last where none does"],
)
async def test_a_script_gets_a_worker_that_holds_it_and_was_at_work_a_moment_ago(
    key: str, first: str
) -> None:
    turns = Turns()
    given: list[Any] = [Idle("first", "a", "b"), Idle("second", "a"), Idle("third")]
    for one in given:
        turns.give(one)
    taken: list[Any] = [await turns.take(key) for _ in given]

    assert first == taken[0].name
    assert {"first", "second", "third"} == {one.name for one in taken}
