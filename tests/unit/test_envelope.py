"""What an integration's server is sent, and what its answers mean in both generations of the SDK."""

from __future__ import annotations

import json

import pytest

from shared.envelope import ending_in, is_success, may_pass, reply_of, request_body, said_in
from shared.model.calls import HttpAnswer
from shared.model.requests import RawRequest

RUNTIME = b'{"id":"err_1","code":400,"type":"Runtime","message":"no"}'
INVALID = b'{"id":"err_1","code":400,"type":"InvalidPayload","message":"no"}'


def an_answer(status: int = 200, body: bytes = b"{}", **headers: str) -> HttpAnswer:
    spelt = tuple((name.replace("_", "-"), value) for name, value in headers.items())
    lower = tuple((name.lower(), value) for name, value in spelt)
    return HttpAnswer(status=status, headers=lower, spelt=spelt, body=body)


@pytest.mark.parametrize(
    ("expected", "status", "body"),
    [
        (True, 500, RUNTIME),  # generation 7, whatever was raised
        (True, 400, RUNTIME),  # generation 5
        (False, 400, INVALID),
        (False, 400, b"not JSON"),
        (False, 404, RUNTIME),
        (True, 429, b""),
        (True, 503, b""),
        (False, 431, b""),
    ],
)
def test_what_may_pass_is_told_from_what_will_not(
    expected: bool, status: int, body: bytes
) -> None:
    assert expected is may_pass(an_answer(status, body))


@pytest.mark.parametrize(
    ("expected", "status", "body"),
    [
        ("no", 400, RUNTIME),
        ("Missing bot user header", 500, b'{"error":"Missing bot user header"}'),
        ("it answered 502", 502, b"<html>"),
        ("it answered 500", 500, b"[1]"),
        ("it answered 400", 400, b"[" * 100_000),
        ("it answered 400", 400, b'{"message":"\\ud800"}'),
    ],
)
def test_words_are_the_server_s_own(expected: str, status: int, body: bytes) -> None:
    assert expected == said_in(an_answer(status, body)).message


def test_headers_that_are_too_large_for_node_are_explained() -> None:
    assert "--max-http-header-size" in said_in(an_answer(431, b"")).message


@pytest.mark.parametrize("body", [b"[" * 100_000, b"9" * 10_000 + b"]", b"\xff"])
def test_a_body_that_nobody_can_read_has_a_type_that_nobody_runs(body: bytes) -> None:
    assert ("content-type", "text/plain; charset=utf-8") in reply_of(
        an_answer(200, body)
    ).headers


def test_a_reply_keeps_the_spelling_and_loses_what_belongs_to_the_hop() -> None:
    answer = an_answer(
        202, b"x", Content_Type="text/plain", X_One="1", Connection="keep-alive, X-Hop", X_Hop="1",
        Transfer_Encoding="chunked", Date="now", X_Bp_Disable_Interstitial="true",
    )  # fmt: skip
    reply = reply_of(answer)

    assert (("Content-Type", "text/plain"), ("X-One", "1")) == reply.headers
    assert (202, b"x") == (reply.status, reply.body)


@pytest.mark.parametrize(
    ("expected", "body"),
    [("application/json", b"{}"), ("text/plain; charset=utf-8", b"<p>"), (None, b"")],
)
def test_a_body_without_a_type_gets_one(expected: str | None, body: bytes) -> None:
    assert expected == dict(reply_of(an_answer(body=body)).headers).get("content-type")


@pytest.mark.parametrize(
    "location",
    [
        "/oauth/wizard/next?success=true",
        "https://x.example/oauth/interstitial",
        "https://[",
        "",
    ],
)
def test_other_redirects_are_no_end(location: str) -> None:
    assert ending_in(an_answer(303, Location=location)) is None


def test_a_page_that_names_the_interstitial_is_no_end() -> None:
    assert ending_in(an_answer(200, Location="/oauth/interstitial?success=true")) is None


def test_an_end_may_be_a_good_one() -> None:
    ending = ending_in(an_answer(303, Location="/oauth/interstitial?success=true"))

    assert ending is not None
    assert ending.success


@pytest.mark.parametrize("status", [199, 300, 404])
def test_success_is_2xx(status: int) -> None:
    assert not is_success(an_answer(status))
    assert is_success(an_answer(204))


def test_a_header_holds_latin_1_as_it_came() -> None:
    raw = RawRequest(
        id="r", door="global", method="get", path="/", received_at=0,
        headers=(("x-name", "Zo\xeb"), ("cookie", "__Host-waypost-flow=x")), body=b"\xff",
    )  # fmt: skip
    body = request_body(raw, "/a", "get")
    req = json.loads(body)["req"]

    assert body.isascii()
    assert {"x-name": "Zo\xeb"} == req["headers"]
    assert ("GET", "/a", "�") == (req["method"], req["path"], req["body"])
