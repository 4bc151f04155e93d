"""Schemes that sign more than the body: the URL, a form, a JWT."""

from __future__ import annotations

import base64
import hashlib
import hmac
from typing import Any

import msgspec
import orjson
import pytest

from shared.errors import SignatureMismatch
from shared.secret import Secret
from shared.signatures import verify
from tests.unit.signature_builders import (
    BODY,
    BY_ID,
    KEY,
    NOON,
    URL,
    a_request,
    a_rule,
    base64_of,
    hex_of,
    is_accepted,
    request_of,
)


def a_jwt(claims: dict[str, Any], key: str = KEY, alg: str = "HS256") -> str:
    """RFC 7515 by hand."""
    parts = [orjson.dumps({"alg": alg, "typ": "JWT"}), orjson.dumps(claims)]
    text = b".".join(base64.urlsafe_b64encode(part).rstrip(b"=") for part in parts)
    digest = {"none": "", "HS384": "sha384"}.get(alg, "sha256")
    signature = hmac.digest(key.encode(), text, digest) if digest else b""
    return (text + b"." + base64.urlsafe_b64encode(signature).rstrip(b"=")).decode()


CLAIMS = {"aud": URL, "exp": int(NOON) + 60, "accountId": 1}


class TestTheUrl:
    def test_is_the_one_we_know_and_never_the_host_headers(self) -> None:
        vector = BY_ID["trello-valid"]
        raw, secret, rule = request_of(vector), vector["secret"], a_rule("trello")
        elsewhere = msgspec.structs.replace(raw, headers=(*raw.headers, ("host", "evil.test")))

        assert is_accepted(rule, elsewhere, secret, url=vector["url"])
        assert not is_accepted(rule, raw, secret, url="https://evil.test/w/abc")
        assert not is_accepted(rule, raw, secret, url="")

    def test_of_hubspot_is_signed_with_twelve_characters_decoded(self) -> None:
        """https://developers.hubspot.com/docs: request validation, table of decoded characters."""
        stamp = str(int(NOON * 1000))
        signed = f"POST{URL}?a=b@c%20{BODY.decode()}{stamp}"
        headers = {
            "x-hubspot-request-timestamp": stamp,
            "x-hubspot-signature-v3": base64_of(signed.encode()),
        }
        raw = a_request(headers=headers, query="a=b%40c%20", body=BODY)

        assert is_accepted(a_rule("hubspot-v3"), raw, KEY)

    def test_carries_the_hash_of_twilios_json(self) -> None:
        query = f"bodySHA256={hashlib.sha256(BODY).hexdigest()}"
        url = f"{URL}?{query}"
        headers = {
            "content-type": "application/json",
            "x-twilio-signature": base64_of(url.encode(), "sha1"),
        }
        rule = a_rule("twilio")

        assert is_accepted(rule, a_request(headers=headers, query=query, body=BODY), KEY)
        assert not is_accepted(rule, a_request(headers=headers, query=query, body=b"{}"), KEY)
        headers["content-type"] = "application/x-www-form-urlencoded"
        assert not is_accepted(rule, a_request(headers=headers, query=query, body=b"&&"), KEY)

    def test_with_a_hash_is_all_that_is_signed(self) -> None:
        """The hash covers a form as it covers JSON; its pairs are not signed again."""
        query = f"bodySHA256={hashlib.sha256(b'A=1').hexdigest()}"
        headers = {
            "content-type": "application/x-www-form-urlencoded",
            "x-twilio-signature": base64_of(f"{URL}?{query}".encode(), "sha1"),
        }
        rule = a_rule("twilio")

        assert is_accepted(rule, a_request(headers=headers, query=query, body=b"A=1"), KEY)
        assert not is_accepted(rule, a_request(headers=headers, query=query, body=b"A=2"), KEY)

    def test_that_is_not_known_is_the_reason(self) -> None:
        raw = a_request(headers={"x-trello-webhook": "AAAA"})

        with pytest.raises(SignatureMismatch, match="the public URL"):
            verify(a_rule("trello"), [Secret(b"k")], raw, now=NOON)

    def test_alone_does_not_sign_a_body_of_another_type(self) -> None:
        """A signed GET must not lend its signature to a POST."""
        url = URL
        headers = {"x-twilio-signature": base64_of(url.encode(), "sha1")}

        assert is_accepted(a_rule("twilio"), a_request(headers=headers, method="GET"), KEY)
        assert not is_accepted(a_rule("twilio"), a_request(headers=headers, body=BODY), KEY)

    def test_is_followed_by_each_pair_of_a_form_once(self) -> None:
        url = URL
        headers = {
            "content-type": "application/x-www-form-urlencoded; charset=utf-8",
            "x-twilio-signature": base64_of(f"{url}A1A2B".encode(), "sha1"),
        }
        rule = a_rule("twilio")

        assert is_accepted(rule, a_request(headers=headers, body=b"B=&A=2&A=1&A=2"), KEY)
        assert not is_accepted(rule, a_request(headers=headers, body="B=&A=é".encode()), KEY)

    def test_of_a_shopify_callback_names_each_parameter_once(self) -> None:
        stamp = int(NOON)
        query = f"code=a%20b~*&shop=s.myshopify.com&timestamp={stamp}"
        signed = hex_of(f"code=a+b%7E*&shop=s.myshopify.com&timestamp={stamp}".encode())
        twice = hex_of(f"a=1&a=2&timestamp={stamp}".encode())
        rule = a_rule("shopify-callback")

        def callback(query: str) -> Any:
            return a_request(door="oauth", path="/oauth", method="GET", query=query)

        assert is_accepted(rule, callback(f"hmac={signed}&{query}"), KEY)
        assert not is_accepted(rule, callback(f"{query}&hmac={signed}&code=a%20b"), KEY)
        assert not is_accepted(rule, callback(f"{query}&hmac={signed}&hmac={signed}"), KEY)
        assert not is_accepted(rule, callback(f"a=1&a=2&timestamp={stamp}&hmac={twice}"), KEY)
        assert not is_accepted(rule, callback(f"{query}&hmac={signed}"), KEY, now=NOON + 91)


