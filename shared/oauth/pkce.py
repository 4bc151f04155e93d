"""Proof Key for Code Exchange, S256 alone: https://www.rfc-editor.org/rfc/rfc7636."""

from __future__ import annotations

import base64
import hashlib

FEWEST_BYTES = 32  # RFC 7636 §7.1: 256 bits


def new_verifier(chance_bytes: bytes) -> str:
    """
    A verifier of 43 characters or more, made of at least 32 random bytes (RFC 7636 §4.1).

    >>> len(new_verifier(bytes(32)))
    43
    """
    if len(chance_bytes) < FEWEST_BYTES:
        raise ValueError(f"a verifier takes at least {FEWEST_BYTES} random bytes")
    return _base64url(chance_bytes)


def challenge_of(verifier: str) -> str:
    """
    The S256 challenge of a verifier (RFC 7636 §4.2; the example is its appendix B).

    >>> challenge_of("dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk")
    'E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM'
    """
    return _base64url(hashlib.sha256(verifier.encode("ascii")).digest())


def _base64url(raw: bytes) -> str:
    return base64.urlsafe_b64encode(raw).rstrip(b"=").decode("ascii")
