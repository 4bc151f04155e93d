"""
What is known beside a cause, in the reader's language.

The steps of a flow say it in English, since they do not know who will read it, and so it is stored. A page finds the
sentence again by the English messages. What a provider or an integration says is quoted as it is.
"""

from __future__ import annotations

import re
from typing import Final

from workers.jobs.pages.words import CATALOGUES, language, say

_TABLE = "details."
_INNER = frozenset({"what", "why"})  # places that hold such a sentence themselves


def _pattern(template: str) -> re.Pattern[str]:
    """What *template* looks like with its places filled."""
    return re.compile(re.sub(r"\\\{(\w+)\\\}", r"(?P<\1>.+?)", re.escape(template)), re.DOTALL)


_SENTENCES: Final = tuple(
    (key, _pattern(template))
    for key, template in CATALOGUES["en"].items()
    if key.startswith(_TABLE)
)


def translated(detail: str) -> str:
    """
    *detail* as the reader would say it, where it is one of our sentences.

    >>> translated("the callback brought shop: a host name"), translated("no such thing")
    ('the callback brought shop: a host name', 'no such thing')
    """
    if language() == "en":
        return detail
    for key, pattern in _SENTENCES:
        if found := pattern.fullmatch(detail):
            return say(
                key, **{name: _inner(name, text) for name, text in found.groupdict().items()}
            )
    return detail


def _inner(name: str, text: str) -> str:
    return translated(text) if name in _INNER else text
