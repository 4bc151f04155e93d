"""Closed loops of callers: wrk where it is installed, else a loop of our own."""

from __future__ import annotations

import json
import os
import shutil
from typing import TYPE_CHECKING, Any

from bench.programs import CACHE, HERE, SECOND, Failed, finished, python

if TYPE_CHECKING:
    from pathlib import Path


def generator() -> str:
    """What sends the requests."""
    return "wrk" if shutil.which("wrk") else "a loop in Python (install wrk for a lighter one)"


def closed(
    port: int,
    path: str,
    *,
    callers: int,
    seconds: float,
    body: int = 1024,
    signature: str = "",
) -> dict[str, Any]:
    """*callers* that each send their next request when the last one was answered."""
    env = {
        "BENCH_PORT": str(port), "BENCH_PATH": path, "BENCH_BODY": str(body),
        "BENCH_CALLERS": str(callers), "BENCH_SECONDS": str(seconds),
        "BENCH_STAMP": os.urandom(8).hex(), "BENCH_SIGNATURE": signature,
    }  # fmt: skip
    command = _wrk(port, callers, seconds) if shutil.which("wrk") else python("callers")
    printed = finished(command, core=SECOND, env=env, log=_log(), seconds=seconds + 20)
    return figure(json.loads(printed[printed.index("{") :]))


def figure(found: dict[str, Any]) -> dict[str, Any]:
    """What the callers tell, with the answers a second; raises `Failed` where that would be no figure."""
    if found["broken"]:
        raise Failed(f"{found['broken']} connections broke or waited too long: {found}")
    if not found["requests"] or found["refused"] > found["requests"] / 2:
        raise Failed(f"the callers were refused: {found}")
    answered = found["requests"] - found["refused"]
    return found | {"perSecond": round(answered / found["seconds"])}


def wrk_body(size: int) -> bytes:
    """The body that is sent; `post.lua` and `callers.py` make the same."""
    fill = b'{"team_id":"T1","type":"event_callback","text":"'
    return fill + b"x" * max(0, size - len(fill) - 2) + b'"}'


def _wrk(port: int, callers: int, seconds: float) -> list[str]:
    script = str(HERE / "post.lua")
    return [
        "wrk", "-t1", f"-c{callers}", f"-d{max(1, round(seconds))}s", "--timeout", "5s",
        "-s", script, f"http://127.0.0.1:{port}/",
    ]  # fmt: skip


def _log() -> Path:
    CACHE.mkdir(exist_ok=True)
    return CACHE / "load.log"
