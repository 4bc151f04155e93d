"""
Addresses and parameters with `{name}` in them, and the inputs that may fill them.

A value can only ever fill the position it stands in: one label of a host, one segment of a path, one value of a
query. yarl and browsers read `https://{shop}.example.com` with `evil.test/`, `a@evil.test:443/` or full-width dots as
an attacker's host, so the raw value is matched first and the finished address is compared afterwards.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING
from urllib.parse import quote, urlsplit

from shared.errors import FlowRefused

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from shared.oauth.records import InputRule

LONGEST_INPUT = 200
_NAME = re.compile(r"\{([A-Za-z][A-Za-z0-9_]*)\}")
_URL = re.compile(r"(https?)://([^/?#]*)([^?#]*)(?:\?([^#]*))?")
_LABEL = re.compile(r"[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?")
_CONTROL = re.compile(r"[\x00-\x1f\x7f]")
_FORMS = {
    "dns_label": _LABEL,
    "digits": re.compile(r"[0-9]{1,40}"),
    "uuid": re.compile(r"[0-9a-fA-F]{8}(?:-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}"),
}


def checked_inputs(rules: Mapping[str, InputRule], given: Mapping[str, str]) -> dict[str, str]:
    """The values of *given* that *rules* ask for; raises `FlowRefused` that names the one that is wrong."""
    checked = {}
    for name, rule in rules.items():
        value = given.get(name, "")
        if value == "" and rule.optional:
            continue
        if not _fits(rule, value):
            raise FlowRefused("invalid_input", f"{rule.title or name}: {_wanted(rule)}")
        checked[name] = value
    return checked


def _fits(rule: InputRule, value: str) -> bool:
    if rule.type == "enum":
        return value in rule.choices
    if rule.type in _FORMS:
        return _FORMS[rule.type].fullmatch(value) is not None
    return 0 < len(value) <= LONGEST_INPUT and not _CONTROL.search(value)


def _wanted(rule: InputRule) -> str:
    wanted = {
        "dns_label": "lower-case letters, digits and dashes, without dots",
        "digits": "digits only",
        "uuid": "an id such as 123e4567-e89b-12d3-a456-426614174000",
        "enum": "one of " + ", ".join(rule.choices),
        "text": f"1 to {LONGEST_INPUT} characters",
    }[rule.type]
    return f"{wanted}, for example {rule.example}" if rule.example else wanted


def filled(template: str, values: Mapping[str, str]) -> str:
    """
    A parameter with its names replaced; it is encoded later.

    >>> filled("Bearer {key}", {"key": "k"})
    'Bearer k'
    """
    return _replaced(template, values, _printable)


def filled_url(template: str, values: Mapping[str, str]) -> str:
    """
    An address with its names replaced; raises `FlowRefused` for a value that would change more than its position.

    >>> filled_url("https://{shop}.example.com/apps/{slug}/new?v=1", {"shop": "acme", "slug": "a/b"})
    'https://acme.example.com/apps/a%2Fb/new?v=1'
    >>> filled_url("https://{shop}.example.com/", {"shop": "evil.test/"})
    Traceback (most recent call last):
    shared.errors.FlowRefused: invalid_input: shop: not a single label of a host name
    """
    parts = _URL.fullmatch(template)
    if parts is None:
        raise FlowRefused(
            "misconfigured", "an address of the definition is not https://host/path"
        )
    scheme, authority, path, query = parts.groups(default="")
    host = _replaced(authority, values, _label)
    url = f"{scheme}://{host}{_replaced(path, values, _segment)}"
    url += f"?{_replaced(query, values, _segment)}" if query else ""
    if urlsplit(url).netloc != host:
        raise FlowRefused(
            "misconfigured", "an address of the definition names another host when filled"
        )
    return url


def _replaced(template: str, values: Mapping[str, str], form: Callable[[str, str], str]) -> str:
    def one(match: re.Match[str]) -> str:
        name = match[1]
        if not values.get(name):
            raise FlowRefused("misconfigured", f"{name} is not set")
        return form(name, values[name])

    return _NAME.sub(one, template)


def _label(name: str, value: str) -> str:
    if not _LABEL.fullmatch(value):
        raise FlowRefused("invalid_input", f"{name}: not a single label of a host name")
    return value


def _segment(name: str, value: str) -> str:
    if value in {".", ".."}:
        raise FlowRefused("invalid_input", f"{name}: not a part of a path")
    return quote(_printable(name, value), safe="")


def _printable(name: str, value: str) -> str:
    if _CONTROL.search(value):
        raise FlowRefused("invalid_input", f"{name}: holds a control character")
    return value
