"""
Long versions run by `make chaos` alone; what they draw from chance is printed, so that it can be drawn again.

A plugin of `tests/conftest.py`, because a conftest further down is not read before the header is written.
"""

from __future__ import annotations

import os
import random
import time

import pytest

from tests.chaos.numbers import COUNTED

SEED = int(os.environ.get("CHAOS_SEED") or time.time_ns() % 10**9)
os.environ["CHAOS_SEED"] = str(SEED)  # for the processes of pytest-xdist


def pytest_report_header(config: pytest.Config) -> str | None:
    return f"chaos: CHAOS_SEED={SEED}" if _is_wanted(config) else None


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Leave the long versions out, unless they were asked for."""
    if _is_wanted(config):
        return
    long = [one for one in items if one.get_closest_marker("chaos")]
    items[:] = [one for one in items if one not in set(long)]
    config.hook.pytest_deselected(items=long)


def pytest_terminal_summary(
    terminalreporter: pytest.TerminalReporter, config: pytest.Config
) -> None:
    """Say what was counted."""
    if COUNTED and _is_wanted(config):
        terminalreporter.section(f"counted with CHAOS_SEED={SEED}")
        for line in COUNTED:
            terminalreporter.write_line(line)


def _is_wanted(config: pytest.Config) -> bool:
    return "chaos" in config.getoption("markexpr")


@pytest.fixture(scope="session")
def seed() -> int:
    """Where chance begins in a long version."""
    return SEED


@pytest.fixture
def chance(request: pytest.FixtureRequest, seed: int) -> random.Random:
    """What a drill draws from: by the seed in a long version, and always the same in a short one."""
    first = seed if request.node.get_closest_marker("chaos") else 0
    return random.Random(f"{first} {request.node.name}")
