"""A program that cannot go on says why, and whether it is worth starting again."""

from __future__ import annotations

import asyncio
import os
from pathlib import Path

import pytest
from structlog.testing import capture_logs

from services.cli.supervise import Children, Program
from shared import programs
from shared.errors import CommandRefused, SetupFailed, StoreUnavailable, WaypostError
from shared.programs import COMES_BACK, ended, kept_up


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (SetupFailed("the api needs a store", "set WAYPOST_REDIS_URL"), 1),
        (StoreUnavailable("the store did not answer"), COMES_BACK),
    ],
)
def test_it_is_told_in_one_place(
    error: WaypostError, code: int, capsys: pytest.CaptureFixture[str]
) -> None:
    assert code == ended("api", error).code
    assert f"waypost api: {error}\n" == capsys.readouterr().err


PROGRAM = """
import pathlib, sys
with pathlib.Path(__file__).with_name("starts").open("a") as starts:
    starts.write("x")
sys.exit({code})
"""


async def _times_started(folder: Path, code: int) -> tuple[int, bool]:
    """How often a program that ends at once with *code* is started in a while, and whether it was given up."""
    folder.mkdir()
    (folder / "ending.py").write_text(PROGRAM.format(code=code))
    children = Children({**os.environ, "PYTHONPATH": str(folder)})
    await children.start(Program(name="ending", module="ending"))
    async with asyncio.timeout(20):
        while not children.failed.done() and _starts(folder) < 2:
            await asyncio.sleep(0.02)
    given_up = children.failed.done()
    await children.stop()
    return _starts(folder), given_up


def _starts(folder: Path) -> int:
    file = folder / "starts"
    return len(file.read_text()) if file.exists() else 0


async def test_what_cannot_start_is_given_up_and_what_comes_back_is_not(
    tmp_path: Path,
) -> None:
    once, given_up = await _times_started(tmp_path / "a", 1)
    often, kept = await _times_started(tmp_path / "b", COMES_BACK)

    assert (1, True) == (once, given_up)
    assert often >= 2
    assert not kept


async def test_what_breaks_beside_its_work_is_told_and_begun_again(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(programs, "AGAIN", 0)
    ends: list[BaseException] = [
        CommandRefused("NOPERM no"),
        KeyError("x"),
        asyncio.CancelledError(),
    ]

    async def work() -> None:
        raise ends.pop(0)

    with capture_logs() as lines, pytest.raises(asyncio.CancelledError):
        await kept_up(work)

    assert ["background.broke"] * 2 == [line["event"] for line in lines]
