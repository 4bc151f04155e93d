"""The seven forms of handshake, as the providers' pages describe them."""

from __future__ import annotations

import hashlib
import hmac
from typing import Any

import msgspec
import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.handshakes import Handshake, answer, check, matching
from shared.model.requests import HandshakeMatch, RawRequest, Reply
from shared.secret import Secret
from shared.signatures import SecretPlace
from tests.unit.signature_builders import a_request

KEY = Secret(b"app-secret")
TEXT = (("content-type", "text/plain; charset=utf-8"), ("x-content-type-options", "nosniff"))
JSON = (("content-type", "application/json"), ("x-content-type-options", "nosniff"))


def declared(**document: Any) -> Handshake:
    """As a definition writes it."""
    handshake = msgspec.convert(document, Handshake)
    check(handshake)
    return handshake


# https://docs.slack.dev/reference/events/url_verification
SLACK = declared(
    form="json-echo", method="POST", json="challenge", whenJson={"type": "url_verification"}
)
# https://developer.monday.com/apps/docs/webhooks
MONDAY = declared(form="json-echo", method="POST", json="challenge", reply="json")
# https://developers.facebook.com/docs/graph-api/webhooks/getting-started
META = declared(
    form="query-echo",
    method="GET",
    query="hub.challenge",
    whenQuery={"hub.mode": "subscribe"},
    token="hub.verify_token",
    secret={"from": "global", "name": "VERIFY_TOKEN"},
)
# https://www.dropbox.com/developers/reference/webhooks
DROPBOX = declared(form="query-echo", method="GET", query="challenge")
# https://learn.microsoft.com/en-us/graph/change-notifications-delivery-webhooks
GRAPH = declared(form="query-echo", method="POST", query="validationToken")
# https://learn.microsoft.com/en-us/linkedin/shared/api-guide/webhook-validation
LINKEDIN = declared(
    form="query-hmac", method="GET", query="challengeCode", signatureField="challengeResponse"
)
# https://developers.zoom.us/docs/api/webhooks/#validate-your-webhook-endpoint
ZOOM = declared(
    form="json-hmac",
    json="payload.plainToken",
    whenJson={"event": "endpoint.url_validation"},
    signatureField="encryptedToken",
)
# https://developers.asana.com/docs/webhooks-guide
ASANA = declared(form="header-echo", method="POST", header="x-hook-secret")
# https://discord.com/developers/docs/events/webhook-events
DISCORD = declared(form="empty", signed=True, whenJson={"type": 0})
# https://docs.github.com/en/webhooks/webhook-events-and-payloads#ping
GITHUB = declared(form="empty", whenHeader={"x-github-event": "ping"})
MAILCHIMP = declared(form="static", method="GET", query="setup", body="ok")


def a_post(document: Any, **parts: Any) -> RawRequest:
    return a_request(body=orjson.dumps(document), **parts)


def a_get(query: str) -> RawRequest:
    return a_request(method="GET", query=query)


