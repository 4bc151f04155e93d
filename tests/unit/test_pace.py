"""The pace of browsers: by the minute, and in bounded memory."""

from __future__ import annotations

import pytest

from services.ingress.pace import MOST_NAMES, Pace
from shared.botpress import Refusal


def refused(pace: Pace, address: str, now: float) -> bool:
    try:
        pace.page(address, now)
    except Refusal:
        return True
    return False


class TestAPace:
    def test_begins_anew_each_minute(self) -> None:
        pace = Pace(pages=2)

        assert [False, False, True] == [refused(pace, "203.0.113.5", 59.0) for _ in range(3)]
        assert not refused(pace, "203.0.113.5", 60.0)

    def test_counts_each_for_itself_and_nobody_who_cannot_be_told(self) -> None:
        pace = Pace(pages=1)
        pace.page("203.0.113.5", 0.0)

        assert not refused(pace, "203.0.113.6", 0.0)
        assert [False] * 9 == [refused(pace, "", 0.0) for _ in range(9)]

    def test_says_when_to_come_back(self) -> None:
        pace = Pace(presses=0)
        with pytest.raises(Refusal) as caught:
            pace.press("link", 0.0)

        assert "60" == caught.value.headers["Retry-After"]

    def test_remembers_no_more_than_so_many(self) -> None:
        pace = Pace()
        for number in range(MOST_NAMES + 10):
            pace.page(str(number), 0.0)

        assert len(pace._counts) <= MOST_NAMES
