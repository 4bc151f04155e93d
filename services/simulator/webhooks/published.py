"""The key pairs of providers that sign with public keys: one of each kind, new in every process."""

from __future__ import annotations

import base64
import functools
import json
from collections.abc import Mapping
from typing import Any

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat


@functools.cache
def _rsa() -> rsa.RSAPrivateKey:
    return rsa.generate_private_key(65537, 2048)


@functools.cache
def _ed25519() -> Ed25519PrivateKey:
    return Ed25519PrivateKey.generate()


@functools.cache
def _p256() -> ec.EllipticCurvePrivateKey:
    return ec.generate_private_key(ec.SECP256R1())


def jwk() -> dict[str, Any]:
    """The public RSA key as it is published (RFC 7517); good for every channel of Microsoft's."""
    modulus = _rsa().public_key().public_numbers().n.to_bytes(256, "big")
    return {
        "kty": "RSA", "use": "sig", "alg": "RS256", "kid": "simulated", "e": "AQAB",
        "n": base64url(modulus), "endorsements": ["msteams"],
    }  # fmt: skip


def rs256(claims: Mapping[str, Any]) -> str:
    """A signed token (RFC 7515)."""
    header = {"alg": "RS256", "typ": "JWT", "kid": "simulated"}
    content = ".".join(base64url(json.dumps(one).encode()) for one in (header, claims))
    mac = _rsa().sign(content.encode(), padding.PKCS1v15(), hashes.SHA256())
    return f"{content}.{base64url(mac)}"


def ed25519(content: bytes) -> bytes:
    """A signature (RFC 8032)."""
    return _ed25519().sign(content)


def ecdsa(content: bytes) -> bytes:
    """A P-256 signature in DER."""
    return _p256().sign(content, ec.ECDSA(hashes.SHA256()))


def public_key(kind: str) -> str:
    """What the provider shows to developers: hexadecimal, or DER in base64."""
    if kind == "ed25519":
        return _ed25519().public_key().public_bytes(Encoding.Raw, PublicFormat.Raw).hex()
    key = _p256().public_key()
    return base64.b64encode(
        key.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    ).decode()


def base64url(value: bytes) -> str:
    """Without padding, RFC 7515 §2."""
    return base64.urlsafe_b64encode(value).decode().rstrip("=")
