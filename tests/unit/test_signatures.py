"""Where a signature scheme is strict."""

from __future__ import annotations

import base64
import hmac
from datetime import UTC, datetime
from typing import Any

import msgspec
import orjson
import pytest
from slack_sdk.signature import SignatureVerifier
from standardwebhooks import Webhook

from shared.errors import SignatureMismatch
from shared.secret import Secret
from shared.signatures import Timestamp, verify
from tests.unit.signature_builders import (
    BODY,
    BY_ID,
    KEY,
    NOON,
    a_request,
    a_rule,
    base64_of,
    hex_of,
    is_accepted,
    request_of,
)

LINEAR = a_rule("linear")
STANDARD_KEY = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"


def slack(stamp: str, body: bytes = BODY) -> dict[str, str]:
    """Signed by slack_sdk."""
    signature = SignatureVerifier(KEY).generate_signature(timestamp=stamp, body=body)
    return {"x-slack-request-timestamp": stamp, "x-slack-signature": str(signature)}


def standard(body: bytes = BODY) -> dict[str, str]:
    """Signed by the library of Standard Webhooks."""
    when = datetime.fromtimestamp(NOON, UTC)
    return {
        "webhook-id": "msg_1",
        "webhook-timestamp": str(int(NOON)),
        "webhook-signature": Webhook(STANDARD_KEY).sign("msg_1", when, body.decode()),
    }


class TestAWindow:
    @pytest.mark.parametrize("age", [-300, -299, 0, 299, 300])
    def test_is_open_on_both_sides_of_now(self, age: int) -> None:
        raw = a_request(headers=slack(str(int(NOON) - age)), body=BODY)

        assert is_accepted(a_rule("slack"), raw, KEY)

    @pytest.mark.parametrize("age", [-301, 301, 10**9])
    def test_ends_on_both_sides(self, age: int) -> None:
        raw = a_request(headers=slack(str(int(NOON) - age)), body=BODY)

        assert not is_accepted(a_rule("slack"), raw, KEY)

    @pytest.mark.parametrize(
        "stamp",
        ["+1790000000", " 1790000000", "1790000000.0", "179e7", "１７９０００００００", "0x6ab", "", "-1",
         "1790000000" + "0" * 5000],
    )  # fmt: skip
    def test_reads_nothing_but_ascii_digits(self, stamp: str) -> None:
        """Signed correctly, and still not a time."""
        raw = a_request(headers=slack(stamp), body=BODY)

        assert not is_accepted(a_rule("slack"), raw, KEY)

    @pytest.mark.parametrize("stamp", [True, 1.79e12, "soon", [], {}, None])
    def test_in_the_body_is_an_integer(self, stamp: Any) -> None:
        body = orjson.dumps({"webhookTimestamp": stamp})
        raw = a_request(headers={"linear-signature": hex_of(body)}, body=body)

        assert not is_accepted(LINEAR, raw, KEY)

    def test_of_linear_falls_back_to_its_header(self) -> None:
        """The body decides where it has the time, whatever the unsigned header says."""
        fresh, old = str(int(NOON * 1000)), b'{"webhookTimestamp":1}'
        bare = {"linear-signature": hex_of(b"{}"), "linear-timestamp": fresh}
        dated = {"linear-signature": hex_of(old), "linear-timestamp": fresh}

        assert is_accepted(LINEAR, a_request(headers=bare, body=b"{}"), KEY)
        assert not is_accepted(LINEAR, a_request(headers=dated, body=old), KEY)

    @pytest.mark.parametrize(
        "stamp",
        [
            "2026-13-21T14:13:20Z",
            "2026-09-21T14:13:20",
            "20260921T141320Z",
            "0001-01-01T00:00:00+23:59",
        ],
    )
    def test_in_iso_needs_a_real_time_with_its_zone(self, stamp: str) -> None:
        signed = hmac.digest(KEY.encode(), stamp.encode() + BODY, "sha256")
        headers = {
            "x-zendesk-webhook-signature-timestamp": stamp,
            "x-zendesk-webhook-signature": base64.b64encode(signed).decode(),
        }

        assert not is_accepted(a_rule("zendesk"), a_request(headers=headers, body=BODY), KEY)

    def test_can_be_set_by_the_rule(self) -> None:
        time = Timestamp(from_="header:x-slack-request-timestamp", past=1000, future=1)
        raw = a_request(headers=slack(str(int(NOON) - 900)), body=BODY)

        assert is_accepted(a_rule("slack", time=time), raw, KEY)