class TestAnEcho:
    def test_of_json_is_the_challenge_as_text(self) -> None:
        raw = a_post({"token": "t", "challenge": "3eZbrw1a", "type": "url_verification"})

        assert Reply(headers=TEXT, body=b"3eZbrw1a") == answer([SLACK], raw, None)

    def test_of_json_may_be_json_again(self) -> None:
        raw = a_post({"challenge": "3eZb"})

        assert Reply(headers=JSON, body=b'{"challenge":"3eZb"}') == answer([MONDAY], raw, None)

    @pytest.mark.parametrize(
        "body",
        [
            b'{"type":"event_callback","event":{"text":"url_verification"},"challenge":"x"}',
            b'{"event":{"type":"url_verification"},"challenge":"x"}',
            b'[{"type":"url_verification","challenge":"x"}]',
            b'{"type":"url_verification","challenge":7}',
            b'{"type":"url_verification","challenge":""}',
            b'{"type":"url_verification"}',
            b'{"type":"url_verification","challenge":"x"',
            b"type=url_verification&challenge=x",
            b"",
        ],
    )
    def test_of_json_is_for_the_very_shape(self, body: bytes) -> None:
        """A message that only speaks of a handshake is a message."""
        assert answer([SLACK], a_request(body=body), None) is None

    def test_of_the_query_is_decoded_text_that_no_browser_runs(self) -> None:
        raw = a_request(query="validationToken=Validation%3A+%3Cscript%3E")

        assert Reply(headers=TEXT, body=b"Validation: <script>") == answer([GRAPH], raw, None)

    def test_of_the_query_needs_its_method_and_a_single_challenge(self) -> None:
        assert answer([DROPBOX], a_get("challenge=abc"), None) is not None
        assert answer([DROPBOX], a_request(query="challenge=abc"), None) is None
        assert answer([DROPBOX], a_get("challenge=abc&challenge=def"), None) is None
        assert answer([DROPBOX], a_get("challenge="), None) is None
        assert answer([DROPBOX], a_get("challenge=%ff"), None) is None
        assert answer([DROPBOX], a_get("challenge=" + "a" * 2049), None) is None

    def test_of_a_header_returns_it(self) -> None:
        raw = a_request(headers={"x-hook-secret": "b537207f20cbfa02"})

        assert Reply(headers=(("x-hook-secret", "b537207f20cbfa02"),)) == answer(
            [ASANA], raw, None
        )

    @pytest.mark.parametrize("value", ["", "a\r\nset-cookie: x=1", "é", "\0"])
    def test_of_a_header_returns_nothing_that_could_be_another(self, value: str) -> None:
        assert answer([ASANA], a_request(headers={"x-hook-secret": value}), None) is None

    def test_of_a_header_given_twice_is_refused(self) -> None:
        raw = a_request(headers=[("x-hook-secret", "a"), ("x-hook-secret", "b")])

        assert answer([ASANA], raw, None) is None


class TestAToken:
    QUERY = "hub.mode=subscribe&hub.challenge=1158201444&hub.verify_token="

    def test_that_is_ours_is_answered(self) -> None:
        reply = answer([META], a_get(self.QUERY + "app-secret"), KEY)

        assert Reply(headers=TEXT, body=b"1158201444") == reply

    @pytest.mark.parametrize(
        "given", ["", "app-secre", "app-secret2", "%C3%A9", "app-secret&x=1&hub.mode=no"]
    )
    def test_that_is_not_ours_gets_no_answer(self, given: str) -> None:
        assert answer([META], a_get(self.QUERY + given), KEY) is None

    @pytest.mark.parametrize("secret", [None, Secret(b"")])
    def test_is_never_empty(self, secret: Secret | None) -> None:
        assert answer([META], a_get(self.QUERY), secret) is None

    def test_may_have_a_place_of_its_own(self) -> None:
        assert SecretPlace(from_="global", name="VERIFY_TOKEN") == META.secret
        assert META.needs_secret
        assert not SLACK.needs_secret


class TestAComputedChallenge:
    def signature(self, challenge: str) -> str:
        return hmac.new(b"app-secret", challenge.encode(), hashlib.sha256).hexdigest()

    def test_of_the_query_comes_back_with_its_hmac(self) -> None:
        code = "890e4665-4dfe-4ab1-b689-ed553bceeed0"
        expected = {"challengeCode": code, "challengeResponse": self.signature(code)}
        reply = answer([LINKEDIN], a_get(f"challengeCode={code}"), KEY)

        assert reply is not None
        assert (200, JSON, expected) == (reply.status, reply.headers, orjson.loads(reply.body))

    def test_of_json_comes_back_with_its_hmac(self) -> None:
        raw = a_post(
            {"event": "endpoint.url_validation", "payload": {"plainToken": "qgg8vlvZRS6"}}
        )
        expected = {
            "plainToken": "qgg8vlvZRS6",
            "encryptedToken": self.signature("qgg8vlvZRS6"),
        }
        reply = answer([ZOOM], raw, KEY)

        assert reply is not None
        assert expected == orjson.loads(reply.body)

    def test_gets_no_answer_without_a_secret(self) -> None:
        assert answer([LINKEDIN], a_get("challengeCode=x"), None) is None


