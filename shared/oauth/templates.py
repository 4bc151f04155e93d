"""
Addresses and parameters with `{name}` in them, and the inputs that may fill them.

A value can only ever fill the position it stands in: a host or one label of it, one segment of a path, one value of a
query. yarl and browsers read `https://{shop}.example.com` with `evil.test/`, `a@evil.test:443/` or full-width dots as
an attacker's host, so the raw value is matched first and the finished address is compared afterwards.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING
from urllib.parse import quote, urlsplit

from shared.errors import FlowRefused

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

    from shared.oauth.section import InputRule

LONGEST_INPUT = 200
_NAME = re.compile(r"\{([A-Za-z][A-Za-z0-9_-]*)\}")
_URL = re.compile(r"(https?)://([^/?#]*)([^?#]*)(?:\?([^#]*))?")
_LABEL_FORM = r"[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?"
_LABEL = re.compile(_LABEL_FORM)
_LABELS = re.compile(rf"{_LABEL_FORM}(?:\.{_LABEL_FORM})*")
_HOST_FORM = rf"(?:{_LABEL_FORM}\.)+[a-z]{{2,63}}"
HOST = re.compile(_HOST_FORM)
_SITE = re.compile(rf"{_HOST_FORM}(?:/[A-Za-z0-9._~-]*[A-Za-z0-9_~-])*")
_CONTROL = re.compile(r"[\x00-\x1f\x7f]")
_FORMS = {
    "dns_label": _LABEL,
    "host": HOST,
    "url": _SITE,
    "digits": re.compile(r"[0-9]{1,40}"),
    "uuid": re.compile(r"[0-9a-fA-F]{8}(?:-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}"),
}


def checked_inputs(rules: Mapping[str, InputRule], given: Mapping[str, str]) -> dict[str, str]:
    """
    The values of *given* that *rules* ask for, empty for optional ones that are not there.

    Raises `FlowRefused` that names the one that is wrong.
    """
    checked = {}
    for name, rule in rules.items():
        fitting = _fitting(rule, given.get(name, ""))
        if fitting is None:
            raise FlowRefused("invalid_input", f"{rule.title or name}: {_wanted(rule)}")
        checked[name] = fitting
    return checked


def unfit_inputs(rules: Mapping[str, InputRule], given: Mapping[str, str]) -> frozenset[str]:
    """
    The names of what *rules* do not take, so that a form can say so beside each.

    >>> from shared.oauth.section import InputRule
    >>> sorted(unfit_inputs({"shop": InputRule(), "note": InputRule(optional=True)}, {}))
    ['shop']
    """
    return frozenset(
        name for name, rule in rules.items() if _fitting(rule, given.get(name, "")) is None
    )


def _fitting(rule: InputRule, value: str) -> str | None:
    value = value or rule.default
    return "" if value == "" and rule.optional else checked_input(rule, value)


def checked_input(rule: InputRule, value: str) -> str | None:
    """
    *value* as *rule* wants it, None where it does not fit. An address may be pasted whole where a part is asked for.

    >>> from shared.oauth.section import InputRule
    >>> checked_input(InputRule(type="dns_label", suffixes=(".acme.com",)), "https://Shop.acme.com/admin")
    'shop'
    >>> host = InputRule(type="host", suffixes=("acme.com",))
    >>> [checked_input(host, one) for one in ("https://eu.acme.com/", "acme.com.evil.test", "evil.test/acme.com")]
    ['eu.acme.com', None, None]
    """
    plain = _pasted(rule, value)
    fits = _fits(rule, plain) and _is_below(rule, plain)
    if rule.pattern and not re.fullmatch(rule.pattern, plain):
        return None
    return plain if fits else None


def _pasted(rule: InputRule, value: str) -> str:
    """What is meant by an address where a label or a host is asked for; anything else as it is."""
    value = value.strip(" ")
    if rule.type not in {"dns_label", "host", "url"} or len(value) > LONGEST_INPUT:
        return value
    host, slash, path = value.removeprefix("https://").partition("/")
    is_address = value.startswith("https://")
    if rule.type == "url":
        return f"{host.lower()}{slash}{path}".rstrip("/")
    for suffix in rule.suffixes if rule.type == "dns_label" else ():
        ending = f".{suffix.lstrip('.')}"
        if host.lower().endswith(ending):
            return host.lower().removesuffix(ending)
    return host.lower() if is_address and rule.type == "host" else value


def _is_below(rule: InputRule, value: str) -> bool:
    """Whether a host is one of the rule's domains or below one, where it has any."""
    if rule.type not in {"host", "url"} or not rule.suffixes:
        return True
    return is_host_below(value.partition("/")[0], rule.suffixes)


