"""Each script gets what it uses of what scripts share, and nothing else."""

from __future__ import annotations

import re

import pytest

from shared.storage.connection import Store
from shared.storage.scripts import names, source

_BESIDE = re.compile(r"--.*|'[^']*'|\.\w+")  # comments, texts and members
_MADE = re.compile(r"^ *local (?:function )?(\w+(?:, \w+)*)", re.MULTILINE)


def code_of(script: str) -> str:
    """Its text, without what is no name."""
    return _BESIDE.sub("", source(script))


def made_in(code: str) -> list[str]:
    """The names that it makes local, in order."""
    return [name for found in _MADE.findall(code) for name in found.split(", ")]


_ANYWHERE = {name for script in names() for name in made_in(code_of(script))}


def missing_in(code: str) -> list[str]:
    """What it calls that other scripts make, and it does not."""
    called = set(re.findall(r"\b(\w+)\(", code))
    return sorted(called & _ANYWHERE - set(made_in(code)) - {"function"})


@pytest.mark.parametrize("script", names())
async def test_the_server_understands_it(store: Store, script: str) -> None:
    assert await store.redis.script_load(source(script))


@pytest.mark.parametrize("script", names())
def test_what_it_calls_is_there(script: str) -> None:
    """A function that is missing would be found out only by the first record that needs it."""
    assert [] == missing_in(code_of(script))


def test_a_function_that_is_missing_is_seen() -> None:
    """The control."""
    code = code_of("route")

    assert ["park"] == missing_in(code.replace("local function park(", "--"))


def test_what_is_seldom_needed_is_made_inside_the_function_that_needs_it() -> None:
    always, _, seldom = source("settle").partition("local function made_seldom()")

    assert "local function moving(" in always
    assert "local function put_behind(" in seldom
    assert "local function put_behind(" not in always
    assert "put_behind" not in source("accept")