class TestASignature:
    @pytest.mark.parametrize(
        "given", ["", "00", "é", "\udcff", "sha256=", "☃", "0" * 63, "zz" * 32]
    )
    def test_that_is_anything_else_is_refused(self, given: str) -> None:
        """Whatever the header holds, the answer is a mismatch, never a crash."""
        with pytest.raises(SignatureMismatch):
            verify(
                LINEAR, [Secret(b"k")], a_request(headers={"linear-signature": given}), now=NOON
            )

    @pytest.mark.parametrize(
        "id",
        [
            "github-docs",
            "slack-valid",
            "stripe-valid",
            "gitlab-valid",
            "monday-valid",
            "discord-valid",
        ],
    )
    def test_that_is_given_twice_is_refused(self, id: str) -> None:
        """Even the same one: of two headers another reader may take the other."""
        vector = BY_ID[id]
        raw = request_of(vector)
        twice = msgspec.structs.replace(raw, headers=(*raw.headers, *raw.headers))
        rule = a_rule(vector["provider"])

        assert is_accepted(rule, raw, vector["secret"], url=vector["url"], now=vector["now"])
        assert not is_accepted(
            rule, twice, vector["secret"], url=vector["url"], now=vector["now"]
        )

    def test_without_its_prefix_is_refused(self) -> None:
        bare, whole = hex_of(BODY), f"sha256={hex_of(BODY)}"
        rule = a_rule("github")

        assert is_accepted(
            rule, a_request(headers={"x-hub-signature-256": whole}, body=BODY), KEY
        )
        assert not is_accepted(
            rule, a_request(headers={"x-hub-signature-256": bare}, body=BODY), KEY
        )

    def test_in_hex_may_be_in_capitals(self) -> None:
        raw = a_request(headers={"x-signature": hex_of(BODY).upper()}, body=BODY)

        assert is_accepted(a_rule("clickup"), raw, KEY)

    @pytest.mark.parametrize("spoilt", ["{} ", " {}", "{}\n", "{}=", "-{}", "{}!"])
    def test_in_base64_holds_nothing_foreign(self, spoilt: str) -> None:
        signed = base64.b64encode(hmac.digest(KEY.encode(), BODY, "sha256")).decode()
        good = a_request(headers={"x-line-signature": signed}, body=BODY)
        bad = a_request(headers={"x-line-signature": spoilt.format(signed)}, body=BODY)

        assert is_accepted(a_rule("line"), good, KEY)
        assert not is_accepted(a_rule("line"), bad, KEY)

    def test_may_stand_anywhere_in_a_short_list(self) -> None:
        headers = standard()
        headers["webhook-signature"] = "v1,bad v1a,AAAA v2,AAAA " + headers["webhook-signature"]
        raw = a_request(headers=headers, body=BODY)

        assert is_accepted(a_rule("standard-webhooks"), raw, STANDARD_KEY)

    def test_is_not_looked_for_in_a_long_list(self) -> None:
        headers = standard()
        headers["webhook-signature"] += " v1,AAAA" * 16
        raw = a_request(headers=headers, body=BODY)

        assert not is_accepted(a_rule("standard-webhooks"), raw, STANDARD_KEY)

    def test_under_an_older_label_is_ignored(self) -> None:
        """Stripe's v0 is a test scheme; taking it would be a downgrade."""
        vector = BY_ID["stripe-valid"]
        headers = {
            "stripe-signature": vector["headers"]["stripe-signature"].replace("v1=", "v0=")
        }
        raw = msgspec.structs.replace(request_of(vector), headers=tuple(headers.items()))

        assert not is_accepted(a_rule("stripe"), raw, vector["secret"])

    def test_with_two_times_is_refused(self) -> None:
        vector = BY_ID["stripe-valid"]
        value = vector["headers"]["stripe-signature"]
        raw = msgspec.structs.replace(
            request_of(vector), headers=(("stripe-signature", f"t={int(NOON)},{value}"),)
        )

        assert not is_accepted(a_rule("stripe"), raw, vector["secret"])

    def test_of_either_of_two_headers_will_do(self) -> None:
        raw = a_request(
            headers={
                "x-docusign-signature-1": "AAAA",
                "x-docusign-signature-2": base64_of(BODY),
            },
            body=BODY,
        )

        assert is_accepted(a_rule("docusign"), raw, KEY)

    def test_must_cover_each_item_of_a_batch(self) -> None:
        def batch(*tokens: str | None) -> Any:
            body = orjson.dumps({"value": [{"clientState": token} for token in tokens]})
            return a_request(body=body)

        rule = a_rule("graph-clientstate")

        assert is_accepted(rule, batch(KEY, KEY), KEY)
        assert is_accepted(rule, batch(KEY, "new"), KEY, "new")
        assert not is_accepted(rule, batch(KEY, "other"), KEY)
        assert not is_accepted(rule, batch(KEY, None), KEY)
        assert not is_accepted(rule, batch(), KEY)


class TestSecrets:
    def test_may_be_several_while_one_is_rolled_over(self) -> None:
        raw = a_request(headers=slack(str(int(NOON))), body=BODY)

        assert is_accepted(a_rule("slack"), raw, "old", KEY)
        assert is_accepted(a_rule("slack"), raw, KEY, "new")
        assert not is_accepted(a_rule("slack"), raw, "old", "new")

    def test_that_are_empty_are_passed_over(self) -> None:
        unsigned = hmac.new(b"", BODY, "sha256").hexdigest()
        raw = a_request(headers={"x-signature": unsigned}, body=BODY)

        assert not is_accepted(a_rule("clickup"), raw, "")
        assert not is_accepted(a_rule("clickup"), raw, "", KEY)

    @pytest.mark.parametrize("scheme", ["airtable", "standard-webhooks", "discord", "sendgrid"])
    @pytest.mark.parametrize("secret", ["not a key!", "AA==", "abcd", "é", "whsec_"])
    def test_that_are_no_keys_refuse_without_a_crash(self, scheme: str, secret: str) -> None:
        vectors = {"airtable": "airtable-valid", "standard-webhooks": "standardwebhooks-edge"}
        vector = BY_ID[vectors.get(scheme, f"{scheme}-valid")]

        assert not is_accepted(a_rule(scheme), request_of(vector), secret)

    def test_that_are_missing_are_the_reason(self) -> None:
        with pytest.raises(SignatureMismatch, match="no secret is set"):
            verify(a_rule("slack"), [Secret(b"")], a_request(), now=NOON)
        with pytest.raises(SignatureMismatch, match="not a whsec key"):
            verify(a_rule("svix"), [Secret(b"whsec_!")], a_request(), now=NOON)

    def test_stay_out_of_the_reason(self) -> None:
        raw = a_request(headers={"x-gitlab-token": "given-token"})

        with pytest.raises(SignatureMismatch) as refused:
            verify(a_rule("gitlab"), [Secret(b"stored-token")], raw, now=NOON)

        assert "x-gitlab-token does not match the request" == str(refused.value)
