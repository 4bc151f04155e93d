"""A worker whose loop stands still ends; one that is only busy does not."""

from __future__ import annotations

import asyncio
import io
import threading
from types import SimpleNamespace

import pytest

from workers.watchdog import PATIENCE, Watchdog

TICK = 0.01


async def test_a_loop_that_stands_still_is_the_end() -> None:
    ended = threading.Event()
    dog = Watchdog(asyncio.get_running_loop(), ended.set, TICK)
    dog.start()
    assert ended.wait(5)  # which keeps the loop from anything else
    dog.stop()


async def test_a_log_that_is_closed_saves_nobody(monkeypatch: pytest.MonkeyPatch) -> None:
    closed, ended = io.StringIO(), threading.Event()
    closed.close()
    written = SimpleNamespace(error=lambda event, **_: closed.write(event))
    monkeypatch.setattr("workers.watchdog.log", written)
    dog = Watchdog(asyncio.get_running_loop(), ended.set, TICK)
    dog.start()

    assert ended.wait(5)
    dog.stop()


async def test_a_loop_that_gives_signs_goes_on() -> None:
    ended = threading.Event()
    dog = Watchdog(asyncio.get_running_loop(), ended.set, TICK)
    dog.start()
    for _ in range(PATIENCE * 3):
        await asyncio.sleep(TICK)
    dog.stop()

    assert not ended.is_set()
