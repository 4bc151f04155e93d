"""Fail-points kill exactly where and when they are told to."""

from __future__ import annotations

import signal
import subprocess
import sys
from pathlib import Path

import pytest

from shared.errors import SetupFailed
from shared.failpoints import POINTS, FailPoints

PROGRAM = """
import sys
from shared.failpoints import FailPoints

points = FailPoints(sys.argv[1])
for turn in range(3):
    print(turn, flush=True)
    points.reach("exchange.intent")
    points.reach("exchange.sent")
"""


@pytest.mark.parametrize(
    ("spec", "turns"),
    [("exchange.sent", 1), ("exchange.sent@2", 2), ("settle.done, exchange.intent@3", 3)],
)
def test_the_process_dies_at_the_wanted_time(spec: str, turns: int) -> None:
    ended = subprocess.run(
        [sys.executable, "-c", PROGRAM, spec], capture_output=True, check=False, cwd=Path.cwd()
    )

    assert -signal.SIGKILL == ended.returncode
    assert turns == len(ended.stdout.splitlines())


def test_without_a_spec_nothing_happens() -> None:
    points = FailPoints("")
    for name in POINTS:
        points.reach(name)


@pytest.mark.parametrize(
    "spec", ["nowhere", "exchange.sent@0", "exchange.sent@x", "exchange.sent@-1", "@2"]
)
def test_a_spec_that_cannot_be_meant_is_refused_with_what_can_be(spec: str) -> None:
    with pytest.raises(SetupFailed) as refused:
        FailPoints(spec)
    assert "exchange.sent" in refused.value.fix
