"""`--help` of every command has an example that the command takes, and `--json` where it prints."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator

import pytest
import typer.main
from click import Command, Context
from typer.testing import CliRunner

from services.cli.main import app

ROOT = typer.main.get_command(app)
_EXAMPLE = re.compile(r"waypost [a-z][^·|<>\n]*")


def commands(command: Command, *path: str) -> Iterator[tuple[tuple[str, ...], Command]]:
    below = getattr(command, "commands", None)
    if below is None:
        yield path, command
        return
    for name, one in below.items():
        yield from commands(one, *path, name)


ALL = dict(commands(ROOT))
LOGGERS = {("ingress",), ("api",), ("worker",), ("dev",)}  # these log as they go


@pytest.fixture(autouse=True)
def folders(tmp_path, monkeypatch):
    """The files that examples name."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "acme").mkdir()


@pytest.mark.parametrize("path", ALL, ids=" ".join)
class TestHelp:
    def test_is_there(self, path):
        ended = CliRunner().invoke(app, [*path, "--help"])
        assert 0 == ended.exit_code
        assert "xample" in ended.output

    def test_has_an_example_of_this_very_command_that_it_takes(self, path):
        text = (ALL[path].help or "").partition("xample")[2]
        examples = [shlex.split(one.strip().rstrip("`.")) for one in _EXAMPLE.findall(text)]
        assert examples
        for words in examples:
            assert list(path) == words[1 : len(path) + 1]
            context = ALL[path].make_context(path[-1], words[len(path) + 1 :], Context(ROOT))
            assert not context.args

    def test_offers_json_where_the_command_prints(self, path):
        options = {name for one in ALL[path].params for name in one.opts}
        assert (path not in LOGGERS) == ("--json" in options)
