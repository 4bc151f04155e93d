"""The ways connecting can end without a connection, and what can be done. The words are in `messages/`."""

from __future__ import annotations

from typing import Literal

from msgspec import Struct


class Cause(Struct, frozen=True):
    """One way a flow can end."""

    action: Literal["again", "none"] = "again"  # what the one button offers
    status: int = 200
    is_choice: bool = (
        False  # the person wanted it so: nothing to be alarmed about, nothing to explain
    )


CAUSES: dict[str, Cause] = {
    "cancelled": Cause(is_choice=True),
    "admin_approval": Cause(),
    "link_expired": Cause("none", 410),
    "link_used": Cause("none", 410),
    "already_used": Cause("again", 409),
    "flow_expired": Cause(),
    "other_browser": Cause("none", 403),
    "unknown_link": Cause("none", 404),
    "unknown_state": Cause("none", 400),
    "provider_error": Cause(),
    "provider_busy": Cause(),
    "exchange_unknown": Cause(),
    "scopes_missing": Cause(),
    "already_bound": Cause("none", 409),
    "no_account": Cause(),
    "wrong_account": Cause(),
    "redirect_mismatch": Cause("none"),
    "not_allowed": Cause("again", 403),
    "invalid_input": Cause(),
    "misconfigured": Cause("none"),
    "no_flow": Cause("none", 403),
    "server_away": Cause(),
    "internal": Cause(),
}


def known(cause: str) -> str:
    """
    The cause, or `internal`: one that nobody knows is ours to explain.

    >>> known("cancelled"), known("sunspots")
    ('cancelled', 'internal')
    """
    return cause if cause in CAUSES else "internal"
