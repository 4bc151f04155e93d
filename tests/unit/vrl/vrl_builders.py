"""Events and scripts that the VRL tests share."""

from __future__ import annotations

import hashlib
from typing import Any

import orjson

from shared.vrl.script import Script

# Passes the guard, and takes longer than anybody waits.
SLOW = """
turns = array!(.turns)
for_each(turns) -> |_a, _b| { for_each(turns) -> |_c, _d| { for_each(turns) -> |_e, _f| { .x = 1 } } }
"""
TURNS = {"turns": [0] * 2000}

# Passes the guard, and asks for more memory than there is: doubles a text sixty times.
HUNGRY = 'text = "sixteen letters!"\n' + "text = text + text\n" * 60 + "text"

# Passes the guard, and asks for it at once.
GREEDY = '"x" * 900000000000000'


def a_request(body: Any = None, **parts: Any) -> dict[str, Any]:
    """An event as extract and fallback scripts get it."""
    text = body if isinstance(body, str) else orjson.dumps(body).decode()
    event = {
        "path": "/",
        "method": "POST",
        "query": "",
        "headers": {},
        "body": text,
        "secrets": {},
    }
    return event | parts


def unguarded(source: str) -> Script:
    """*source* as if the guard had let it through."""
    return Script("hostile.vrl", source, hashlib.sha256(source.encode()).hexdigest())
