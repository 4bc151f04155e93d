"""docs/integrations.md says what the folders say."""

from __future__ import annotations

from tests.integrations.catalogue_page import page
from tests.integrations.conformance import ROOT


def test_the_page_is_the_folders_word() -> None:
    """`python -m tests.integrations.catalogue_page > docs/integrations.md` writes it anew."""
    assert page() == (ROOT / "docs" / "integrations.md").read_text()
