"""Published keys as people have them at hand: a JWK set, one JWK, or a public key or certificate in PEM."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import orjson
from cryptography import x509
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    PublicFormat,
    load_pem_public_key,
)
from joserfc.errors import JoseError
from joserfc.jwk import ECKey, OKPKey, RSAKey

if TYPE_CHECKING:
    from collections.abc import Iterable


def keys_given(texts: Iterable[str]) -> tuple[dict[str, Any], ...]:
    """Every key in *texts*, those of a PEM under no name; what is no key is passed over."""
    return tuple(key for text in texts for key in (*_from_json(text), *_from_pem(text)))


def _from_json(text: str) -> list[dict[str, Any]]:
    try:
        found = orjson.loads(text)
    except orjson.JSONDecodeError:
        return []
    listed = found.get("keys", [found]) if isinstance(found, dict) else []
    return [key for key in listed if isinstance(key, dict)] if isinstance(listed, list) else []


def _from_pem(text: str) -> list[dict[str, Any]]:
    if "-----BEGIN" not in text:
        return []
    try:
        return [_read(_public_pem(text.encode()))]
    except (JoseError, ValueError, TypeError):
        return []


def _public_pem(text: bytes) -> bytes:
    is_certificate = b"BEGIN CERTIFICATE" in text
    key = (
        x509.load_pem_x509_certificate(text).public_key()
        if is_certificate
        else load_pem_public_key(text)
    )
    return key.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)


def _read(pem: bytes) -> dict[str, Any]:
    for kind in (RSAKey, ECKey, OKPKey):
        try:
            key = dict(kind.import_key(pem).as_dict(private=False))
        except (JoseError, ValueError, TypeError):
            continue
        key.pop("kid", None)  # it stands for whatever a token calls it
        return key
    raise ValueError("no public key")
