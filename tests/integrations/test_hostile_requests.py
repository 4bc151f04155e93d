"""Whatever is sent to any integration that comes with Waypost, it is answered with a verdict."""

from __future__ import annotations

import asyncio
import base64
from typing import Any

import orjson
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from services.cli.judging import Judge, given_in
from shared.integrations.registry import built_in

ALL = {definition.name: definition for definition in built_in()}
FIELDS = ["verified", "reason", "identifiers", "slices", "handshake", "event"]
HEADERS = sorted({
    name
    for definition in ALL.values()
    for rule in ([definition.verify] if not isinstance(definition.verify, tuple) else definition.verify)
    if rule is not None
    for name in ("authorization", "x-hub-signature", "x-hub-signature-256", "stripe-signature", "webhook-id",
                 "webhook-signature", "webhook-timestamp", "x-twilio-signature", "x-signature-ed25519",
                 "x-signature-timestamp", "x-slack-signature", "x-slack-request-timestamp", "x-hook-secret",
                 *( [rule.header] if isinstance(rule.header, str) else rule.header or ()))
})  # fmt: skip
TEXTS = st.one_of(
    st.text(st.characters(exclude_categories=()), max_size=40),
    st.sampled_from(
        ["v0=00", "t=1,v1=00", "v1,AAAA", "Bearer a.b.c", "1790000000", "sha256=é"]
    ),
)
BODIES = st.one_of(
    st.binary(max_size=60),
    st.sampled_from([b"[]", b"{}", b"null", b"[" * 2000, b'{"value":[{}]}', b'{"challenge":1}', b"payload=%ff",
                     b'{"validationTokens":[1]}', b'{"events":{}}', b'{"entry":[{"id":[]}]}']),
)  # fmt: skip


class Silent:
    """No script is run."""

    async def compile(self, name: str, source: str) -> None: ...

    async def run(self, name: str, source: str, event: dict[str, Any]) -> Any:
        return None


@pytest.mark.parametrize("name", ALL)
@settings(max_examples=20)
@given(
    headers=st.dictionaries(st.sampled_from(HEADERS), TEXTS, max_size=4),
    query=TEXTS,
    body=BODIES,
    secret=st.one_of(st.none(), TEXTS.filter(lambda text: text.isprintable())),
    method=st.sampled_from(["GET", "POST", "HEAD"]),
)
def test_a_stranger_is_never_believed_and_breaks_nothing(
    name: str,
    headers: dict[str, str],
    query: str,
    body: bytes,
    secret: str | None,
    method: str,
) -> None:
    line = {
        "method": method, "url": f"https://w.example/integration/global/{name}?{_plain(query)}",
        "headers": {one: _plain(value) for one, value in headers.items()},
        "body": base64.b64encode(body).decode(), "now": 1_790_000_000, "secret": secret and f"k{secret}",
    }  # fmt: skip
    judge = Judge(ALL[name], {}, Silent())
    found = asyncio.run(judge.judged(given_in(orjson.dumps(line), name, 0.0)))

    assert FIELDS == list(found)
    assert not found["verified"], found["reason"]


def _plain(text: str) -> str:
    """What JSON can carry."""
    return text.encode("utf-8", "replace").decode()
