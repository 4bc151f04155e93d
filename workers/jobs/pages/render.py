"""Templates to replies: strict headers, everything escaped, nothing from elsewhere, no script."""

from __future__ import annotations

import base64
import hashlib
from importlib.resources import files
from typing import TYPE_CHECKING, Any

from jinja2 import Environment, PackageLoader, StrictUndefined

from shared.model.requests import Reply
from workers.jobs.pages.causes import CAUSES, known
from workers.jobs.pages.details import translated
from workers.jobs.pages.words import language, say

if TYPE_CHECKING:
    from collections.abc import Mapping

    from shared.model.flows import Flow

_templates = Environment(
    loader=PackageLoader("workers.jobs.pages"),
    autoescape=True,
    undefined=StrictUndefined,
    trim_blocks=True,
    lstrip_blocks=True,
)
STYLE = files("workers.jobs.pages").joinpath("templates", "style.css").read_text()
_templates.globals.update(say=say, translated=translated, language=language, style=STYLE)


def _digest(text: str) -> str:
    """
    A source for one text that stands in the page (https://www.w3.org/TR/CSP3/#grammardef-hash-source).

    >>> _digest("")
    "'sha256-47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU='"
    """
    digest = hashlib.sha256(text.encode()).digest()
    return f"'sha256-{base64.b64encode(digest).decode()}'"


HEADERS = (
    ("content-type", "text/html; charset=utf-8"),
    ("cache-control", "no-store"),
    ("vary", "accept-language, cookie"),
    # Under `no-referrer` a browser would send `Origin: null` with our own form, as a stranger's sandboxed frame does.
    ("referrer-policy", "strict-origin"),
    ("x-content-type-options", "nosniff"),
    ("x-frame-options", "DENY"),
    (
        "content-security-policy",
        (
            f"default-src 'none'; style-src {_digest(STYLE)}; form-action 'self' https: http:; "
            "frame-ancestors 'none'; base-uri 'none'"
        ),
    ),
)


def page(template: str, status: int = 200, **facts: Any) -> Reply:
    """One page; every fact is escaped."""
    text = _templates.get_template(f"{template}.html").render(facts)
    return Reply(status=status, headers=HEADERS, body=text.encode())


def failure(
    cause: str,
    detail: str = "",
    *,
    facts: Mapping[str, str] | None = None,
    again: str = "",
    reference: str = "",
) -> Reply:
    """
    The page for *cause*; *again* is where its one button leads, *detail* what is known beside it.

    What can be said with *facts* in the reader's language takes the detail's place.
    """
    name = known(cause)
    rule = CAUSES[name]
    said = say(f"causes.{name}.with_facts", **facts) if facts else ""
    return page(
        "failure",
        rule.status,
        headline=say(f"causes.{name}.headline"),
        sentence=said or say(f"causes.{name}.sentence"),
        is_choice=rule.is_choice,
        detail="" if rule.is_choice or said else translated(detail[:500]),
        again=again if rule.action == "again" else "",
        reference=reference,
    )


def see_other(location: str) -> Reply:
    """Go there with a GET, and leave no address with a code in the history (RFC 9110 §15.4.4)."""
    headers = (
        ("location", location),
        ("cache-control", "no-store"),
        ("referrer-policy", "no-referrer"),
    )
    return Reply(status=303, headers=headers)


def progress(flow: Flow) -> Reply:
    """The page of a flow that has not ended; it asks again by itself, without scripts."""
    return page("pending", flow=flow)
