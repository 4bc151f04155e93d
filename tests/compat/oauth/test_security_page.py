"""docs/security.md: every rule is there once, and the tests that it names exist."""

from __future__ import annotations

import ast
import re
from pathlib import Path

import pytest

TESTS = Path(__file__).parents[2]
PAGE = (TESTS.parent / "docs" / "security.md").read_text()
ROWS = re.findall(r"^\| (\d+) \|.*\| (.+) \|$", PAGE, re.MULTILINE)
NAMED = sorted({name for _, shown in ROWS for name in re.findall(r"`([^`]+)`", shown)})


def names_in(file: Path) -> set[str]:
    """All tests of a file, as the page writes them: `Class`, `Class::test`, `test`."""
    found = set()
    for node in ast.parse(file.read_text()).body:
        if isinstance(node, ast.ClassDef):
            inner = {
                one.name
                for one in node.body
                if isinstance(one, ast.FunctionDef | ast.AsyncFunctionDef)
            }
            found |= {node.name, *(f"{node.name}::{name}" for name in inner)}
        elif isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            found.add(node.name)
    return found


def test_the_rules_are_there_in_order() -> None:
    assert [str(number) for number in range(1, 34)] == [number for number, _ in ROWS]


def test_each_rule_names_a_test() -> None:
    assert [] == [number for number, shown in ROWS if "::" not in shown]


@pytest.mark.parametrize("name", NAMED)
def test_a_test_that_it_names_exists(name: str) -> None:
    stem, _, test = name.partition("::")

    assert test in names_in(TESTS / f"{stem}.py")
