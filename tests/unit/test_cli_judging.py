"""`waypost integrations try --requests`: every vector judged, every line answered."""

from __future__ import annotations

import asyncio
import base64
import hmac
import json
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import jwt
import orjson
import pytest
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from hypothesis import given
from hypothesis import strategies as st
from jwt.algorithms import RSAAlgorithm

from services.cli.judging import Judge, LineInvalid, given_in
from services.cli.trying import folder_of
from shared.errors import SetupFailed
from shared.integrations.definition import Definition, decode, load_folder
from shared.vrl.pool import VrlPool
from tests.builders_signed import slack_signed
from tests.unit.signature_builders import VECTORS

PLACE = {"from": "global", "name": "KEY"}
FIELDS = ["verified", "reason", "identifiers", "slices", "handshake", "event"]
SEVERAL = {
    "hubspot": ["hubspot-v3", "hubspot-v2", "hubspot-v1"],
    "gitlab": ["gitlab-signing", "gitlab"],
}
FAMILY = {"hubspot-v2": "hubspot", "hubspot-v3": "hubspot", "gitlab-signing": "gitlab"}


class Silent:
    """No script is run."""

    async def compile(self, name: str, source: str) -> None: ...

    async def run(self, name: str, source: str, event: dict[str, Any]) -> Any:
        return None


def a_definition(**parts: Any) -> Definition:
    """A small integration whose secret is called KEY."""
    document: dict[str, Any] = {
        "name": "acme", "version": "1.0.0", "secrets": {"KEY": {}, "TOKEN": {}, "APP": {"public": True}},
        "verify": {"scheme": "token", "header": "x-token", "secret": PLACE},
    }  # fmt: skip
    return decode({**document, **parts})


def a_line(**parts: Any) -> bytes:
    """A POST that its token makes genuine."""
    line = {
        "method": "POST", "url": "https://w.example/integration/global/acme", "headers": {"X-Token": "s3cret"},
        "body": base64.b64encode(b'{"org":"o1"}').decode(), "secret": "s3cret", "now": 1_790_000_000,
    }  # fmt: skip
    return orjson.dumps({**line, **parts})


def judged(definition: Definition, line: bytes, **secrets: Any) -> dict[str, Any]:
    """Its answer, without scripts."""
    judge = Judge(definition, {name: [value] for name, value in secrets.items()}, Silent())
    return asyncio.run(judge.judged(given_in(line, definition.name, 0.0)))


def verify_of(provider: str) -> Any:
    schemes = SEVERAL.get(FAMILY.get(provider, provider), [provider])
    rules = [{"scheme": scheme, "secret": PLACE} for scheme in schemes]
    return rules if len(rules) > 1 else rules[0]


@pytest.mark.parametrize("vector", VECTORS, ids=lambda vector: vector["id"])
def test_every_vector_is_judged_right(vector: dict[str, Any]) -> None:
    """All that a provider sends comes to one definition; a callback is no webhook."""
    line = orjson.dumps(
        {name: vector[name] for name in ("method", "url", "headers", "body", "secret", "now")}
    )
    found = judged(a_definition(verify=verify_of(vector["provider"])), line)

    assert vector["valid"] == found["verified"], found["reason"]
    assert FIELDS == list(found)


def test_secrets_may_come_by_name_and_several_at_a_time() -> None:
    definition, line = a_definition(), a_line(secret=None)

    assert judged(definition, line, KEY="s3cret")["verified"]
    assert not judged(definition, line, KEY="another")["verified"]
    assert "no secret is set" in judged(definition, line)["reason"]
    judge = Judge(definition, {"KEY": ["new", "s3cret"]}, Silent())
    assert asyncio.run(judge.judged(given_in(line, "acme", 0.0)))["verified"]


