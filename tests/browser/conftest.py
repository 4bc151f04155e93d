"""Every test here drives a real Chromium."""

from __future__ import annotations

from tests.browser.pages import chromium, gallery, people

__all__ = ["chromium", "gallery", "people"]
