"""Events for scripts: random, from a seed, and made of the words that the script itself looks for."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from random import Random
from typing import Any
from urllib.parse import quote, urlencode

WORD = re.compile(r'\."?([A-Za-z_][\w-]*)')  # what is looked up
COMMENT = re.compile(r"#[^\n]*")
VALUES: tuple[Any, ...] = (
    "T024BE7LD", "", " ", "zoë 😀", "a%20b+c", "true", "-", "0", 0, 7, -1, 4503599627370497, 1.5, True,
    False, None, [], {},
)  # fmt: skip


def events_for(source: str, count: int, seed: int) -> Iterator[dict[str, Any]]:
    """*count* events that the script of that *source* may meet."""
    random = Random(f"{seed}{source}")
    words = sorted(set(WORD.findall(COMMENT.sub("", source)))) or ["a"]
    for _ in range(count):
        yield _event(random, words)


def _event(random: Random, words: list[str]) -> dict[str, Any]:
    event: dict[str, Any] = {
        "path": random.choice(["/", "/sandbox", "/interactive"]),
        "method": random.choice(["GET", "POST"]),
        "query": _query(random, words),
        "headers": {word.lower(): _text(random) for word in random.sample(words, min(4, len(words)))},
        "secrets": {word: _text(random) for word in words if word.isupper()},
        "webhookId": random.choice(["4b2f0c6e-0000-4000-8000-000000000001", ""]),
        "webhookUrl": random.choice(["https://hooks.example", ""]),
        "env": random.choice(["production", "development", "preview"]),
        "oauthState": "s",
    }  # fmt: skip
    body = _body(random, words)
    return event if body is None else {**event, "body": body}


def _body(random: Random, words: list[str]) -> str | None:
    text = json.dumps(_json(random, words, depth=4), ensure_ascii=random.random() < 0.5)
    match random.randrange(12):
        case 0:
            return None
        case 1:
            return random.choice(["", "null", "[", "{}", "[]", "\ufeff{}", "1", '"x"'])
        case 2:
            return text[: random.randrange(len(text) + 1)]
        case 3:
            return f"payload={quote(text)}"
        case 4:
            return _query(random, words)
        case _:
            return text


def _json(random: Random, words: list[str], depth: int) -> Any:
    if depth == 0 or random.random() < 0.15:
        return random.choice(VALUES)
    if depth < 4 and random.random() < 0.2:
        return [_json(random, words, depth - 1) for _ in range(random.randrange(4))]
    chosen = random.sample(words, random.randrange(min(len(words), 8) + 1))
    return {word: _json(random, words, depth - 1) for word in chosen}


def _query(random: Random, words: list[str]) -> str:
    pairs = [(random.choice(words), _text(random)) for _ in range(random.randrange(4))]
    return urlencode(pairs) + random.choice(["", "&", "&a", "&=1", "&%ZZ=1"])


def _text(random: Random) -> str:
    return str(random.choice(VALUES))