def test_a_secret_of_an_installation_is_the_same_secret() -> None:
    verify = {"scheme": "token", "header": "x-token", "secret": {"from": "subscription"}}
    own = {"from": "configuration", "name": "key"}
    manual = {
        "schema": {"properties": {"key": {"type": "string", "secret": True}}},
        "verify": {**verify, "secret": own},
    }

    assert judged(a_definition(verify=verify), a_line())["verified"]
    assert judged(a_definition(verify="none", configurations={"manual": manual}), a_line())[
        "verified"
    ]


@pytest.mark.parametrize(
    ("verify", "said"), [("none", "nobody signs"), ("handler", "own code checks")]
)
def test_what_nothing_checks_is_not_verified(verify: str, said: str) -> None:
    parts = {"runtime": "python"} if verify == "handler" else {}
    found = judged(a_definition(verify=verify, **parts), a_line())

    assert not found["verified"]
    assert said in found["reason"]


def test_published_keys_may_be_given_in_any_common_form() -> None:
    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    url = "https://w.example/integration/global/acme"
    claims = {
        "iss": "accounts.google.com",
        "aud": url,
        "email": "push@p.example",
        "email_verified": True,
        "exp": 1790000300,
    }
    signed = jwt.encode(claims, key, algorithm="RS256", headers={"kid": "k1"})
    jwk = {**RSAAlgorithm.to_jwk(key.public_key(), as_dict=True), "kid": "k1"}
    pem = (
        key.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo).decode()
    )
    definition = a_definition(
        verify={"scheme": "google-pubsub", "jwt": {"claims": {"email": "push@p.example"}}}
    )

    def held(secret: Any, **named: str) -> bool:
        line = a_line(headers={"Authorization": f"Bearer {signed}"}, secret=secret)
        return bool(judged(definition, line, **named)["verified"])

    jwk_text = orjson.dumps(jwk).decode()
    assert held(orjson.dumps({"keys": [jwk]}).decode())
    assert held(jwk_text)
    assert held(pem)
    assert held(None, JWKS=jwk_text)
    assert not held(None)
    assert not held("-----BEGIN nonsense")
    assert not held("[1]")


class TestAHandshake:
    META = {
        "form": "query-echo", "method": "GET", "query": "hub.challenge", "token": "hub.verify_token",
        "secret": {"from": "global", "name": "TOKEN"},
    }  # fmt: skip
    URL = "https://w.example/integration/global/acme?hub.verify_token=tok&hub.challenge=42"

    @pytest.mark.parametrize(
        ("own", "named"), [("tok", {}), (None, {"TOKEN": "tok"}), ("s", {"TOKEN": "tok"})]
    )
    def test_is_answered_whole(self, own: str | None, named: dict[str, str]) -> None:
        """Its token may be the line's secret, or stand in the file."""
        definition = a_definition(handshakes=[self.META])
        line = a_line(method="GET", url=self.URL, body="", secret=own)
        found = judged(definition, line, **named)

        assert {"status": 200, "body": "42"}.items() <= found["handshake"].items()
        assert "text/plain; charset=utf-8" == found["handshake"]["headers"]["content-type"]
        assert ([], [], None) == (found["identifiers"], found["slices"], found["event"])

    def test_with_a_wrong_token_is_none(self) -> None:
        line = a_line(method="GET", url=self.URL, body="", secret="other")

        assert judged(a_definition(handshakes=[self.META]), line)["handshake"] is None

    def test_that_is_signed_must_be(self) -> None:
        ping = {"form": "empty", "signed": True, "whenJson": {"org": "o1"}}
        definition = a_definition(handshakes=[ping])

        assert 204 == judged(definition, a_line())["handshake"]["status"]
        assert judged(definition, a_line(secret="other"))["handshake"] is None


@pytest.fixture
async def vrl() -> AsyncIterator[VrlPool]:
    async with VrlPool(size=1) as pool:
        yield pool


