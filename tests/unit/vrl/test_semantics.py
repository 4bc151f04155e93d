"""
What VRL means, case by case, as `@bpinternal/verel@0.2.0` (Botpress's engine) answered in Node 20.

Integers beyond 2^53 are the one difference on purpose: they stay exact here.
"""

from __future__ import annotations

from typing import Any

import pytest

from shared.errors import ScriptFailed, ScriptInvalid
from shared.vrl.pool import VrlPool

pytestmark = pytest.mark.asyncio(loop_scope="module")

EVENT = {
    "query": "a=1&a=2&b=&c&d=%20x+y&hub.mode=z",
    "body": '{"id":9007199254740993,"list":[{"x":1},{"x":2}]}',
    "headers": {"x-a": "v"},
    "one": 1.0,
    "half": 1.5,
    "thousand": 1e3,
    "big": 2**63,
    "nothing": None,
    "list": [1, 2.0, {"z": 3.0}],
    "when": "2020-01-01T00:00:00.123Z",
}

VALUES: list[tuple[str, Any]] = [
    ("", None),
    ("# only a comment", None),
    ("to_string!(null)", ""),
    ("to_string!(1)", "1"),
    ("to_string!(.one)", "1"),
    ("to_string!(.half)", "1.5"),
    ("to_string!(.thousand)", "1000"),
    ("to_string!(true)", "true"),
    ("to_string!(parse_json!(.body).id)", "9007199254740993"),
    ("parse_json!(.body).id", 9007199254740993),
    ("to_string!(.big)", "9223372036854776000"),
    (".a.b.c", None),
    (".half.b", None),
    (".list[0].x", None),
    (".list[-1].z", 3),
    (".list[99]", None),
    (r'parse_json!("{\"a\":1,\"a\":2}")', {"a": 2}),
    (
        "parse_query_string!(.query)",
        {"a": ["1", "2"], "b": "", "c": "", "d": " x y", "hub.mode": "z"},
    ),
    ('parse_query_string!("?a=1")', {"a": "1"}),
    ('parse_query_string!("")', {}),
    ('decode_percent!("a%20b+c%2B%ZZ")', "a b+c+%ZZ"),
    ('encode_percent("a-b_c.d~é &/")', "a%2Db%5Fc%2Ed%7E%C3%A9%20%26%2F"),
    ('encode_json({"b":1,"a":[1,2.5,null,"x"]})', '{"a":[1,2.5,null,"x"],"b":1}'),
    (
        'encode_base16(hmac("v","k"))',
        "c5d4be1992d50d3b41f9a21292fc67a28a1486fc64a0517d37f9af847e0732de",
    ),
    ('decode_base64!("YQ")', "a"),
    ('decode_base64!("YQ==")', "a"),
    ('decode_base64!("gICA")', "���"),
    ('replace("a.b.c", ".", "")', "abc"),
    ("[to_bool!(null), to_bool!(2), to_bool!(0)]", [False, True, False]),
    ('[to_bool!("yes"), to_bool!("t"), to_bool!("f"), to_bool!("n")]', [True, True, False, False]),
    ('[is_nullish(null), is_nullish(""), is_nullish("-"), is_nullish("  ")]', [True] * 4),
    ("[is_nullish([]), is_nullish({}), is_nullish(0), is_nullish(false)]", [False] * 4),
    ("[exists(.nothing), exists(.nope), exists(.list[0])]", [True, False, True]),
    ('get(.list, ["x"]) ?? null', None),
    ('[length!("é"), length!([1,2])]', [2, 2]),
    ('"p" + null', "p"),
    ('x, err = "p" + 5\n[x, err == null]', ["", False]),
    (
        'v, err = parse_json("x")\n[v, err]',
        [
            None,
            'function call error for "parse_json" at (9:24): unable to parse json: expected value at line 1 column 1',
        ],
    ),
    ('[.one == 1, .one == "1"]', [True, False]),
    ("if false { 1 }", None),
    ('[null || "r", false || "r", 0 || "r"]', ["r", "r", 0]),
    ('x = 5\n"{{ x }}"', 5),
    ('x = "v"\n"a{{ x }}b"', "avb"),
    (r'"\{{ x }}"', "{{ x }}"),
    ('.headers."x-a"', "v"),
    ("9223372036854775807", 2**63 - 1),
    ("9223372036854775807 + 1", -(2**63)),
    ("2.0", 2),
    ("t'2021-02-03T04:05:06.007Z'", "2021-02-03T04:05:06.007Z"),
    ('{"at": parse_timestamp!(.when, "%+")}', {"at": "2020-01-01T00:00:00.123Z"}),
    ("t'2021-02-03T04:05:06Z'", "2021-02-03T04:05:06Z"),
    ("return .half", 1.5),
    (".list = 7\n.list", 7),
    ('split("a/b/c","/")[1]', "b"),
    ('join!(["a","b"], "-")', "a-b"),
    ('starts_with("abc","ab")', True),
]  # fmt: skip


