"""Bytes that nobody prints by accident."""

from __future__ import annotations

import hmac
from typing import NoReturn


class Secret:
    """Bytes that neither print, nor compare in varying time, nor leave the process by accident."""

    __slots__ = ("_value",)

    def __init__(self, value: bytes) -> None:
        """Hold *value*."""
        self._value = value

    def reveal(self) -> bytes:
        """The bytes themselves. Easy to grep."""
        return self._value

    def __repr__(self) -> str:
        """Nothing about the value."""
        return "Secret(…)"

    def __bool__(self) -> bool:
        """False for an empty secret, which is as good as none."""
        return bool(self._value)

    def __eq__(self, other: object) -> bool:
        """Compare in constant time."""
        return isinstance(other, Secret) and hmac.compare_digest(self._value, other._value)

    __hash__ = None  # type: ignore[assignment]

    def __reduce__(self) -> NoReturn:
        """Refuse to be pickled or copied into a job."""
        raise TypeError("a Secret is never serialised; seal it")