async def test_each_installations_part_and_the_events_type_are_told(vrl: VrlPool) -> None:
    batch = [{"portalId": 1, "n": "a"}, {"portalId": 2, "n": "b"}, {"portalId": 1, "n": "c"}]
    script = """
        parts = array!(parse_json!(.body))
        map_values(parts) -> |item| { { "identifier": item.portalId, "body": [item] } }
    """
    definition = a_definition(
        identifier={"extractScript": script}, event="parse_json!(.body)[0].n"
    )
    body = base64.b64encode(orjson.dumps(batch)).decode()
    judge = Judge(definition, {}, vrl)
    found = await judge.judged(given_in(a_line(body=body), "acme", 0.0))

    assert ["1", "2"] == found["identifiers"]
    assert [("1", batch[:1]), ("2", batch[1:2]), ("1", batch[2:])] == [
        (one["identifier"], orjson.loads(one["body"])) for one in found["slices"]
    ]
    assert "a" == found["event"]


async def test_scripts_see_where_a_request_was_sent(vrl: VrlPool) -> None:
    definition = a_definition(
        identifier={"extractScript": "string!(.path) + string!(.secrets.KEY)"}
    )
    judge = Judge(definition, {}, vrl)

    async def seen(url: str) -> list[str]:
        found = await judge.judged(given_in(a_line(url=url), "acme", 0.0))
        assert [found["slices"][0]["body"]] == ['{"org":"o1"}']
        return [str(one) for one in found["identifiers"]]

    base = "https://w.example"
    assert ["/s3cret"] == await seen(f"{base}/integration/global/acme")
    assert ["/tok/es3cret"] == await seen(f"{base}/integration/global/acme/tok/e?q=1")
    assert ["/toks3cret"] == await seen(f"{base}/integration/global/acme-old/tok")
    assert ["/toks3cret"] == await seen(f"{base}/2b1c38a0-0b2f-4a58-9c9b-0f7a9f6f5c11/tok")
    assert ["/myapp.phps3cret"] == await seen(f"{base}/myapp.php")


async def test_a_script_that_fails_leaves_a_reason(vrl: VrlPool) -> None:
    definition = a_definition(identifier={"extractScript": "to_int!(parse_json!(.body).org)"})
    broken = a_definition(identifier={"extractScript": 'assert!(false, "no")'})
    found = await Judge(broken, {}, vrl).judged(given_in(a_line(), "acme", 0.0))

    assert found["verified"]
    assert [] == found["identifiers"]
    assert "no" in found["reason"]
    worse = await Judge(definition, {}, vrl).judged(given_in(a_line(), "acme", 0.0))
    assert [] == worse["identifiers"]


@pytest.mark.parametrize(
    ("line", "said"),
    [
        (b"", "not JSON"),
        (b"[]", "not a JSON object"),
        (b"{}", "url is not text"),
        (a_line(url="https://[x"), "url is not an address"),
        (a_line(body="%"), "not base64"),
        (a_line(headers=[["a"]]), "headers"),
        (a_line(headers={"a": 1.5}), "headers"),
        (a_line(headers={"a": True}), "headers"),
        (a_line(headers="a"), "headers"),
        (a_line(now="1"), "now is not a number"),
        (a_line(now=True), "now is not a number"),
        (a_line(secret=1), "secret is not text"),
        (a_line(method=1), "method is not text"),
    ],
)
def test_what_is_no_request_is_told(line: bytes, said: str) -> None:
    with pytest.raises(LineInvalid, match=said):
        given_in(line, "acme", 0.0)


def test_repeated_headers_are_kept_as_lists_or_pairs() -> None:
    listed = given_in(a_line(headers={"X-A": ["1", "2"]}), "acme", 0.0)
    paired = given_in(a_line(headers=[["X-A", "1"], ["x-a", "2"]]), "acme", 0.0)

    assert (("x-a", "1"), ("x-a", "2")) == listed.raw.headers == paired.raw.headers


