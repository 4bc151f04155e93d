"""How long, and how much, of what is no longer on its way is kept."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta

from msgspec import Struct


class Retention(Struct, frozen=True, kw_only=True):
    """By class: *ages*, and *bytes* of what may go before its time; what is not named is kept."""

    ages: Mapping[str, timedelta]
    bytes: Mapping[str, int] = {}


class Swept(Struct, frozen=True, kw_only=True):
    """What one sweep did; each is a number of records or events."""

    removed: int = 0
    unmatched: int = 0  # parked ones that are dead now
    tired: int = 0  # that waited for too long, and are dead now
    forgotten: int = 0  # dead ones among the removed, for want of space
    events: int = 0  # removed from bots' streams
    unread: int = 0  # among these, those that no bot had read
