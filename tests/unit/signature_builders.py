"""Vectors as requests, and requests of our own making."""

from __future__ import annotations

import base64
import hmac
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import orjson

from shared.errors import SignatureMismatch
from shared.model.requests import RawRequest
from shared.secret import Secret
from shared.signatures import SecretPlace, Verify, verify

KEY = "a-signing-secret"
BODY = b'{"team_id":"T1"}'
NOON = 1_790_000_000.0
URL = "https://hooks.example.test/integration/global/acme"
PLACE = SecretPlace(from_="global", name="WEBHOOK_SECRET")
FILE = Path(__file__).parent / "vectors" / "webhook-signatures.json"
VECTORS: list[dict[str, Any]] = orjson.loads(FILE.read_bytes())
BY_ID = {vector["id"]: vector for vector in VECTORS}


def a_request(**parts: Any) -> RawRequest:
    """A POST to the global webhook, but for *parts*; headers may be a dict."""
    headers = parts.pop("headers", ())
    pairs = tuple(headers.items()) if isinstance(headers, dict) else tuple(headers)
    usual: dict[str, Any] = {
        "id": "req_1", "door": "global", "name": "acme", "method": "POST", "path": "/",
        "received_at": NOON,
    }  # fmt: skip
    return RawRequest(**{**usual, **parts}, headers=pairs)


def a_rule(scheme: str, **fields: Any) -> Verify:
    """A rule whose secret lies where no test looks."""
    return Verify(scheme=scheme, secret=PLACE, **fields)


def is_accepted(
    rule: Verify, raw: RawRequest, *secrets: str, now: float = NOON, url: str | None = None
) -> bool:
    """Our verdict; the URL is the usual one with the request's query, but for *url*."""
    usual = f"{URL}?{raw.query}" if raw.query else URL
    held = [Secret(secret.encode()) for secret in secrets]
    try:
        verify(rule, held, raw, now=now, public_url=usual if url is None else url)
    except SignatureMismatch:
        return False
    return True


def request_of(vector: dict[str, Any]) -> RawRequest:
    """A vector as it arrives."""
    return a_request(
        method=vector["method"],
        query=urlsplit(vector["url"]).query,
        headers={name.lower(): value for name, value in vector["headers"].items()},
        body=base64.b64decode(vector["body"]),
    )


def hex_of(content: bytes, key: str = KEY, digest: str = "sha256") -> str:
    """Python's hmac, as the vendors' pages show it."""
    return hmac.new(key.encode(), content, digest).hexdigest()


def base64_of(content: bytes, digest: str = "sha256") -> str:
    """Python's hmac, as the vendors' pages show it."""
    return base64.b64encode(hmac.digest(KEY.encode(), content, digest)).decode()