class TestAnEmptyAnswer:
    def test_is_for_the_exact_value_and_type(self) -> None:
        assert Reply(status=204) == answer([DISCORD], a_post({"type": 0}), None, verified=True)
        for other in (1, False, 0.0, "0", None):
            assert answer([DISCORD], a_post({"type": other}), None, verified=True) is None

    def test_that_must_be_signed_waits_for_the_signature(self) -> None:
        """Discord sends wrong signatures on purpose, and wants 401 for them."""
        assert answer([DISCORD], a_post({"type": 0}), None) is None
        assert (
            answer([SLACK], a_post({"type": "url_verification"}), None, verified=True) is None
        )

    def test_may_hang_on_a_header(self) -> None:
        assert Reply(status=204) == answer(
            [GITHUB], a_request(headers={"x-github-event": "ping"}), None
        )
        assert answer([GITHUB], a_request(headers={"x-github-event": "push"}), None) is None


class TestAStaticAnswer:
    def test_says_what_the_definition_says(self) -> None:
        page = declared(
            form="static",
            method="HEAD",
            query="x",
            status=202,
            headers={"Content-Type": "text/csv"},
        )

        assert Reply(headers=TEXT, body=b"ok") == answer([MAILCHIMP], a_get("setup=1"), None)
        assert Reply(
            status=202,
            headers=(("content-type", "text/csv"), ("x-content-type-options", "nosniff")),
        ) == answer([page], a_request(method="HEAD", query="x="), None)


class TestTheIngress:
    @pytest.mark.parametrize(
        ("handshake", "expected"),
        [
            (SLACK, HandshakeMatch(method="POST", body="url_verification")),
            (MONDAY, HandshakeMatch(method="POST", body="challenge")),
            (META, HandshakeMatch(method="GET", query="hub.challenge")),
            (ASANA, HandshakeMatch(method="POST", header="x-hook-secret")),
            (DISCORD, HandshakeMatch(body="type")),
            (GITHUB, HandshakeMatch(header="x-github-event")),
            (ZOOM, HandshakeMatch(body="endpoint.url_validation")),
        ],
    )
    def test_is_told_what_to_look_for(
        self, handshake: Handshake, expected: HandshakeMatch
    ) -> None:
        assert expected == handshake.match

    def test_is_not_told_a_text_that_json_may_write_otherwise(self) -> None:
        odd = declared(form="empty", whenJson={"kind": "a/b"})

        assert HandshakeMatch(body="kind") == odd.match


class TestADeclaration:
    @pytest.mark.parametrize(
        ("document", "said"),
        [
            ({"form": "query-echo"}, "query is missing"),
            ({"form": "json-hmac", "json": "a"}, "signatureField"),
            ({"form": "header-echo", "header": "X-Hook"}, "lower case"),
            ({"form": "empty", "method": "POST"}, "needs a condition"),
            (
                {"form": "query-echo", "method": "GET", "query": ""},
                "needs a condition|query is",
            ),
            ({"form": "empty", "method": "get", "query": "x"}, "upper case"),
            ({"form": "static", "query": "x", "status": 302}, "200 to 299"),
        ],
    )
    def test_that_cannot_work_is_refused_with_the_fix(
        self, document: dict[str, Any], said: str
    ) -> None:
        with pytest.raises(ValueError, match=said):
            declared(**document)

    def test_that_comes_first_wins(self) -> None:
        raw = a_post({"type": "url_verification", "challenge": "x"})

        assert SLACK == matching([ZOOM, SLACK, MONDAY], raw)
        assert matching([], raw) is None


ALL = [SLACK, MONDAY, META, DROPBOX, GRAPH, LINKEDIN, ZOOM, ASANA, DISCORD, GITHUB, MAILCHIMP]


@given(
    query=st.one_of(
        st.text(max_size=40), st.sampled_from(["challenge=%", "challengeCode=☃", "a&" * 200])
    ),
    body=st.one_of(
        st.binary(max_size=40),
        st.sampled_from([b"[" * 2000, b'{"payload":[]}', b'{"challenge":"\\ud800"}']),
    ),
    headers=st.lists(
        st.tuples(st.sampled_from(["x-hook-secret", "x-github-event"]), st.text(max_size=10))
    ),
    method=st.sampled_from(["GET", "POST", "HEAD"]),
    verified=st.booleans(),
)
def test_whatever_arrives_is_answered_or_let_on(
    query: str, body: bytes, headers: list[tuple[str, str]], method: str, verified: bool
) -> None:
    """Nobody can crash the worker before the signature is checked."""
    raw = a_request(query=query, body=body, headers=headers, method=method)
    for handshake in ALL:
        reply = answer([handshake], raw, KEY, verified=verified)
        assert reply is None or 200 <= reply.status <= 299
