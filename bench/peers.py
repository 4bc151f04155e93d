"""What Waypost is measured against, installed by name and version into `.bench`, never into a user's environment."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

from bench.programs import CACHE, HERE

LOCK = HERE / "requirements.lock"
PACKAGES = HERE / "package.json"
VENV, NODE = CACHE / "venv", CACHE / "node"


def python_of_peers() -> str | None:
    """The Python that has saq and streaq; None where they cannot be installed."""
    if not _is_fresh(VENV / "stamp", LOCK):
        print("  installing saq and streaq …", file=sys.stderr)
        pip = [str(VENV / "bin/python"), "-m", "pip", "-qq", "--disable-pip-version-check"]
        if not _ran([sys.executable, "-m", "venv", str(VENV)]) or not _ran([
            *pip, "install", "--require-hashes", "-r", str(LOCK),
        ]):  # fmt: skip
            return None
        (VENV / "stamp").touch()
    return str(VENV / "bin/python")


def node_of_peers() -> Path | None:
    """The folder that has fastify and bullmq; None without Node or npm."""
    if not shutil.which("node") or not shutil.which("npm"):
        return None
    if not _is_fresh(NODE / "stamp", PACKAGES):
        print("  installing fastify and bullmq …", file=sys.stderr)
        NODE.mkdir(parents=True, exist_ok=True)
        shutil.copy(PACKAGES, NODE / "package.json")
        if not _ran([
            "npm", "install", "--no-audit", "--no-fund", "--no-package-lock", "--silent",
            "--prefix", str(NODE),
        ]):  # fmt: skip
            return None
        (NODE / "stamp").touch()
    return NODE


def _is_fresh(stamp: Path, source: Path) -> bool:
    return stamp.exists() and stamp.stat().st_mtime >= source.stat().st_mtime


def _ran(command: list[str]) -> bool:
    done = subprocess.run(command, check=False, capture_output=True, text=True)
    if done.returncode:
        print(f"  {command[0]} failed: {done.stderr.strip()[-300:]}", file=sys.stderr)
    return done.returncode == 0
