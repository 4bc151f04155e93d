"""`waypost demo` as a process: it proves that all arrived, stands beside another one, and cleans up."""

from __future__ import annotations

import os
import shlex
import signal
import sys
from pathlib import Path

import pytest

from services.cli.demo.run import Manner, demo
from services.simulator import Simulator
from tests.journeys.cli_builders import Shell, Started, processes_of

PROOF = "49 sent, each arrived once, at the right bot and nowhere else; the forged one arrived nowhere"


@pytest.fixture
def shell(tmp_path) -> Shell:
    return Shell(tmp_path, TMPDIR=str(tmp_path), COLUMNS="300")


def folders(tmp_path: Path) -> list[Path]:
    return list(tmp_path.glob("waypost-demo-*/"))


def typed(shell: Shell, line: str, **environ: str):
    """Run a command line that the demo printed, from the word behind `waypost` on."""
    words = shlex.split(line)
    assert [sys.executable, "-m", "services.cli.main"] == words[:3]
    return shell(*words[3:], **environ)


class TestLookingAround:
    """One demo that stays up, and another one beside it."""

    def test_all_of_it(self, shell, tmp_path):
        up = shell.start("demo")
        up.until_it_says("Ctrl-C ends the demo")
        self.shows_what_happened(up)
        self.prints_commands_that_work(up, shell)
        self.leaves_room_for_another(shell, tmp_path)
        assert 0 == up.stop(signal.SIGINT)
        assert "Traceback" not in up.said
        assert [] == folders(tmp_path)
        if sys.platform == "linux":
            assert [] == [one for one in processes_of(tmp_path) if "waypost-demo-" in one]

    def shows_what_happened(self, up: Started):
        assert PROOF in up.said
        assert (
            "It is verified and parked: no installation of linear has the identifier" in up.said
        )
        assert (
            "It was ignored, nothing was parked and nothing delivered: signature refused"
            in up.said
        )

    def prints_commands_that_work(self, up: Started, shell: Shell):
        lines = [line.strip() for line in up.said.splitlines()]
        folder = next(line for line in lines if line.startswith("export WAYPOST_DATA_DIR="))
        data = shlex.split(folder)[1].partition("=")[2]
        commands = [line for line in lines if line.startswith(shlex.quote(sys.executable))]
        said = {line: typed(shell, line, WAYPOST_DATA_DIR=data) for line in commands}
        assert 5 == len(said)
        assert {0} == {ended.code for ended in said.values()}
        explained = next(ended for line, ended in said.items() if "explain" in line)
        assert "signature refused" in explained.out

    def leaves_room_for_another(self, shell: Shell, tmp_path: Path):
        ended = shell("demo", "--once", "--json")
        assert 0 == ended.code, ended
        assert PROOF in ended.err
        assert (True, PROOF) == (ended.json["right"], ended.json["sentence"])
        assert [6] * 8 + [1] == [row["arrived"] for row in ended.json["rows"]]
        assert {0} == {row["atTheOtherBot"] for row in ended.json["rows"]}
        assert 1 == len(folders(tmp_path))


class TestOtherIntegrations:
    def test_each_can_be_tried_by_its_name(self, shell):
        """One of each sort, from a signed callback to an own address without OAuth."""
        # an input and a signed callback; published keys; subscriptions in batches; a host that
        # the callback names; a page with a token of its own; typed in, to its own address
        names = ("shopify", "gmail", "microsoft-graph", "zoho", "messenger", "twilio")
        ended = shell("demo", "--once", "--json", *(f"--only={name}" for name in names))
        assert 0 == ended.code, ended
        assert {*names} == {row["integration"] for row in ended.json["rows"]}
        assert [6] * 12 == [row["arrived"] for row in ended.json["rows"]]
        assert {0} == {row["atTheOtherBot"] for row in ended.json["rows"]}

    def test_a_name_that_is_none_is_told_with_the_nearest(self, shell):
        ended = shell("demo", "--once", "--only", "hubspt")
        assert 0 != ended.code
        assert "hubspot" in ended.err


class TestSomethingMissing:
    async def test_is_told_and_ends_in_1(self, capfd, monkeypatch, tmp_path):
        """A provider that refuses every token: its two bots cannot be connected, the others work."""
        monkeypatch.setenv("COLUMNS", "300")
        simulator = Simulator()
        simulator.fault("notion", "v1/oauth/token", "answer", status=400, body="{}", times=None)
        assert 1 == await demo(simulator, {"PATH": os.environ["PATH"]}, Manner(once=True))
        said = capfd.readouterr().out
        assert "notion of Acme on bot support: pending; the page said: " in said
        assert "49 sent: 12 missing, 0 doubled or astray, 0 refused." in said
        assert "queue ls --state dead,parked,ignored" in said
        assert "linear of Initech on bot support: connected" in said


class TestBeingStopped:
    def test_early_removes_its_data_too(self, shell, tmp_path):
        up = shell.start("demo", "--once")
        up.until(lambda: list(tmp_path.glob("waypost-demo-*/valkey")))
        assert 130 == up.stop()
        assert [] == folders(tmp_path)
        assert "Traceback" not in up.said
