"""What a routing script sees, and what its value means."""

from __future__ import annotations

from typing import Any

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.routing import Slice, by_pointer, fallback_reply, left_out, script_event, slices
from tests.unit.signature_builders import a_request

ANY_JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=250),
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.dictionaries(
            st.sampled_from(["identifier", "body", "status", "headers", "x"])
            | st.text(max_size=3),
            inner,
            max_size=4,
        )
    ),
    max_leaves=12,
)


def names(value: Any) -> list[str]:
    return [part.identifier for part in slices(value)]


class TestAnEvent:
    def test_has_what_botpress_documents(self) -> None:
        raw = a_request(
            path="/sub",
            query="a=1&b=%20",
            headers=[("x-a", "1"), ("x-b", "2"), ("x-a", "3")],
            body='{"é":1}'.encode(),
        )

        assert {
            "path": "/sub",
            "method": "POST",
            "query": "a=1&b=%20",
            "headers": {"x-a": "1, 3", "x-b": "2"},
            "body": '{"é":1}',
            "secrets": {"TOKEN": "t"},
        } == script_event(raw, {"TOKEN": "t"})

    def test_without_a_body_has_none_and_a_query_that_is_text(self) -> None:
        event = script_event(a_request(), {})

        assert "body" not in event
        assert "" == event["query"]

    def test_says_when_its_body_was_no_text(self) -> None:
        """A script that computes an HMAC over it fails, as it must."""
        event = script_event(a_request(body=b"\xffok"), {})

        assert ("\ufffdok", False) == (event["body"], event["bodyIsText"])
        assert "bodyIsText" not in script_event(a_request(body=b"ok"), {})


class TestAnIdentifier:
    @pytest.mark.parametrize(
        ("value", "expected"),
        [
            ("T1", ["T1"]),
            (" T1\n", [" T1\n"]),
            (62515, ["62515"]),
            (-1, ["-1"]),
            (0, ["0"]),
            (2**63, ["9223372036854775808"]),
            ("x" * 200, ["x" * 200]),
            (["T1", 7, "T1", "7"], ["T1", "7"]),
            ([{"identifier": "T1"}, "T1"], ["T1"]),
            (["b", "a"], ["b", "a"]),
        ],
    )
    def test_is_text_or_an_integer_or_several(self, value: Any, expected: list[str]) -> None:
        assert expected == names(value)

    @pytest.mark.parametrize(
        "value",
        [None, "", True, False, 1.0, 1e300, {}, {"identifier": "T1"}, [], [[]], [["T1"]], "x" * 201, "a\0b",
         "\ud800", 10**300, [{}], [{"body": "x"}], [{"identifier": True}], [None, "", 1.5]],
    )  # fmt: skip
    def test_is_nothing_else(self, value: Any) -> None:
        assert [] == names(value)


class TestASlice:
    @pytest.mark.parametrize(
        ("body", "expected"),
        [
            ('{"a": 1}', b'{"a": 1}'),
            ("", b""),
            ("é", "é".encode()),
            ({"a": [1, "é"]}, '{"a":[1,"é"]}'.encode()),
            ([], b"[]"),
            (7, b"7"),
        ],
    )
    def test_has_its_own_body(self, body: Any, expected: bytes) -> None:
        assert [Slice("T1", expected)] == slices([{"identifier": "T1", "body": body}])

    def test_without_a_body_is_the_whole_request(self) -> None:
        assert [Slice("T1", None)] == slices([{"identifier": "T1"}])

    @pytest.mark.parametrize("body", [None, {"a": 2**80}, {"a": "\ud800"}, "\ud800"])
    def test_whose_body_is_lost_is_left_out(self, body: Any) -> None:
        """It must not become the whole request, which holds what belongs to others."""
        value = [{"identifier": "T1", "body": body}, "T2"]

        assert ["T2"] == names(value)
        assert 1 == left_out(value)

    def test_is_one_for_the_same_identifier_and_body(self) -> None:
        one = {"identifier": "T1", "body": "x"}

        assert [Slice("T1", b"x"), Slice("T1", b"y")] == slices(
            [one, {**one, "body": "y"}, one]
        )

    @given(ANY_JSON)
    def test_is_made_of_any_value_without_a_crash(self, value: Any) -> None:
        found = slices(value)

        assert len(found) == len(set(found))
        assert all(1 <= len(part.identifier) <= 200 for part in found)
        assert left_out(value) + len(found) <= (len(value) if isinstance(value, list) else 1)


