"""The source guard: each limit holds at its edge, and nothing real is refused."""

from __future__ import annotations

import pytest

from shared.errors import ScriptInvalid
from shared.vrl.guard import (
    DEEPEST_BRACKETS,
    DEEPEST_CALLS,
    DENIED_ARGUMENTS,
    DENIED_CALLS,
    LARGEST_SOURCE,
    MOST_OPERATORS,
    check_source,
)


def calls(depth: int) -> str:
    return "to_string!(" * depth + "1" + ")" * depth


AT_THE_EDGE = {
    "size": "#" * LARGEST_SOURCE,
    "size in bytes": "#" + "é" * (LARGEST_SOURCE // 2 - 1),
    "brackets": "[" * DEEPEST_BRACKETS + "]" * DEEPEST_BRACKETS,
    "calls": calls(DEEPEST_CALLS),
    "calls, often": "\n".join([calls(DEEPEST_CALLS)] * 50),
    "operators": "1" + " + 1" * MOST_OPERATORS,
}
PAST_THE_EDGE = {
    "is 16385 bytes long": "#" * (LARGEST_SOURCE + 1),
    "is 16386 bytes long": "é" * (LARGEST_SOURCE // 2 + 1),
    "nests brackets deeper than 24": "[" * (DEEPEST_BRACKETS + 1)
    + "]" * (DEEPEST_BRACKETS + 1),
    "nests calls deeper than 8": calls(DEEPEST_CALLS + 1),
    "has more than 256 operators": "1" + " + 1" * (MOST_OPERATORS + 1),
}
CHAINS = [
    "1" + " || 1" * 300,
    "1" + " ?? 1" * 300,
    "!" * 300 + "true",
    "if a {}" + " else if a {}" * 300,
]


class TestTheGuard:
    @pytest.mark.parametrize("source", AT_THE_EDGE.values(), ids=AT_THE_EDGE)
    def test_lets_through_what_is_just_allowed(self, source):
        assert check_source("extract.vrl", source) is None

    @pytest.mark.parametrize(("words", "source"), PAST_THE_EDGE.items())
    def test_refuses_what_is_just_too_much(self, words, source):
        with pytest.raises(ScriptInvalid, match=words) as invalid:
            check_source("extract.vrl", source)

        assert ("extract.vrl", "compile") == (invalid.value.script, invalid.value.kind)

    @pytest.mark.parametrize("source", CHAINS)
    def test_refuses_long_chains_of_any_operator(self, source):
        with pytest.raises(ScriptInvalid, match="more than 256 operators"):
            check_source("extract.vrl", source)

    @pytest.mark.parametrize("name", DENIED_CALLS)
    @pytest.mark.parametrize("form", [".x = 1\n{}(1)", "# a comment\n{}!(1)"])
    def test_refuses_calls_that_reach_outside_and_says_where(self, name, form):
        with pytest.raises(
            ScriptInvalid, match=f"^extract.vrl:2: compile: calls {name}, which"
        ):
            check_source("extract.vrl", form.format(name))

    @pytest.mark.parametrize("name", DENIED_ARGUMENTS)
    def test_refuses_arguments_that_name_a_file(self, name):
        with pytest.raises(
            ScriptInvalid, match=f"names the argument {name}, which reads a file"
        ):
            check_source("extract.vrl", f'parse_groks!(.a, [], {name} : ["/etc/passwd"])')

    def test_is_not_fooled_by_closing_brackets_in_text(self):
        source = 'to_string!(")))))" + ' * 9 + "1" + ")" * 9

        with pytest.raises(ScriptInvalid, match="nests calls"):
            check_source("extract.vrl", source)

    @pytest.mark.parametrize(
        "source",
        [
            "# (((((((((((((((((((((((((((((( :-(\n1",
            'x = "[[[[[[[[[[[[[[[[[[[[[[[[[[[[[["',
            "x = r'((((((((((((((((((((((((((((((a)'",
            '# log("a") is fine, and so is the word http_request without its bracket',
            "my_http_request(1)",
            '.psl_list = {"psl": 1}',
        ],
    )
    def test_takes_text_for_text(self, source):
        assert check_source("extract.vrl", source) is None

    def test_refuses_text_that_is_no_unicode(self):
        with pytest.raises(ScriptInvalid, match="is not valid Unicode text"):
            check_source("extract.vrl", '"\ud800"')
