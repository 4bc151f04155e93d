"""
The source guard: what a script may not even ask the compiler to look at.

The compiler takes twice as long per nested call and overflows its stack on long chains, so both are
bounded here; calls that reach the host, the network or a file are refused by name. It is the first wall
only: what it lets through runs in `worker_main` under limits and a deadline.
"""

from __future__ import annotations

import re
from typing import Final, NoReturn

from shared.errors import ScriptInvalid

LARGEST_SOURCE: Final = 16 << 10  # bytes
DEEPEST_BRACKETS: Final = 24
DEEPEST_CALLS: Final = 8
MOST_OPERATORS: Final = 256

DENIED_CALLS: Final = (
    "dns_lookup", "encode_proto", "get_env_var", "get_hostname", "get_timezone_name",
    "http_request", "parse_proto", "reverse_dns", "validate_json_schema",
)  # fmt: skip
DENIED_ARGUMENTS: Final = ("alias_sources", "desc_file", "psl", "schema_definition")

# Strings and comments are looked for here as well: over-refusing is harmless, and a lexer of our own
# that is fooled once would not be.
_DENIED = re.compile(
    rf"\b(?P<call>{'|'.join(DENIED_CALLS)})!?\(|\b(?P<argument>{'|'.join(DENIED_ARGUMENTS)})\s*:"
)

_TOKEN = re.compile(
    r"""
      (?P<comment>  \#[^\n]* )
    | (?P<text>     "(?:\\.|[^"\\])*" | (?<!\w)[srt]'(?:\\.|[^'\\])*' )
    | (?P<arrow>    -> )
    | (?P<operator> \|\| | && | \?\? | [=!<>]= | [-+*/%<>|!] | \bif\b )
    | (?P<call>     [A-Za-z_]\w*!?\( )
    | (?P<open>     [(\[{] )
    | (?P<close>    [)\]}] )
    | (?P<word>     \w+ )
    """,
    re.VERBOSE | re.DOTALL,
)


def check_source(script_name: str, source: str) -> None:
    """
    Raise `ScriptInvalid` unless *source* is small, flat, and calls nothing that reaches outside.

    >>> check_source("extract.vrl", "to_string!(parse_json!(.body).team_id)")
    >>> check_source("extract.vrl", '.x = get_env_var!("HOME")')
    Traceback (most recent call last):
    shared.errors.ScriptInvalid: extract.vrl:1: compile: calls get_env_var, which no script may call
    """
    guard = _Guard(script_name, source)
    guard.check_size()
    guard.check_names()
    guard.check_shape()


class _Guard:
    def __init__(self, script_name: str, source: str) -> None:
        self._name, self._source = script_name, source

    def check_size(self) -> None:
        try:
            size = len(self._source.encode())
        except UnicodeEncodeError:
            self._refuse("is not valid Unicode text")
        if size > LARGEST_SOURCE:
            self._refuse(f"is {size} bytes long; a script may have {LARGEST_SOURCE}")

    def check_names(self) -> None:
        found = _DENIED.search(self._source)
        if found and found["call"]:
            self._refuse(f"calls {found['call']}, which no script may call", found.start())
        if found:
            self._refuse(
                f"names the argument {found['argument']}, which reads a file", found.start()
            )

    def check_shape(self) -> None:
        open_brackets: list[bool] = []  # for each, whether it opened a call
        operators = 0
        for token in _TOKEN.finditer(self._source):
            match token.lastgroup:
                case "operator":
                    operators += 1
                case "call" | "open" as kind:
                    open_brackets.append(kind == "call")
                case "close" if open_brackets:
                    open_brackets.pop()
            self._check_bounds(open_brackets, operators, token.start())

    def _check_bounds(self, open_brackets: list[bool], operators: int, place: int) -> None:
        if len(open_brackets) > DEEPEST_BRACKETS:
            self._refuse(f"nests brackets deeper than {DEEPEST_BRACKETS}", place)
        if sum(open_brackets) > DEEPEST_CALLS:
            self._refuse(f"nests calls deeper than {DEEPEST_CALLS}; use a variable", place)
        if operators > MOST_OPERATORS:
            self._refuse(f"has more than {MOST_OPERATORS} operators", place)

    def _refuse(self, problem: str, place: int | None = None) -> NoReturn:
        line = None if place is None else self._source.count("\n", 0, place) + 1
        raise ScriptInvalid(self._name, "compile", problem, line)
