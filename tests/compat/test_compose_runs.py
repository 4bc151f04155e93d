"""What compose.yaml runs, without an engine: the one-shot keys, and an ingress that has their public half alone."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from urllib.request import ProxyHandler, build_opener

import pytest

from tests.compat.test_compose import SERVICES
from tests.journeys.cli_builders import Shell
from tests.journeys.system import free_port


class Volumes:
    """The named volumes as folders, and the commands of the file with their places in it."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.keys, self.public, commands = folder / "keys", folder / "public", folder / "bin"
        for one in (self.keys, self.public, commands):
            one.mkdir()
        waypost = commands / "waypost"
        waypost.write_text(f'#!/bin/sh\nexec {sys.executable} -m services.cli.main "$@"\n')
        waypost.chmod(0o755)
        (commands / "python").symlink_to(sys.executable)
        self.path = f"{commands}:{os.environ['PATH']}"

    def here(self, text: str) -> str:
        """*text* with the places of the containers replaced by ours."""
        return re.sub(r"(?<!\w)/(keys|public)\b", rf"{self.folder}/\1", text)

    def environ(self, service: str) -> dict[str, str]:
        """The environment of a service, and nothing else."""
        given = SERVICES[service]["environment"]
        return {name: self.here(value) for name, value in given.items()}

    def make_keys(self) -> None:
        """The service `keys`."""
        entry, [script] = SERVICES["keys"]["entrypoint"], SERVICES["keys"]["command"]
        subprocess.run(
            [*entry, self.here(script).replace("$$", "$")],
            env={"PATH": self.path, "HOME": str(self.folder), **self.environ("keys")},
            check=True, capture_output=True,
        )  # fmt: skip

    def held(self) -> dict[str, bytes]:
        """All files of both volumes."""
        files = [*self.keys.iterdir(), *self.public.iterdir()]
        return {str(one.relative_to(self.folder)): one.read_bytes() for one in files}


@pytest.fixture
def volumes(tmp_path: Path) -> Volumes:
    made = Volumes(tmp_path)
    made.make_keys()
    return made


def test_the_keys_are_made_once_and_for_their_owner_only(volumes: Volumes) -> None:
    first = volumes.held()
    volumes.make_keys()
    modes = {name: (volumes.folder / name).stat().st_mode & 0o777 for name in first}

    assert first == volumes.held()
    assert {
        "keys/keys.json", "keys/sealing.key", "keys/sealing.pub", "keys/admin-token",
        "public/sealing.pub",
    } == set(first)  # fmt: skip
    assert {0o600} == {mode for name, mode in modes.items() if "pub" not in name}


@pytest.fixture
def ingress(volumes: Volumes, valkey, tmp_path: Path) -> Iterator[str]:
    """The service `ingress` with its own environment, in which no key and no token is."""
    environ = volumes.environ("ingress")
    origin = f"http://127.0.0.1:{free_port()}"
    own = {
        "WAYPOST_REDIS_URL": valkey.url,
        "WAYPOST_INGRESS_BIND": origin.removeprefix("http://"),
        "WAYPOST_PUBLIC_URL": origin,
    }
    plain = {name: value for name, value in environ.items() if "$" not in value}
    program = Shell(tmp_path, **(plain | own)).start(*SERVICES["ingress"]["command"])
    program.until_it_says('"ingress.started"')
    yield origin
    assert 0 == program.stop(), program.said


def test_the_ingress_starts_with_a_public_key_and_no_secret(ingress: str) -> None:
    with build_opener(ProxyHandler({})).open(f"{ingress}/ready", timeout=5) as answer:
        assert b"ready" == answer.read()
