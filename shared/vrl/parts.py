"""Which parts of an event a script can read at all: the others need not be brought to it, secrets least of all."""

from __future__ import annotations

import re
from functools import lru_cache

# A path of the event begins with a dot and a name. Whatever else a dot may be (the event as a whole, a name in
# quotes, a number, the end of a sentence) counts as the whole event, as do functions that read all of it unasked.
_WHOLE = re.compile(r"\.(?![A-Za-z_])|\b(?:unnest|only_fields|except_fields)\b")


@lru_cache(maxsize=4096)
def read_of(source: str, parts: tuple[str, ...]) -> tuple[str, ...]:
    """Those of *parts* that the script may see."""
    return tuple(part for part in parts if reads(source, part))


@lru_cache(maxsize=4096)
def reads(source: str, part: str) -> bool:
    """
    Whether the script may see the event's *part*; False only where it surely cannot.

    >>> reads("parse_json!(.body).team_id", "body"), reads("parse_json!(.body).team_id", "secrets")
    (True, False)
    >>> reads('get(., ["secrets"])', "secrets"), reads('get(., ["sec" + "rets"])', "secrets")
    (True, True)
    """
    return part in source or bool(_WHOLE.search(source))
