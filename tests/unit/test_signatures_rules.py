"""What a rule may say, and what it is told when it may not."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from shared.signatures import Claims, SecretPlace, Timestamp, Verify, check, verify
from tests.unit.signature_builders import (
    BODY,
    KEY,
    NOON,
    PLACE,
    a_request,
    a_rule,
    hex_of,
    is_accepted,
)


class TestARule:
    def test_is_read_from_a_definition(self) -> None:
        document = {
            "scheme": "custom",
            "header": "x-acme-signature",
            "format": "list:,:=:v2",
            "parts": ["kv:t", "lit:.", "body"],
            "time": {"from": "kv:t", "past": 60},
            "secret": [
                {"from": "global", "name": "NEW"},
                {"from": "state", "name": "webhooks.key"},
            ],
        }
        rule = msgspec.convert(document, Verify)
        value = f"t={int(NOON)},v2={hex_of(f'{int(NOON)}.'.encode() + BODY)}"

        check(rule)
        assert ("NEW", "webhooks.key") == tuple(place.name for place in rule.places)
        assert is_accepted(rule, a_request(headers={"x-acme-signature": value}, body=BODY), KEY)

    def test_may_name_another_header_than_its_preset(self) -> None:
        rule = a_rule("hmac-sha256-hex", header="linear-signature")
        raw = a_request(headers={"linear-signature": hex_of(BODY)}, body=BODY)

        check(rule)
        assert is_accepted(rule, raw, KEY)

    @pytest.mark.parametrize("scheme", ["none", "handler"])
    def test_may_leave_the_check_to_others(self, scheme: str) -> None:
        check(Verify(scheme=scheme))
        verify(Verify(scheme=scheme), [], a_request(), now=NOON)

    @pytest.mark.parametrize(
        ("fields", "said"),
        [
            ({"scheme": "slak-v0"}, "did you mean 'slack-v0'"),
            ({"scheme": "google-pubsub"}, "publishes its keys; remove it"),
            ({"scheme": "bot-framework", "secret": None}, "jwt.audience is missing"),
            ({"scheme": "google-pubsub", "secret": None}, "jwt.claims.email is missing"),
            (
                {"scheme": "monday", "jwt": Claims(audience="url", leeway=601)},
                "0 to 600",
            ),
            (
                {
                    "scheme": "custom",
                    "secret": None,
                    "header": "x",
                    "format": "jwt",
                    "algorithm": "jwt-jwks",
                    "jwt": Claims(audience="url"),
                },
                "jwt.keys is missing",
            ),
            (
                {
                    "scheme": "google-pubsub",
                    "secret": None,
                    "jwt": Claims(algorithms=("HS256",), claims={"email": "a@b.example"}),
                },
                "'HS256' is none of",
            ),
            ({"scheme": "none", "header": "x"}, "means nothing"),
            ({"scheme": "slack", "secret": None}, "secret is missing"),
            (
                {"scheme": "slack", "secret": SecretPlace(from_="state", name="x")},
                "STATE.FIELD",
            ),
            ({"scheme": "slack", "secret": SecretPlace(from_="global", name="")}, "is empty"),
            ({"scheme": "custom"}, "exactly one"),
            ({"scheme": "custom", "header": "x", "query": "y"}, "exactly one"),
            ({"scheme": "custom", "header": "X-Sig"}, "lower case"),
            ({"scheme": "custom", "body": "a[].", "algorithm": "token"}, "not a path"),
            ({"scheme": "custom", "body": "a"}, "shared token or JWTs"),
            ({"scheme": "custom", "header": "x", "format": "list:,"}, "format is not"),
            ({"scheme": "custom", "header": "x", "format": "jwt"}, "belong together"),
            ({"scheme": "custom", "header": "x", "parts": ("bdy",)}, "'bdy'"),
            ({"scheme": "custom", "header": "x", "parts": ("kv:t", "body")}, "needs a format"),
            ({"scheme": "custom", "header": "x", "parts": ("url",)}, "must hold the body"),
            ({"scheme": "custom", "header": "x", "algorithm": "sha256"}, "hold the secret"),
            ({"scheme": "slack", "time": Timestamp(from_="sometime")}, "'sometime'"),
            ({"scheme": "slack", "time": Timestamp(from_="kv:t")}, "needs a format"),
            ({"scheme": "slack", "time": Timestamp(from_="header:x", past=0)}, "time.past"),
        ],
    )
    def test_that_cannot_work_is_refused_with_the_fix(
        self, fields: dict[str, Any], said: str
    ) -> None:
        with pytest.raises(ValueError, match=said):
            check(Verify(**{"secret": PLACE if fields["scheme"] != "none" else None, **fields}))

    @pytest.mark.parametrize("scheme", ["unheard-of", "google-pubsub"])
    def test_that_was_never_checked_refuses_everything(self, scheme: str) -> None:
        assert not is_accepted(a_rule(scheme), a_request(), KEY)
