"""`waypost backup` beside a running `waypost up`, and `waypost restore` into another folder."""

from __future__ import annotations

from pathlib import Path

import pytest

from shared.config import Settings
from tests.journeys.cli_builders import Shell

ANY_PORTS = ("--ingress-bind", "127.0.0.1:0", "--api-bind", "127.0.0.1:0")


@pytest.fixture
def shell(tmp_path) -> Shell:
    return Shell(tmp_path)


def ring_of(data: Path) -> bytes:
    return Settings.from_env({"WAYPOST_DATA_DIR": str(data)}).key_ring_file.read_bytes()


@pytest.mark.timeout(120)
def test_what_a_running_system_knew_is_there_again_with_its_keys(shell, tmp_path):
    one, two, copy = (str(tmp_path / name) for name in ("one", "two", "copy"))
    up = shell.start("up", *ANY_PORTS, "--data-dir", one)
    up.until_it_says("Waypost is up.")
    put = shell("bots", "put", "shop", WAYPOST_DATA_DIR=one)
    made = shell("backup", copy, "--with-keys", "--json", WAYPOST_DATA_DIR=one)
    again = shell("backup", copy, WAYPOST_DATA_DIR=one)
    beside = shell("restore", copy, WAYPOST_DATA_DIR=one)
    assert 0 == up.stop()
    put_back = shell("restore", copy, "--data-dir", two)
    up = shell.start("up", *ANY_PORTS, "--data-dir", two)
    up.until_it_says("Waypost is up.")
    bots = shell("bots", "ls", "--json", WAYPOST_DATA_DIR=two)
    assert 0 == up.stop()

    assert (0, 0, 0) == (put.code, made.code, put_back.code), (made, put_back)
    assert ["keys.json", "sealing.key", "sealing.pub"] == made.json["keys"]
    assert (1, True) == (again.code, f"{copy} exists already\n  fix: " in again.err)
    assert (1, True) == (beside.code, f"runs in {one}" in beside.err)
    assert "Next: waypost up" in put_back.out
    assert "shop" in bots.out
    rings = {ring_of(tmp_path / name) for name in ("one", "two")}
    assert {(tmp_path / "copy/keys/keys.json").read_bytes()} == rings