def is_host_below(host: str, suffixes: Iterable[str]) -> bool:
    """
    Whether *host* is one of *suffixes* or below one.

    >>> is_host_below("eu.acme.com", [".acme.com"]), is_host_below("notacme.com", ["acme.com"])
    (True, False)
    """
    plain = {suffix.lstrip(".") for suffix in suffixes}
    below = any(host == suffix or host.endswith(f".{suffix}") for suffix in plain)
    return below and HOST.fullmatch(host) is not None


def _fits(rule: InputRule, value: str) -> bool:
    if rule.type == "enum":
        return value in rule.choices
    if rule.type in _FORMS:
        return len(value) <= LONGEST_INPUT and _FORMS[rule.type].fullmatch(value) is not None
    return 0 < len(value) <= LONGEST_INPUT and not _CONTROL.search(value)


def _wanted(rule: InputRule) -> str:
    wanted = {
        "dns_label": "lower-case letters, digits and dashes, without dots",
        "host": "a host name" + _named(rule),
        "url": "an address" + _named(rule),
        "digits": "digits only",
        "uuid": "an id such as 123e4567-e89b-12d3-a456-426614174000",
        "enum": "one of " + ", ".join(rule.choices),
        "text": f"1 to {LONGEST_INPUT} characters",
    }[rule.type]
    return f"{wanted}, for example {rule.example}" if rule.example else wanted


def _named(rule: InputRule) -> str:
    return " below " + " or ".join(rule.suffixes) if rule.suffixes else ""


def filled_params(params: Mapping[str, str], values: Mapping[str, str]) -> dict[str, str]:
    """
    Parameters with their names replaced; one that names an optional input nobody filled is left out.

    >>> filled_params({"a": "{x}", "b": "{y}", "c": "1"}, {"x": "", "y": "2"})
    {'b': '2', 'c': '1'}
    """
    return {
        name: filled(template, values)
        for name, template in params.items()
        if all(values.get(part) != "" for part in _NAME.findall(template))
    }


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
    host = _authority(authority, values)
    url = f"{scheme}://{host}{_replaced(path, values, _segment)}"
    url += f"?{_replaced(query, values, _segment)}" if query else ""
    if urlsplit(url).netloc != host.partition("/")[0]:
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


def _authority(authority: str, values: Mapping[str, str]) -> str:
    """A name alone is a whole host, at the end a choice such as `co.uk`, anywhere else one label."""
    if _NAME.fullmatch(authority):
        return _replaced(authority, values, _site)
    head, brace, tail = authority.rpartition("{")
    if brace and tail.endswith("}"):
        return _replaced(head, values, _label) + _replaced(brace + tail, values, _labels)
    return _replaced(authority, values, _label)


def _site(name: str, value: str) -> str:
    if not _SITE.fullmatch(value):
        raise FlowRefused("invalid_input", f"{name}: not a host name")
    return value


def _labels(name: str, value: str) -> str:
    if not _LABELS.fullmatch(value):
        raise FlowRefused("invalid_input", f"{name}: not the end of a host name")
    return value


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
