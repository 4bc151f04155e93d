"""What the documents say is there: pages, files, commands, settings."""

from __future__ import annotations

import importlib
import re
import shlex
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import typer

from services.cli.main import app
from shared.config import environment_table

ROOT = Path(__file__).resolve().parent.parent
DOCS = ROOT / "docs"
PAGES = (*ROOT.glob("*.md"), *DOCS.rglob("*.md"), *(ROOT / "examples").rglob("*.md"))
TARGETS = re.findall(r"^([a-z]+):.*## ", (ROOT / "Makefile").read_text(), re.MULTILINE)
COMMAND = typer.main.get_command(app)
PACKAGES = ("services", "workers", "shared")
every_page = pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)


def is_there(place: str) -> bool:
    """Whether a file, a folder or a module of that name is there; packages are looked up where they are installed."""
    package, _, rest = place.partition("/")
    home = (
        Path(importlib.import_module(package).__path__[0])
        if package in PACKAGES
        else ROOT / package
    )
    return any((home / one).exists() for one in (rest, f"{rest}.py"))


def typed_in(text: str, program: str) -> Iterator[list[str]]:
    """The words behind *program*, in each command of a page: in a line of a block, or between backquotes."""
    blocks = re.findall(r"```sh\n(.*?)```", text, re.DOTALL)
    lines = [line.partition(" #")[0] for block in blocks for line in block.splitlines()]
    for one in (*lines, *re.findall(r"`([^`\n]+)`", text)):
        if found := re.match(rf"(?:[A-Z_]+=\S+ )*{program} (.*)", one.strip()):
            yield found[1].split()


def is_a_command(words: list[str]) -> bool:
    """Whether `waypost` has a command of the words that come before options and arguments."""
    group: Any = COMMAND
    for word in words:
        if not hasattr(group, "commands") or not re.fullmatch("[a-z]+", word):
            break
        if word not in group.commands:
            return False
        group = group.commands[word]
    return group is not COMMAND or words[0].startswith("-")


@every_page
def test_what_a_page_links_to_is_there(page: Path) -> None:
    """Relative links only."""
    links = re.findall(r"\]\(([^)#:]+)(?:#[^)]*)?\)", page.read_text())
    places = [(page.parent / link).resolve().relative_to(ROOT) for link in links]

    assert [] == [place for place in places if not is_there(str(place))]


@every_page
def test_what_a_page_names_is_there(page: Path) -> None:
    """Files and folders between backquotes; those with a NAME in them are for the reader to fill."""
    named = re.findall(
        r"`((?:services|workers|shared|tests|bench|docs|examples)/[\w./-]*)`", page.read_text()
    )

    assert [] == [one for one in named if "NAME" not in one and not is_there(one.rstrip("/"))]


@every_page
def test_what_a_page_tells_to_type_is_a_command(page: Path) -> None:
    text = page.read_text()

    assert [] == [words for words in typed_in(text, "make") if {words[0]} - {*TARGETS}]
    assert [] == [
        shlex.join(words) for words in typed_in(text, "waypost") if not is_a_command(words)
    ]


def test_commands_are_told_from_what_is_none() -> None:
    said = "```sh\nmake nothing  # no target\nWAYPOST_LOG=debug waypost queue burn\n```\nand `waypost bots put NAME`\n"

    assert [["nothing"]] == list(typed_in(said, "make"))
    assert [["queue", "burn"], ["bots", "put", "NAME"]] == list(typed_in(said, "waypost"))
    assert [False, True, False] == [
        is_a_command(words) for words in (["queue", "burn"], ["bots", "put", "NAME"], ["dance"])
    ]


def test_the_index_names_every_page() -> None:
    index = (DOCS / "README.md").read_text()
    pages = [page.relative_to(DOCS).as_posix() for page in DOCS.rglob("*.md")]

    assert [] == [one for one in pages if one != "README.md" and f"]({one})" not in index]


def test_the_readme_tells_of_every_variable() -> None:
    """Paste the output of `shared.config.environment_table` into the README."""
    assert environment_table().strip() in (ROOT / "README.md").read_text()
