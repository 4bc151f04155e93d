"""
VRL's drawings of an error, read: kind, message and line.

::

    error[E000]: function call error for "assert" at (0:32): no team
      ┌─ :1:1
      │
    1 │ assert!(false, message: "no team")
      │ ^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^ no team

The first line, up to the frame, is the text that Botpress's engine reports too.
"""

from __future__ import annotations

import re
from typing import Final, TypedDict

LONGEST_MESSAGE: Final = 1000  # characters; a script can put a whole body into one

_HEAD = re.compile(
    r"error\[(?P<code>E\d+)\]: (?P<text>.*?)\n *┌─ [^\n]*?:(?P<line>\d+):\d+\n", re.DOTALL
)
_HEAD_ALONE = re.compile(r"error\[E\d+\]: (?P<text>.*?)\n *= see language", re.DOTALL)
_LABEL = re.compile(r"^ *│[ │^╭╰─-]*(?P<text>[^\n]*)$", re.MULTILINE)
_ABORTED = re.compile(r"^ *│[^\n]*\^ aborted$", re.MULTILINE)


class Problem(TypedDict):
    """What went wrong in a script; *line* is a line of the script, where one is known."""

    kind: str  # compile, runtime, abort, timeout, input, crashed or quarantined
    message: str
    line: int | None


def problem(kind: str, message: str, line: int | None = None) -> Problem:
    """
    A problem whose message is bounded.

    >>> problem("runtime", "x" * 5000)["message"][-3:]
    'xx…'
    """
    if len(message) > LONGEST_MESSAGE:
        message = message[: LONGEST_MESSAGE - 1] + "…"
    return {"kind": kind, "message": message, "line": line}


def run_problem(diagnostic: str) -> Problem:
    """What VRL said when a script failed or aborted, in its own words."""
    head = _HEAD.search(diagnostic)
    if head is None:
        alone = _HEAD_ALONE.search(
            diagnostic
        )  # an operator's failure has no place in the source
        return problem("runtime", alone["text"] if alone else diagnostic.strip())
    text, line = head["text"], int(head["line"])
    called = text.startswith("function call error")
    aborted = not called and _ABORTED.search(diagnostic, head.end())
    return problem("abort" if aborted else "runtime", text, line)


def compile_problem(diagnostic: str) -> Problem:
    """The first error of a compilation with its labels, and how many follow."""
    head = _HEAD.search(diagnostic)
    if head is None:
        return problem("compile", diagnostic.strip())
    drawing = diagnostic[head.end() :].partition("\n  =")[0]
    labels = "; ".join(found["text"] for found in _LABEL.finditer(drawing) if found["text"])
    text = f"{head['code']} {head['text']}" + (f": {labels}" if labels else "")
    more = len(_HEAD.findall(diagnostic)) - 1
    return problem("compile", text + (f" (and {more} more)" if more else ""), int(head["line"]))
