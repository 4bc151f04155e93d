"""The guide "Enable OAuth in your own integration" shows the example as it is."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
GUIDE = (ROOT / "docs/guides/enable-oauth.md").read_text()
LISTINGS = re.findall(r"<!-- (examples/\S+) -->\n```\w+\n(.*?)\n```", GUIDE, re.DOTALL)
FILES = sorted({name for name, _ in LISTINGS})


def solid(text: str) -> list[str]:
    """The lines of *text* that say something."""
    return [line for line in text.splitlines() if line.strip()]


class TestListings:
    """Nothing on the page is written by hand."""

    def test_every_code_block_of_the_example_names_its_file(self) -> None:
        """Only console sessions have no file."""
        blocks = re.findall(r"^```(\w+)$", GUIDE, re.MULTILINE)

        assert len(LISTINGS) == len([language for language in blocks if language != "console"])

    @pytest.mark.parametrize(("name", "listing"), LISTINGS)
    def test_a_listing_is_the_file_s_own_text(self, name: str, listing: str) -> None:
        """Word for word."""
        assert listing in (ROOT / name).read_text()

    @pytest.mark.parametrize("name", FILES)
    def test_the_whole_file_is_shown(self, name: str) -> None:
        """But for the head of the Python file, which explains nothing."""
        shown = "\n".join(listing for listed, listing in LISTINGS if listed == name)
        text = (ROOT / name).read_text()
        body = text[text.index("async def") :] if name.endswith(".py") else text

        assert sorted(solid(body)) == sorted(solid(shown))
