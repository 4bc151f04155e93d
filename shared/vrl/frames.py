"""
What the pool and a worker say to each other, over one socket.

Each way a frame is four bytes of length and a body. A request's body is one line of JSON, the `Job`, and
behind its newline the event, or the events, as JSON. A reply's body is one byte that says what it is, and
JSON.
"""

from __future__ import annotations

import struct
from typing import Final, NotRequired, TypedDict

LENGTH: Final = struct.Struct(">I")
LARGEST_EVENT: Final = 32 << 20  # bytes of JSON
LARGEST_RESULT: Final = 16 << 20
LONGEST_TURN: Final = 0.01  # seconds after which the rest of a frame goes back, since others may wait for the worker

READY, RESULT, PROBLEM, LINES, LACKS = b"R", b"V", b"P", b"S", b"L"


class Job(TypedDict):
    """What a worker is asked to do; *source* is there if the worker may lack the program."""

    do: str  # compile; run: one event; lines: one event per line; turn: the same, for a moment only
    key: str
    source: NotRequired[str]


def frame(body: bytes) -> bytes:
    r"""
    *body* as it goes over the socket.

    >>> frame(b"abc")
    b'\x00\x00\x00\x03abc'
    """
    return LENGTH.pack(len(body)) + body
