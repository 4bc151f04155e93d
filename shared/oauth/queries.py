"""Parameters in the query of an address."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING
from urllib.parse import parse_qsl, quote, urlsplit, urlunsplit

from shared.errors import FlowRefused

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping

_RAW = re.compile(r"[A-Za-z0-9._~:/,+@!$'()*;-]*")


def with_query(url: str, params: Mapping[str, str], raw: Collection[str] = ()) -> str:
    """
    *url* with each of *params* once; they win over those of the address.

    Those in *raw* are sent as they are, for providers that compare them as text.

    >>> with_query("https://a.example/x?v=1&scope=no", {"scope": "a:b c"})
    'https://a.example/x?v=1&scope=a%3Ab%20c'
    >>> with_query("https://a.example/x", {"scope": "a:b,c"}, raw=["scope"])
    'https://a.example/x?scope=a:b,c'
    """
    parts = urlsplit(url)
    query = {**dict(parse_qsl(parts.query, keep_blank_values=True)), **params}
    written = (
        f"{quote(name, safe='')}={_as_it_is(name, value) if name in raw else quote(value, safe='')}"
        for name, value in query.items()
    )
    return urlunsplit(parts._replace(query="&".join(written)))


def _as_it_is(name: str, value: str) -> str:
    if not _RAW.fullmatch(value):
        raise FlowRefused("misconfigured", f"{name} holds what cannot be sent without encoding")
    return value
