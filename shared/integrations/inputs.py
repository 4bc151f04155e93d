"""The values a definition asks for or takes from a callback: their rules must be able to hold."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from shared.integrations.spelling import Misspelt
from shared.oauth.templates import checked_input

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from shared.integrations.records import Definition
    from shared.oauth import InputRule

Path = tuple[str, ...]
RESERVED = frozenset({"clientId", "accountId", "token"})
LONGEST_PATTERN = 200
HOST = re.compile(r"([a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?\.)+[a-z]{2,63}")
_NAME = re.compile(r"[A-Za-z][A-Za-z0-9_-]{0,99}")
_SECOND_LEVEL = frozenset(
    {"ac", "co", "com", "edu", "go", "gob", "gov", "gv", "ne", "net", "or", "org"}
)


def is_public_suffix(domain: str) -> bool:
    """
    Whether anybody can register a name right below *domain*, as far as that can be told without a list.

    >>> [is_public_suffix(one) for one in ("com", "co.uk", "zendesk.com", ".myshopify.com", "x.co.uk")]
    [True, True, False, False, False]
    """
    labels = domain.strip(".").split(".")
    return len(labels) < 2 or (
        len(labels) == 2 and len(labels[1]) == 2 and labels[0] in _SECOND_LEVEL
    )


def input_problems(definition: Definition) -> Iterator[Misspelt]:
    """Everything wrong with the definition's own `inputs`."""
    yield from rule_problems(definition.inputs, ("inputs",))


def rule_problems(rules: Mapping[str, InputRule], path: Path) -> Iterator[Misspelt]:
    """Everything wrong with *rules*, which lie at *path*."""
    for name, rule in rules.items():
        where = (*path, name)
        if not _NAME.fullmatch(name) or name in RESERVED:
            fix = "use letters, digits, - and _, beginning with a letter; not clientId, accountId or token"
            yield Misspelt(where, "is not a name", fix)
        yield from _choice_problems(rule, where)
        yield from suffix_problems(rule.suffixes, where)
        yield from pattern_problems(rule.pattern, (*where, "pattern"))
        if rule.default and checked_input(rule, rule.default) is None:
            yield Misspelt(
                (*where, "default"), "does not fit its own rule", "correct the default"
            )


def _choice_problems(rule: InputRule, where: Path) -> Iterator[Misspelt]:
    if rule.type == "enum" and not rule.choices:
        yield Misspelt(
            (*where, "choices"), "is missing", 'list them, as in choices = ["eu", "us"]'
        )
    if rule.type != "enum" and rule.choices:
        yield Misspelt((*where, "type"), "has choices and is no enum", 'write type = "enum"')


def suffix_problems(suffixes: tuple[str, ...], where: Path) -> Iterator[Misspelt]:
    """Domains that are none, or below which anybody could have a name."""
    for index, suffix in enumerate(suffixes):
        place = (*where, "suffixes", f"[{index}]")
        if not HOST.fullmatch(suffix.lstrip(".")):
            yield Misspelt(
                place, f"{suffix[:80]!r} is no domain", 'write one such as "example.com"'
            )
        elif is_public_suffix(suffix):
            fix = "name the provider's own domain"
            yield Misspelt(place, f"anybody can have a name below {suffix}", fix)


def pattern_problems(pattern: str, path: Path, groups: int | None = None) -> Iterator[Misspelt]:
    """A pattern that is none, is too long, or has not as many *groups* as it must."""
    if len(pattern) > LONGEST_PATTERN:
        yield Misspelt(path, "is too long", f"use at most {LONGEST_PATTERN} characters")
    try:
        compiled = re.compile(pattern)
    except re.error as error:
        yield Misspelt(path, f"is no regular expression: {error}", "correct the pattern")
        return
    if pattern and groups is not None and compiled.groups != groups:
        fix = "put parentheses around the part that is the value"
        yield Misspelt(path, f"has {compiled.groups} groups, and {groups} is wanted", fix)
