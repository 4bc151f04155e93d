"""The keys that wrap all data keys, from a file `{"primary": ID, "keys": {ID: base64}}` that only its owner reads."""

from __future__ import annotations

import base64
import binascii
from typing import TYPE_CHECKING

import msgspec
from msgspec import Struct

from shared.errors import SealBroken, SetupFailed
from shared.secret.datakey import DataKey, key_id_of
from shared.secret.files import read_private, write_private
from shared.secret.value import Secret

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path


class _Document(Struct, frozen=True, forbid_unknown_fields=True):
    primary: str
    keys: dict[str, str]


class KeyRing:
    """Seals with its primary key, opens with any of its keys."""

    def __init__(self, primary: str, keys: Iterable[DataKey]) -> None:
        """Hold *keys*; *primary* is the id of one of them, else ValueError."""
        self._keys = {key.id: key for key in keys}
        if primary not in self._keys:
            raise ValueError("the primary key is not among the keys")
        self.primary = primary

    @classmethod
    def generate(cls, id: str = "k1") -> KeyRing:
        """A ring of one new key."""
        return cls(id, [DataKey.generate(id)])

    @classmethod
    def from_file(cls, path: Path) -> KeyRing:
        """The ring in *path*; raises `SetupFailed`, which never shows a key."""
        raw = read_private(path)
        if not raw.strip():
            raise SetupFailed(f"the key ring {path} is empty", _RESTORE)
        try:
            document = msgspec.json.decode(raw, type=_Document)
        except (msgspec.MsgspecError, UnicodeDecodeError):
            problem = f'the key ring {path} is not JSON of the form {{"primary": ID, "keys": {{ID: base64}}}}'
            raise SetupFailed(problem, _RESTORE) from None
        return cls._of(document, path)

    @classmethod
    def _of(cls, document: _Document, path: Path) -> KeyRing:
        if document.primary not in document.keys:
            problem = f"{path}: the primary key {document.primary[:32]!r} is not among the keys"
            raise SetupFailed(problem, "set primary to the id of one of the keys")
        return cls(
            document.primary, [_key(id, text, path) for id, text in document.keys.items()]
        )

    @property
    def ids(self) -> tuple[str, ...]:
        """The ids of all keys."""
        return tuple(self._keys)

    def save(self, path: Path) -> None:
        """Write what `from_file` reads, with mode 0600, whole or not at all."""
        keys = {
            id: base64.b64encode(key.key.reveal()).decode() for id, key in self._keys.items()
        }
        document = msgspec.json.encode(_Document(primary=self.primary, keys=keys))
        write_private(path, msgspec.json.format(document, indent=2) + b"\n")

    def rotated(self, id: str) -> KeyRing:
        """A ring with a new primary key *id*; the old keys still open."""
        if id in self._keys:
            raise ValueError(f"there is a key {id} already")
        return KeyRing(id, [*self._keys.values(), DataKey.generate(id)])

    def without(self, id: str) -> KeyRing:
        """A ring that opens nothing sealed with *id* any more; the primary key cannot go."""
        return KeyRing(self.primary, [key for key in self._keys.values() if key.id != id])

    def seal(self, where: str, plaintext: bytes) -> bytes:
        """Seal with the primary key."""
        return self._keys[self.primary].seal(where, plaintext)

    def open(self, where: str, sealed: bytes) -> Secret:
        """What was sealed for *where* with any key of this ring; raises `SealBroken`."""
        id = key_id_of(where, sealed)
        if id not in self._keys:
            raise SealBroken(
                f"{where}: sealed with the key {id}, which the key ring does not hold"
            )
        return self._keys[id].open(where, sealed)

    def wrap(self, where: str, key: DataKey) -> bytes:
        """*key* sealed by the primary key, for *where*."""
        return self.seal(where, key.id.encode() + b":" + key.key.reveal())

    def unwrap(self, where: str, wrapped: bytes) -> DataKey:
        """What `wrap` sealed, by whichever key was primary then; raises `SealBroken`."""
        id, _, key = self.open(where, wrapped).reveal().partition(b":")
        try:
            return DataKey(id.decode("ascii"), Secret(key))
        except ValueError:
            raise SealBroken(f"{where}: does not hold a data key") from None

    def is_current(self, where: str, wrapped: bytes) -> bool:
        """Whether the primary key sealed it; one that is not is to be opened and sealed again."""
        return key_id_of(where, wrapped) == self.primary

    def __repr__(self) -> str:
        """Ids alone."""
        return f"KeyRing(primary={self.primary}, ids={', '.join(self._keys)})"


_RESTORE = "restore it from a backup; only if nothing is sealed yet, remove it and run: waypost keys new"


def _key(id: str, text: str, path: Path) -> DataKey:
    try:
        return DataKey(id, Secret(base64.b64decode(text, validate=True)))
    except binascii.Error:
        raise SetupFailed(f"{path}: the key {id[:32]!r} is not base64", _RESTORE) from None
    except ValueError as error:
        raise SetupFailed(f"{path}: the key {id[:32]!r}: {error}", _RESTORE) from None
