"""A bar has one test and two sizes: short for every run of the suite, long for `make chaos`."""

from __future__ import annotations

from typing import Any

import pytest


def sizes(short: Any, long: Any, seconds: int = 600) -> pytest.MarkDecorator:
    """Run the test with `size`; the long one may take *seconds*."""
    marks = [pytest.mark.chaos, pytest.mark.timeout(seconds)]
    return pytest.mark.parametrize(
        "size", [pytest.param(short, id="short"), pytest.param(long, id="long", marks=marks)]
    )
