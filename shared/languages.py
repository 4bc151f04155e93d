"""The languages that people are spoken to while they connect; whatever they read, one of them is found."""

from __future__ import annotations

from typing import Final

LANGUAGES: Final = ("en", "de", "es", "fr", "ja")


def preferred(accepted: str) -> str:
    """
    The best of our languages for an `Accept-Language` header (RFC 9110 §12.5.4); English where none fits.

    >>> preferred("de-CH, de;q=0.9, en;q=0.8"), preferred("nl, ja;q=0.5"), preferred("fr;q=0, es;q=0.1"), preferred("")
    ('de', 'ja', 'es', 'en')
    """
    ranges = [_range(part) for part in accepted[:500].split(",")]
    known = [(weight, tag) for tag, weight in ranges if tag in LANGUAGES and weight > 0]
    return max(known, key=lambda one: one[0], default=(0.0, "en"))[1]


def _range(part: str) -> tuple[str, float]:
    tag, _, parameter = part.partition(";")
    name, _, weight = parameter.strip().partition("=")
    try:
        number = float(weight) if name.strip() == "q" else 1.0
    except ValueError:
        number = 0.0
    return tag.strip().lower().partition("-")[0], number
