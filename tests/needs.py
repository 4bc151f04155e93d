"""
Tests that need a program of the system: left out where it is missing, and named at the end.

Mark a test with ``@pytest.mark.needs("chromium")``. With WAYPOST_REQUIRE_ALL=1, as in CI, a missing program fails it.
"""

from __future__ import annotations

import os
import shutil
from collections import Counter

import pytest
from msgspec import Struct


class Tool(Struct, frozen=True):
    """A program by its names, and the command that brings it."""

    names: tuple[str, ...]
    fix: str

    def path(self) -> str | None:
        """Where it is, by the first name that is found."""
        return next(filter(None, map(shutil.which, self.names)), None)


TOOLS = {
    "chromium": Tool(
        ("chromium", "chromium-browser", "google-chrome"), "apt-get install -y chromium"
    ),
    "gcc": Tool(("gcc",), "apt-get install -y gcc libc6-dev"),
    "git": Tool(("git",), "apt-get install -y git"),
    "node": Tool(("node",), "apt-get install -y nodejs npm"),
    "npm": Tool(("npm",), "apt-get install -y nodejs npm"),
    "openssl": Tool(("openssl",), "apt-get install -y openssl"),
    "redis-server": Tool(("redis-server",), "apt-get install -y redis-server"),
}

REASON = "needs "


def path_of(name: str) -> str:
    """The path of a tool that a test is marked to need."""
    found = TOOLS[name].path()
    assert found, f"mark this test with needs({name!r})"
    return found


def missing(item: pytest.Item) -> list[str]:
    """The tools that *item* is marked to need and that are not here."""
    wanted = (name for mark in item.iter_markers("needs") for name in mark.args)
    return [name for name in wanted if TOOLS[name].path() is None]


def pytest_configure(config: pytest.Config) -> None:
    """Make the mark known."""
    config.addinivalue_line("markers", "needs(*tools): left out where one is missing")


@pytest.hookimpl(tryfirst=True)
def pytest_runtest_setup(item: pytest.Item) -> None:
    """Leave the test out, or fail it where nothing may be left out."""
    if not (names := missing(item)):
        return
    if os.environ.get("WAYPOST_REQUIRE_ALL"):
        fixes = ", ".join(TOOLS[name].fix for name in names)
        pytest.fail(f"{REASON}{' '.join(names)} (fix: {fixes})", pytrace=False)
    pytest.skip(REASON + " ".join(names))


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Say what was left out and which command brings it in."""
    left_out = Counter(_reasons(terminalreporter))
    if not left_out:
        return
    terminalreporter.section("left out")
    for names, count in sorted(left_out.items()):
        fixes = {TOOLS[name].fix for name in names.split()}
        terminalreporter.line(
            f"{count} without {names}; to run them: {' && '.join(sorted(fixes))}"
        )


def _reasons(terminalreporter: pytest.TerminalReporter) -> list[str]:
    marker = f"Skipped: {REASON}"
    longs = [report.longrepr for report in terminalreporter.stats.get("skipped", [])]
    reasons = [str(long[2]) for long in longs if isinstance(long, tuple)]
    return [reason.removeprefix(marker) for reason in reasons if reason.startswith(marker)]