class TestAJwt:
    def verdict(self, token: str, key: str = KEY) -> bool:
        return is_accepted(a_rule("monday"), a_request(headers={"authorization": token}), key)

    def test_for_us_and_not_expired_passes(self) -> None:
        assert self.verdict(a_jwt(CLAIMS))
        assert self.verdict("Bearer " + a_jwt({**CLAIMS, "aud": [CLAIMS["aud"]]}))

    @pytest.mark.parametrize(
        "wrong",
        [{"aud": "https://evil.test/"}, {"aud": None}, {"aud": 1}, {"exp": int(NOON) - 1}, {"exp": None},
         {"exp": "never"}, {"nbf": int(NOON) + 60}],
    )  # fmt: skip
    def test_for_others_or_another_time_is_refused(self, wrong: dict[str, Any]) -> None:
        assert not self.verdict(a_jwt({**CLAIMS, **wrong}))

    @pytest.mark.parametrize("missing", ["aud", "exp"])
    def test_needs_both_claims(self, missing: str) -> None:
        claims = {name: value for name, value in CLAIMS.items() if name != missing}

        assert not self.verdict(a_jwt(claims))

    @pytest.mark.parametrize("alg", ["none", "HS384", "RS256", ""])
    def test_of_another_algorithm_is_refused(self, alg: str) -> None:
        assert not self.verdict(a_jwt(CLAIMS, alg=alg))

    def test_of_another_key_is_refused(self) -> None:
        assert not self.verdict(a_jwt(CLAIMS, key="another"))
        assert not self.verdict(a_jwt(CLAIMS) + "A" * 9000)