class TestAValue:
    @pytest.mark.parametrize(
        ("source", "expected"), VALUES, ids=[source for source, _ in VALUES]
    )
    async def test_is_what_botpress_answers(self, pool, source, expected):
        value = await pool.run("case.vrl", source, EVENT)

        assert (expected, type(expected)) == (value, type(value))

    async def test_of_a_string_that_looks_like_a_time_stays_as_it_is(self, pool: VrlPool):
        """Ruby writes times this way; only a script that makes timestamps can return one."""
        said = {"at": "2020-01-01 00:00:00 UTC"}

        assert said == await pool.run("extract.vrl", ".", said)

    async def test_is_not_changed_by_the_hosts_time_zone(self, pool):
        source = 'parse_timestamp!("2020-01-01 00:00", "%F %H:%M")'

        assert "2020-01-01T00:00:00Z" == await pool.run("zone.vrl", source, {})


RUN_ERRORS = [
    ("to_string!(.list)", "unable to coerce"),
    ('parse_json!("")', "unable to parse json: EOF"),
    ("parse_json!(.nothing)", "expected string, got null"),
    ("parse_query_string!(.nothing)", "expected string, got null"),
    ('decode_base64!("-_8=")', "unable to decode value from base64"),
    ('to_bool!("")', 'Invalid boolean value ""'),
    ("assert!(false)", "assertion failed"),
    (
        'assert!(false, message: "no team")',
        'function call error for "assert" at (0:34): no team',
    ),
]


class TestAFailure:
    @pytest.mark.parametrize(("source", "words"), RUN_ERRORS, ids=[s for s, _ in RUN_ERRORS])
    async def test_says_what_vrl_says(self, pool, source, words):
        with pytest.raises(ScriptFailed) as failed:
            await pool.run("extract.vrl", source, EVENT)

        assert ("runtime", 1) == (failed.value.kind, failed.value.line)
        assert words in failed.value.message

    @pytest.mark.parametrize(
        ("source", "message", "line"),
        [
            ("abort", "aborted", 1),
            ('\nabort "bye"', "bye", 2),
            ('.x = 1\n\nif true {\n  abort "no\nteam"\n}', "no\nteam", 4),
        ],
    )
    async def test_of_an_abort_is_its_text(self, pool, source, message, line):
        with pytest.raises(ScriptFailed) as failed:
            await pool.run("fallback.vrl", source, EVENT)

        error = failed.value
        assert ("abort", message, line) == (error.kind, error.message, error.line)

    async def test_of_an_operator_has_no_line(self, pool):
        with pytest.raises(ScriptFailed) as failed:
            await pool.run("extract.vrl", 'x = to_float!("1e308") * 10.0\nx - x', {})

        error = failed.value
        assert ("can't subtract type float from float", None) == (error.message, error.line)

    async def test_of_an_assertion_that_says_aborted_is_no_abort(self, pool):
        with pytest.raises(ScriptFailed) as failed:
            await pool.run("fallback.vrl", 'assert!(false, message: "aborted")', EVENT)

        assert "runtime" == failed.value.kind

    async def test_keeps_a_long_text_short(self, pool):
        with pytest.raises(ScriptFailed) as failed:
            await pool.run(
                "fallback.vrl", "abort to_string!(.text)", {"text": "long " * 10_000}
            )

        assert 1000 == len(failed.value.message)


COMPILE_ERRORS = [
    ("1 ?? 2", "E651", 1),
    ("\n1 / 0", "E100", 2),
    ("to_string(.list)", "E100", 1),
    ("parse_json(.body)", "E110", 1),
    ("parse_json!(null)", "E110", 1),
    ('x = 1\n\n"{{ .a }}"', "E701", 3),
    (".headers.x-a", "E701", 1),
    ("nonsense!(1)", "E105", 1),
    ('get_secret("K")', "E105", 1),
    ("(", "E204", 1),
    (r'"\u00e9"', "E202", 1),
    # LinkedIn's script of Botpress: compiles nowhere.
    ('parts = split(.a, ":") ?? []\nparts[length(parts) - 1]', "E203", 2),
]  # fmt: skip


class TestAScriptThatDoesNotCompile:
    @pytest.mark.parametrize(("source", "code", "line"), COMPILE_ERRORS)
    async def test_is_refused_with_code_and_line(self, pool, source, code, line):
        with pytest.raises(ScriptInvalid) as invalid:
            await pool.compile("extract.vrl", source)

        error = invalid.value
        assert ("extract.vrl", "compile", line) == (error.script, error.kind, error.line)
        assert error.message.startswith(code)

    async def test_is_refused_by_run_in_the_same_words(self, pool):
        with pytest.raises(
            ScriptInvalid, match=r"^link\.vrl:1: compile: E701 call to undefined"
        ):
            await pool.run("link.vrl", "nothing", {})
