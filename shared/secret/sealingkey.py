"""The private half of the pair with which the ingress seals for the workers."""

from __future__ import annotations

import base64
from typing import TYPE_CHECKING

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey

from shared.errors import SealBroken
from shared.sealing import SUITE, PublicKey, key_bytes
from shared.secret.files import read_private, write_private

if TYPE_CHECKING:
    from pathlib import Path


class SealingKey:
    """Opens what its `public` half sealed. Only workers hold it."""

    def __init__(self, key: X25519PrivateKey) -> None:
        """Wrap *key*."""
        self._key = key

    @classmethod
    def generate(cls) -> SealingKey:
        """A new pair from the machine's randomness."""
        return cls(X25519PrivateKey.generate())

    @classmethod
    def from_file(cls, path: Path) -> SealingKey:
        """The key in *path*, base64 and readable by its owner alone; raises `SetupFailed`."""
        raw = key_bytes(read_private(path), path)
        return cls(X25519PrivateKey.from_private_bytes(raw))

    @property
    def public(self) -> PublicKey:
        """The half that seals."""
        return PublicKey(self._key.public_key())

    def save(self, path: Path) -> None:
        """Write what `from_file` reads, with mode 0600, whole or not at all."""
        write_private(path, base64.b64encode(self._key.private_bytes_raw()) + b"\n")

    def seal(self, plaintext: bytes, info: bytes) -> bytes:
        """Seal to this very key, as the ingress does with its `public` half."""
        return self.public.seal(plaintext, info)

    def open(self, sealed: bytes, info: bytes) -> bytes:
        """What was sealed under *info*; raises `SealBroken`."""
        try:
            opened: bytes = SUITE.decrypt(sealed, self._key, info)
        except (InvalidTag, ValueError):
            raise SealBroken(
                "a sealed request was altered, moved, or sealed to another key"
            ) from None
        return opened

    def __repr__(self) -> str:
        """Nothing about the key."""
        return "SealingKey(…)"
