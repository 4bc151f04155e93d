"""How long to wait before another attempt."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from email.utils import format_datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.retries import LONGEST_WAIT, MAX_ATTEMPTS, SHORTEST_WAIT, retry_after, retry_delay

NOON = 1_790_000_000.0


def seconds(headers: dict[str, str]) -> float | None:
    wait = retry_after(headers, now=NOON)
    return None if wait is None else wait.total_seconds()


class TestTheSchedule:
    def test_gives_up_after_twelve_attempts_and_some_two_hours(self) -> None:
        waits = [retry_delay(attempt, 1.0) for attempt in range(1, MAX_ATTEMPTS)]

        assert 12 == MAX_ATTEMPTS
        assert timedelta(seconds=4094) == sum(waits, timedelta())

    @given(st.integers(1, 10_000), st.floats(0, 1))
    def test_never_waits_longer_than_an_hour(self, attempt: int, chance: float) -> None:
        assert timedelta() <= retry_delay(attempt, chance) <= timedelta(hours=1)

    @given(st.integers(1, 11), st.floats(0.01, 1))
    def test_doubles(self, attempt: int, chance: float) -> None:
        later, sooner = retry_delay(attempt + 1, chance), retry_delay(attempt, chance)

        assert later > sooner
        assert chance * 3600 >= later.total_seconds() - 1e-6


class TestRetryAfter:
    @pytest.mark.parametrize(
        ("value", "expected"),
        [("30", 30), ("0", 1), ("1.5", 1.5), (" 7 ", 7), ("86401", 86400), ("9" * 15, 86400)],
    )
    def test_may_be_seconds(self, value: str, expected: float) -> None:
        assert expected == seconds({"Retry-After": value})

    @pytest.mark.parametrize(("ahead", "expected"), [(90, 90), (-90, 1), (10**6, 86400)])
    def test_may_be_a_date(self, ahead: int, expected: float) -> None:
        when = datetime.fromtimestamp(NOON + ahead, UTC)

        assert expected == seconds({"retry-after": format_datetime(when, usegmt=True)})

    def test_may_be_a_date_of_another_zone(self) -> None:
        assert 40 == seconds({"retry-after": "Mon, 21 Sep 2026 16:14:00 +0200"})
        assert 40 == seconds({"retry-after": "Mon, 21 Sep 2026 14:14:00 -0000"})

    @pytest.mark.parametrize(
        "value",
        ["", "soon", "-5", "1e9", "+5", "१", "5 seconds", "Wed, 99 Foo 2026 25:61:61 GMT"],
    )
    def test_that_is_neither_says_nothing(self, value: str) -> None:
        assert seconds({"retry-after": value}) is None

    def test_goes_before_a_reset(self) -> None:
        assert 5 == seconds({"retry-after": "5", "x-ratelimit-reset": "60"})
        assert 60 == seconds({"retry-after": "soon", "x-ratelimit-reset": "60"})


class TestAReset:
    @pytest.mark.parametrize(
        "headers",
        [
            {"X-RateLimit-Reset": "1790000060"},
            {"x-ratelimit-reset": "1790000060000"},
            {"ratelimit-reset": "60"},
            {"x-rate-limit-reset": "60"},
            {"x-ratelimit-reset-after": "60.0"},
            {
                "x-ratelimit-requests-reset": "1790000060000",
                "x-ratelimit-requests-remaining": "0",
            },
        ],
    )
    def test_is_a_delay_or_a_time_by_its_size(self, headers: dict[str, str]) -> None:
        """GitHub, Linear, Discord and the IETF draft, each in its own way."""
        assert 60 == seconds(headers)

    def test_of_a_limit_that_was_not_hit_does_not_count(self) -> None:
        """GitHub sends its hourly reset with every answer, a 503 too."""
        assert (
            seconds({"x-ratelimit-remaining": "4999", "x-ratelimit-reset": "1790003600"})
            is None
        )

    def test_of_the_limit_that_was_hit_counts(self) -> None:
        both = {
            "x-ratelimit-requests-remaining": "3", "x-ratelimit-requests-reset": "1790003600000",
            "x-ratelimit-complexity-remaining": "0", "x-ratelimit-complexity-reset": "1790000030000",
        }  # fmt: skip

        assert 30 == seconds(both)


@given(
    st.dictionaries(
        st.sampled_from(["Retry-After", "x-ratelimit-reset", "x"]), st.text(max_size=40)
    )
)
def test_whatever_is_sent_the_wait_is_in_bounds(headers: dict[str, str]) -> None:
    wait = retry_after(list(headers.items()), now=NOON)

    assert wait is None or SHORTEST_WAIT <= wait <= LONGEST_WAIT
