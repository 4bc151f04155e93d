"""Connect links: a token that nobody can guess, stored under its hash."""

from __future__ import annotations

import base64
import hashlib

from shared.model.flows import LINK_LIFETIME, ConnectLink


def token_of(random: bytes) -> str:
    """
    A token for an address.

    >>> token_of(bytes(3))
    'AAAA'
    """
    return base64.urlsafe_b64encode(random).rstrip(b"=").decode()


def hash_of(token: str) -> str:
    """What a token is stored under."""
    return hashlib.sha256(token.encode()).hexdigest()


def new_link(
    installation: str, flow_id: str, now: float, *, return_to: str = "", confirm: bool = False
) -> ConnectLink:
    """A link that is good for a day, until a connect succeeds."""
    return ConnectLink(
        flow_id=flow_id,
        installation=installation,
        return_to=return_to,
        confirm=confirm,
        created_at=now,
        expires_at=now + LINK_LIFETIME,
    )
