"""A run of the long versions says by which seed it can be repeated, at its beginning and at its end."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.long import SEED, pytest_terminal_summary

ROOT = Path(__file__).resolve().parent.parent.parent


def header(*words: str) -> str:
    """What a run of nothing says first."""
    run = subprocess.run(
        [sys.executable, "-m", "pytest", *words, "--collect-only", "--ignore-glob=*/test_*"],
        cwd=ROOT, env={**os.environ, "CHAOS_SEED": "20261125"}, capture_output=True, text=True,
        check=False,
    )  # fmt: skip
    assert run.returncode == pytest.ExitCode.NO_TESTS_COLLECTED, run.stdout + run.stderr
    return run.stdout


def test_the_seed_is_in_the_header_though_no_folder_is_named() -> None:
    assert "chaos: CHAOS_SEED=20261125" in header("-m", "chaos").splitlines()
    assert "CHAOS_SEED" not in header()


class Terminal:
    """Keeps what is written."""

    def __init__(self) -> None:
        self.lines: list[str] = []

    def section(self, title: str) -> None:
        self.lines.append(title)

    def write_line(self, line: str) -> None:
        self.lines.append(line)


class Asked:
    """The options of `make chaos`."""

    def getoption(self, name: str) -> str:
        return {"markexpr": "chaos"}[name]


def test_the_seed_stands_above_the_counts(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tests.long.COUNTED", ["R4: cuts 20"])
    terminal = Terminal()
    pytest_terminal_summary(terminal, Asked())  # type: ignore[arg-type]

    assert [f"counted with CHAOS_SEED={SEED}", "R4: cuts 20"] == terminal.lines
