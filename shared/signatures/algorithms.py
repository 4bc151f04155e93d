"""The comparisons, all on bytes and in constant time where a secret is compared."""

from __future__ import annotations

import hashlib
import hmac
from typing import TYPE_CHECKING

from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from cryptography.hazmat.primitives.serialization import load_der_public_key

from shared.signatures.reading import decoded

if TYPE_CHECKING:
    from collections.abc import Callable

    from shared.signatures.records import Key


def key_of(kind: Key, secret: bytes) -> bytes | None:
    r"""
    The key that a stored *secret* stands for; None when it is empty or not in the form of its *kind*.

    >>> key_of("whsec", b"whsec_BwcH"), key_of("hex", b"zz"), key_of("utf8", b"")
    (b'\x07\x07\x07', None, None)
    """
    if kind == "utf8":
        return secret or None
    text = secret.decode("latin-1").strip()
    if kind == "whsec":
        text = text.removeprefix("whsec_")
    return decoded(text, "hex" if kind == "hex" else "base64")


def _hmac_of(digest: str) -> Callable[[bytes, bytes, bytes], bool]:
    return lambda key, content, given: hmac.compare_digest(
        hmac.digest(key, content, digest), given
    )


def _sha256(_key: bytes, content: bytes, given: bytes) -> bool:
    return hmac.compare_digest(hashlib.sha256(content).digest(), given)


def _token(key: bytes, _content: bytes, given: bytes) -> bool:
    return hmac.compare_digest(key, given)


def _ed25519(key: bytes, content: bytes, given: bytes) -> bool:
    try:
        Ed25519PublicKey.from_public_bytes(key).verify(given, content)
    except (InvalidSignature, ValueError):
        return False
    return True


def _ecdsa_p256(key: bytes, content: bytes, given: bytes) -> bool:
    try:
        public = load_der_public_key(key)
        if (
            not isinstance(public, ec.EllipticCurvePublicKey)
            or public.curve.name != "secp256r1"
        ):
            return False
        public.verify(given, content, ec.ECDSA(hashes.SHA256()))
    except (InvalidSignature, ValueError, UnsupportedAlgorithm):
        return False
    return True


MATCHES: dict[str, Callable[[bytes, bytes, bytes], bool]] = {
    "hmac-sha256": _hmac_of("sha256"),
    "hmac-sha1": _hmac_of("sha1"),
    "sha256": _sha256,
    "token": _token,
    "ed25519": _ed25519,
    "ecdsa-p256-sha256": _ecdsa_p256,
}