@given(
    parts=st.dictionaries(
        st.sampled_from(["method", "url", "headers", "body", "secret", "now"]),
        st.recursive(
            st.none() | st.booleans() | st.integers(-9, 2**40) | st.text(max_size=20),
            lambda inner: (
                st.lists(inner, max_size=2)
                | st.dictionaries(st.text(max_size=5), inner, max_size=2)
            ),
            max_leaves=4,
        ),
    )
)
def test_any_line_is_answered_or_told(parts: dict[str, Any]) -> None:
    try:
        given = given_in(a_line(**parts), "acme", 0.0)
    except LineInvalid:
        return
    answer = asyncio.run(Judge(a_definition(), {}, Silent()).judged(given))

    assert FIELDS == list(answer)


def test_the_redirect_of_a_connect_flow_is_judged_by_its_own_scheme() -> None:
    """Shopify signs its query; that says nothing of a webhook, whose query anybody's browser may have seen."""
    query = "code=0907a61c0c8d55e99db179b68161bc00&shop=acme.myshopify.com&timestamp=1790000000"
    mac = hmac.new(b"hush", query.encode(), "sha256").hexdigest()
    ended = judged_as("shopify", f"https://w.example/oauth?{query}&hmac={mac}", "GET")
    forged = judged_as("shopify", f"https://w.example/oauth?{query}1&hmac={mac}", "GET")
    webhook = judged_as(
        "shopify", f"https://w.example/integration/global/shopify?{query}&hmac={mac}", "POST"
    )

    assert (True, [], None) == (ended["verified"], ended["identifiers"], ended["event"])
    assert [False, False] == [forged["verified"], webhook["verified"]]
    assert "nothing says how" in judged_as("slack", "https://w.example/oauth?code=1")["reason"]


def judged_as(name: str, url: str, method: str = "GET") -> dict[str, Any]:
    """Of a built-in integration, without scripts."""
    line = a_line(method=method, url=url, body="", secret="hush")
    return judged(load_folder(folder_of(name)), line)


class TestWhatSlackSends:
    """https://docs.slack.dev/authentication/verifying-requests-from-slack, signed by Slack's own SDK."""

    FORM = "application/x-www-form-urlencoded"
    COMMAND = (
        "token=x&team_id=T0001&command=%2Fweather&text=50%25+%2522off%2522+%22now%22&user_id=U1"
    )
    CLICK = {
        "type": "block_actions",
        "team": {"id": "T9TK3CUKW"},
        "actions": [{"value": "%22 & +"}],
    }
    DIALOG = {
        "type": "view_submission",
        "team": {"id": "T9TK3CUKW"},
        "view": {"state": "100%25"},
    }
    TEXT = {"type": "event_callback", "team_id": "T1", "event": {"text": "%22 %7B 100% \u2603"}}

    @pytest.mark.parametrize(
        ("body", "kind", "team"),
        [
            (COMMAND.encode(), FORM, "T0001"),
            (urlencode({"payload": json.dumps(CLICK)}).encode(), FORM, "T9TK3CUKW"),
            (urlencode({"payload": json.dumps(DIALOG)}).encode(), FORM, "T9TK3CUKW"),
            (orjson.dumps(TEXT), "application/json", "T1"),
        ],
        ids=["command", "click", "dialog", "event"],
    )
    async def test_is_verified_and_leads_to_its_workspace(
        self, body: bytes, kind: str, team: str, vrl: VrlPool
    ) -> None:
        signed = slack_signed(body, content_type=kind)
        line = a_line(
            headers=signed.headers, body=base64.b64encode(body).decode(), secret=signed.secret
        )
        judge = Judge(load_folder(folder_of("slack")), {}, vrl)
        found = await judge.judged(given_in(line, "slack", 0.0))

        assert (True, [team]) == (found["verified"], found["identifiers"])
        assert body.decode() == found["slices"][0]["body"]


class TestTheName:
    def test_may_be_built_in_or_a_folder(self) -> None:
        example = Path(__file__).parents[2] / "examples/enable-oauth"

        assert "slack" == folder_of("slack").name
        assert example == folder_of(str(example))

    def test_that_is_unknown_is_told_with_the_nearest(self) -> None:
        with pytest.raises(SetupFailed, match="did you mean slack"):
            folder_of("slak")
