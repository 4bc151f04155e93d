"""How often an installation may ask to be registered again."""

from __future__ import annotations

from datetime import timedelta

PERIODS: dict[str, timedelta] = {
    "hourly": timedelta(hours=1),
    "daily": timedelta(days=1),
    "weekly": timedelta(weeks=1),
    "bi-weekly": timedelta(weeks=2),
    "monthly": timedelta(days=30),
    "bi-monthly": timedelta(days=60),
    "quarterly": timedelta(days=90),
    "yearly": timedelta(days=365),
}
