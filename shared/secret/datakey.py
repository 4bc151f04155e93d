"""
Sealing with one key: AES-256-GCM with a random 96-bit nonce (NIST SP 800-38D §8.2.2).

Sealed text is `v1.KEY.NONCE.CIPHERTEXT`. The additional data is the key's id and the caller's *where*, so a value
that is moved to another row, or whose key id is changed, does not open.
"""

from __future__ import annotations

import base64
import binascii
import os
import re
from typing import Final

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from shared.errors import SealBroken
from shared.secret.value import Secret

KEY_SIZE: Final = 32  # bytes
KEY_ID: Final = re.compile(r"[A-Za-z0-9_-]{1,32}")
_NONCE_SIZE = 12  # bytes
_VERSION = b"v1"


class DataKey:
    """Seals what belongs together: one installation's, one integration's."""

    def __init__(self, id: str, key: Secret) -> None:
        """Use *key* under *id*; raises ValueError, which shows neither, for a wrong form or size."""
        if not KEY_ID.fullmatch(id):
            raise ValueError("a key id is 1 to 32 letters, digits, - or _")
        if len(key.reveal()) != KEY_SIZE:
            raise ValueError(f"a key has {KEY_SIZE} bytes, this one {len(key.reveal())}")
        self.id = id
        self.key = key
        self._cipher = AESGCM(key.reveal())

    @classmethod
    def generate(cls, id: str = "d1") -> DataKey:
        """A new key from the machine's randomness."""
        return cls(id, Secret(AESGCM.generate_key(KEY_SIZE * 8)))

    def seal(self, where: str, plaintext: bytes) -> bytes:
        """Seal *plaintext* for *where*: the full storage key and the field."""
        # Never an injected chance: a nonce that repeats gives the key away.
        nonce = os.urandom(_NONCE_SIZE)  # noqa: TID251
        sealed = self._cipher.encrypt(nonce, plaintext, self._bound_to(where))
        return b".".join((_VERSION, self.id.encode(), _armour(nonce), _armour(sealed)))

    def open(self, where: str, sealed: bytes) -> Secret:
        """What was sealed for *where* with this key; raises `SealBroken`."""
        id, nonce, ciphertext = _parts(where, sealed)
        if id != self.id:
            raise SealBroken(f"{where}: sealed with the key {id}, not with {self.id}")
        try:
            return Secret(self._cipher.decrypt(nonce, ciphertext, self._bound_to(where)))
        except (InvalidTag, ValueError):
            raise SealBroken(f"{where}: altered, moved, or sealed with another key") from None

    def _bound_to(self, where: str) -> bytes:
        return b"\n".join((_VERSION, self.id.encode(), where.encode()))

    def __repr__(self) -> str:
        """The id alone."""
        return f"DataKey({self.id})"


def key_id_of(where: str, sealed: bytes) -> str:
    """The id of the key that sealed *sealed*; raises `SealBroken`, which names *where*."""
    return _parts(where, sealed)[0]


def _parts(where: str, sealed: bytes) -> tuple[str, bytes, bytes]:
    version, *rest = sealed.split(b".")
    if version != _VERSION or len(rest) != 3 or not KEY_ID.fullmatch(id := _text(rest[0])):
        raise SealBroken(f"{where}: not in the form v1.KEY.NONCE.CIPHERTEXT")
    try:
        return id, _bare(rest[1]), _bare(rest[2])
    except binascii.Error:
        raise SealBroken(f"{where}: not base64") from None


def _armour(raw: bytes) -> bytes:
    return base64.urlsafe_b64encode(raw).rstrip(b"=")


def _bare(text: bytes) -> bytes:
    return base64.b64decode(text + b"=" * (-len(text) % 4), altchars=b"-_", validate=True)


def _text(raw: bytes) -> str:
    return raw.decode("ascii", "replace")
