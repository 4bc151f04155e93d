"""How long, and how much, of what is closed is kept."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta

from msgspec import Struct


class Retention(Struct, frozen=True, kw_only=True):
    """By state: *ages* of all four closed or parked states; *bytes* of those that may go before their time."""

    ages: Mapping[str, timedelta]
    bytes: Mapping[str, int] = {}
