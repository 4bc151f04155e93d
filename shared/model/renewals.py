"""An installation whose tokens are to be looked at, and how a connection was lost."""

from __future__ import annotations

from msgspec import Struct


class Due(Struct, frozen=True, kw_only=True):
    """An installation whose time has come; *held* is what its claim stands for."""

    webhook_id: str
    held: int  # ms


class Loss(Struct, frozen=True, kw_only=True):
    """A connection that was lost: its user has to connect again, or another installation took it over."""

    at: int  # ms since 1970
    kind: str  # needs_reauth | taken_over | uninstalled
    identifier: str = ""  # that was taken over
    reason: str = ""
