"""A listener holds as many connections as its process may hold files."""

from __future__ import annotations

import subprocess
import sys

import pytest

from tests.journeys.system import ROOT

ASKED = """
import resource
resource.setrlimit(resource.RLIMIT_NOFILE, ({soft}, {hard}))
from services.openfiles import room_for
print(room_for(2000), resource.getrlimit(resource.RLIMIT_NOFILE)[0])
"""


@pytest.mark.parametrize(
    ("soft", "hard", "room"),
    [(200, 3000, "2000 2256"), (200, 1000, "744 1000"), (3000, 3000, "2000 3000"), (100, 200, "1 200")],
)  # fmt: skip
def test_the_soft_limit_is_raised_as_far_as_needed_and_allowed(
    soft: int, hard: int, room: str
) -> None:
    command = [sys.executable, "-c", ASKED.format(soft=soft, hard=hard)]
    said = subprocess.run(command, cwd=ROOT, capture_output=True, check=True, text=True)

    assert room == said.stdout.strip()
