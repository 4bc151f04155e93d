"""Whatever a stranger sends, the answer is a mismatch or nothing."""

from __future__ import annotations

import base64
import hmac
from contextlib import suppress
from typing import Any

import msgspec
from hypothesis import given
from hypothesis import strategies as st

from shared.errors import SignatureMismatch
from shared.secret import Secret
from shared.signatures import SCHEMES, verify
from tests.unit.signature_builders import (
    NOON,
    URL,
    VECTORS,
    a_request,
    a_rule,
    is_accepted,
    request_of,
)

STAMPS = [
    "x-slack-request-timestamp", "x-zm-request-timestamp", "webhook-timestamp", "webhook-id", "svix-timestamp",
    "x-signature-timestamp", "x-webflow-timestamp", "x-hubspot-request-timestamp", "content-type",
    "x-zendesk-webhook-signature-timestamp", "x-twilio-email-event-webhook-timestamp",
]  # fmt: skip
NAMES = [*STAMPS, *sorted({name for grammar in SCHEMES.values() for name in grammar.header})]
ANY_TEXT = st.text(st.characters(exclude_categories=()), max_size=80)
VALUES = st.one_of(
    ANY_TEXT,
    st.text("0123456789abcdefv=,:. tZ-+/", max_size=80),
    st.sampled_from(
        ["1790000000", "t=1790000000,v1=00", "v1,AAAA", "v0=00", "a.b.c", "sha256=00"]
    ),
    st.binary(max_size=64).map(lambda octets: base64.b64encode(octets).decode()),
)
BODIES = st.one_of(
    st.binary(max_size=80),
    st.sampled_from([b'{"passcode":"k"}', b'{"value":[{"clientState":1}]}', b'{"value":{}}', b"[" * 3000,
                     b'{"webhookTimestamp":1e400}', b"a=%ff&a", b"null"]),
)  # fmt: skip
QUERIES = st.one_of(
    ANY_TEXT, st.sampled_from(["hmac=00&timestamp=1", "bodySHA256=%C3%A9", "%ff=%"])
)
CHANGES = st.fixed_dictionaries(
    {},
    optional={
        "headers": st.lists(st.tuples(st.sampled_from(NAMES), VALUES), max_size=4).map(tuple),
        "query": QUERIES,
        "path": ANY_TEXT,
        "method": ANY_TEXT,
        "body": BODIES,
    },
)


@given(
    vector=st.sampled_from(VECTORS),
    changes=CHANGES,
    secrets=st.lists(st.binary(max_size=40), max_size=2),
    keeps_headers=st.booleans(),
    keeps_secret=st.booleans(),
)
def test_nobody_can_crash_the_worker(
    vector: dict[str, Any],
    changes: dict[str, Any],
    secrets: list[bytes],
    keeps_headers: bool,
    keeps_secret: bool,
) -> None:
    """A real webhook with anything in place of its parts, under any secrets."""
    raw = request_of(vector)
    if keeps_headers and "headers" in changes:
        changes["headers"] = (*raw.headers, *changes["headers"])
    raw = msgspec.structs.replace(raw, **changes)
    held = [*secrets, vector["secret"].encode()] if keeps_secret else secrets
    own = {"header": "x-signature"} if vector["scheme"] == "hmac-sha256-hex" else {}
    rule = a_rule(
        vector["scheme"] if vector["scheme"] in SCHEMES else vector["provider"], **own
    )

    with suppress(SignatureMismatch):
        verify(
            rule,
            [Secret(s) for s in held],
            raw,
            now=vector["now"],
            public_url=vector["url"],
        )
        assert any(held)


@given(
    scheme=st.sampled_from(sorted(SCHEMES)),
    values=st.lists(VALUES, min_size=1, max_size=4),
    body=BODIES,
    secret=st.one_of(
        st.binary(max_size=40), VALUES.map(lambda text: text.encode("utf-8", "replace"))
    ),
)
def test_every_header_of_a_scheme_may_hold_anything(
    scheme: str, values: list[str], body: bytes, secret: bytes
) -> None:
    grammar = SCHEMES[scheme]
    parts = (part.partition(":")[2] for part in grammar.parts if part.startswith("header:"))
    pairs = zip([*grammar.header, *parts], values * 20, strict=False)
    raw = a_request(headers=tuple(pairs), body=body)

    with suppress(SignatureMismatch):
        verify(a_rule(scheme), [Secret(secret)], raw, now=NOON, public_url=URL)
        assert secret


@given(
    body=st.binary(max_size=200), key=st.text(min_size=1, max_size=40), flip=st.integers(0, 7)
)
def test_one_bit_decides(body: bytes, key: str, flip: int) -> None:
    """Signed by Python's hmac."""
    signed = hmac.digest(key.encode(), body, "sha256").hex()
    headers = {"x-hub-signature-256": f"sha256={signed}"}
    changed = bytes([*body[:-1], (body[-1] if body else 0) ^ (1 << flip)])

    assert is_accepted(a_rule("github"), a_request(headers=headers, body=body), key)
    assert not is_accepted(a_rule("github"), a_request(headers=headers, body=changed), key)
