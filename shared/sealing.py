"""
The public half of sealing: whoever holds it can seal for the workers and open nothing.

HPKE (RFC 9180) in base mode: DHKEM(X25519, HKDF-SHA256), HKDF-SHA256, AES-256-GCM, by the `cryptography` package.
"""

from __future__ import annotations

import base64
import binascii
from typing import TYPE_CHECKING, Final

from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PublicKey
from cryptography.hazmat.primitives.hpke import AEAD, KDF, KEM, Suite

from shared.errors import SetupFailed

if TYPE_CHECKING:
    from pathlib import Path

SUITE: Final = Suite(KEM.X25519, KDF.HKDF_SHA256, AEAD.AES_256_GCM)
KEY_SIZE: Final = 32  # bytes


class PublicKey:
    """Seals; safe to hand to anyone."""

    def __init__(self, key: X25519PublicKey) -> None:
        """Wrap *key*."""
        self._key = key

    @classmethod
    def from_bytes(cls, raw: bytes) -> PublicKey:
        """The key with these 32 bytes; raises ValueError for any other number of them."""
        return cls(X25519PublicKey.from_public_bytes(raw))

    @classmethod
    def from_file(cls, path: Path) -> PublicKey:
        """The key that lies in *path* as base64; raises `SetupFailed`."""
        return cls.from_bytes(key_bytes(read(path), path))

    def to_bytes(self) -> bytes:
        """The 32 bytes that `from_bytes` takes."""
        return self._key.public_bytes_raw()

    def to_document(self) -> bytes:
        """What `from_file` reads."""
        return base64.b64encode(self.to_bytes()) + b"\n"

    def seal(self, plaintext: bytes, info: bytes) -> bytes:
        """
        Seal *plaintext* so that only the private half opens it, and only under the same *info*.

        *info* binds the sealed bytes to their place, for example a request id: moved elsewhere they do not open.
        """
        sealed: bytes = SUITE.encrypt(plaintext, self._key, info)
        return sealed


def read(path: Path) -> bytes:
    """The bytes of a key file; raises `SetupFailed` that says how to make one."""
    try:
        return path.read_bytes()
    except FileNotFoundError:
        raise SetupFailed(
            f"there is no key file {path}", "make one: waypost keys new"
        ) from None
    except OSError as error:
        problem = f"the key file {path} cannot be read: {error.strerror}"
        raise SetupFailed(problem, f"let the user of this process read {path}") from None


def key_bytes(document: bytes, path: Path) -> bytes:
    """The 32 bytes that *document* holds as base64; raises `SetupFailed`, which never shows them."""
    try:
        raw = base64.b64decode(document.strip(), validate=True)
    except binascii.Error:
        raise SetupFailed(f"{path} is not base64", "make a new one: waypost keys new") from None
    if len(raw) != KEY_SIZE:
        problem = f"the key in {path} has {len(raw)} bytes instead of {KEY_SIZE}"
        raise SetupFailed(
            problem, "restore it from a backup, or make a new one: waypost keys new"
        )
    return raw