class TestAPointer:
    BODY = orjson.dumps(
        {
            "a/b": {"m~n": "T1"},
            "entry": [{"id": 7}],
            "ids": ["x", {"identifier": "y"}, 3],
            "": "e",
        }
    )

    @pytest.mark.parametrize(
        ("pointer", "expected"),
        [
            ("/a~1b/m~0n", ["T1"]),
            ("/entry/0/id", ["7"]),
            ("/ids", ["x", "3"]),
            ("/", ["e"]),
            ("/entry/1/id", []),
            ("/entry/00/id", []),
            ("/entry/-/id", []),
            ("/ids/1", []),
            ("/nothing/here", []),
            ("", []),
        ],
    )
    def test_finds_the_identifier_of_a_large_body(
        self, pointer: str, expected: list[str]
    ) -> None:
        """https://www.rfc-editor.org/rfc/rfc6901, less what is no identifier."""
        found = by_pointer(pointer, a_request(body=self.BODY))

        assert expected == [part.identifier for part in found]

    @given(st.text(max_size=20), st.binary(max_size=30))
    def test_finds_nothing_in_what_is_no_json(self, pointer: str, body: bytes) -> None:
        by_pointer(f"/{pointer}", a_request(body=body))
        assert [] == by_pointer(f"/{pointer}", a_request(body=b"{" + body))


class TestAFallbackReply:
    def test_is_what_the_script_says(self) -> None:
        value = {"status": 201, "headers": {"Content-Type": "text/xml"}, "body": "<a/>"}
        reply = fallback_reply(value)

        assert (201, b"<a/>") == (reply.status, reply.body)
        assert {"content-type": "text/xml", "x-content-type-options": "nosniff"} == dict(
            reply.headers
        )

    def test_of_only_a_body_is_plain_text(self) -> None:
        """Slack's script returns no more than that."""
        reply = fallback_reply({"body": "3eZbrw1a"})

        assert 200 == reply.status
        assert "text/plain; charset=utf-8" == dict(reply.headers)["content-type"]

    @pytest.mark.parametrize(
        "value", [None, "", "text", 7, [], {}, {"status": None, "body": 7}]
    )
    def test_of_anything_else_is_an_empty_200(self, value: Any) -> None:
        """Notion's script returns {}."""
        reply = fallback_reply(value)

        assert (200, (), b"") == (reply.status, reply.headers, reply.body)

    @pytest.mark.parametrize("status", [True, 0, 99, 101, 600, 404.0, "404", -1])
    def test_needs_a_status_that_ends_an_exchange(self, status: Any) -> None:
        assert 200 == fallback_reply({"status": status}).status

    def test_without_content_has_no_body(self) -> None:
        reply = fallback_reply({"status": 204, "body": "x"})

        assert (b"", ()) == (reply.body, reply.headers)

    @pytest.mark.parametrize(
        ("name", "value"),
        [
            ("Content-Length", "5"),
            ("Transfer-Encoding", "chunked"),
            ("Connection", "close"),
            ("Set-Cookie", "a=b"),
            ("Clear-Site-Data", "*"),
            ("Service-Worker-Allowed", "/"),
            ("x-a", "1\r\nx-b: 2"),
            ("x a", "1"),
            ("", "1"),
            ("x-a", "☃"),
            ("x-a", 7),
        ],
    )
    def test_sends_no_header_that_could_harm(self, name: str, value: Any) -> None:
        assert () == fallback_reply({"headers": {name: value}}).headers

    @given(ANY_JSON)
    def test_is_made_of_any_value_without_a_crash(self, value: Any) -> None:
        reply = fallback_reply(value)

        assert 200 <= reply.status <= 599
