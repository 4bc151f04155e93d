"""Where a browser may be sent when a connect flow has ended."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

if TYPE_CHECKING:
    from collections.abc import Sequence

LONGEST = 2000
_USUAL_PORT = {"http": 80, "https": 443}
# Visible ASCII without what browsers repair or people misread: backslash, quotes, angle brackets.
_PLAIN = re.compile(r"[!#-;=?-\[\]_a-z~%&]+")
_HIDDEN = re.compile(r"%(?:[01][0-9a-f]|7f|5c)", re.IGNORECASE)


def return_to_allowed(return_to: str, origins: Sequence[str]) -> bool:
    """
    Whether *return_to* is a path of ours, or lies at exactly one of *origins*.

    Parsed, never compared as a prefix; anything a browser could read in another way is refused
    (https://www.rfc-editor.org/rfc/rfc9700#section-4.11, OWASP unvalidated redirects).

    >>> ok = ["https://ok.test"]
    >>> [return_to_allowed(one, ok) for one in ("/done?x=1", "https://ok.test/a", "https://ok.test:443/")]
    [True, True, True]
    >>> [return_to_allowed(one, ok) for one in ("//evil.test", "https://ok.test@evil.test", "https://ok.test.evil")]
    [False, False, False]
    """
    if len(return_to) > LONGEST or not _PLAIN.fullmatch(return_to) or _HIDDEN.search(return_to):
        return False
    if return_to.startswith("/"):
        return "//" not in return_to.partition("?")[0].partition("#")[0]
    origin = _origin(return_to)
    return origin is not None and origin in {_origin(one) for one in origins}


def _origin(url: str) -> tuple[str, str, int] | None:
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError:
        return None
    if parts.scheme not in _USUAL_PORT or not parts.hostname or "@" in parts.netloc:
        return None
    # "https:evil" and "https:///evil" have no host here, yet browsers find one.
    if not url.startswith(f"{parts.scheme}://{parts.netloc}"):
        return None
    return parts.scheme, parts.hostname, port or _USUAL_PORT[parts.scheme]
