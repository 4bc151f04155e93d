"""Who is believed: signatures, where secrets lie, and identifiers that came through a browser."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Protocol

import msgspec

from shared.handshakes import check as check_handshake
from shared.integrations.configurations import (
    configuration_fields,
    laid_over,
    rules_in,
    type_of,
)
from shared.integrations.oauthrules import oauth_problems
from shared.integrations.spelling import Misspelt, check_spelling, mistyped, nearest
from shared.oauth import OAuthProvider
from shared.signatures import UNCHECKED, Verify, check, value_places
from shared.uninstalls import check as check_uninstall

if TYPE_CHECKING:
    from collections.abc import Iterator

    from shared.integrations.records import Definition

Path = tuple[str, ...]


class _Place(Protocol):
    @property
    def from_(self) -> str: ...
    @property
    def name(self) -> str: ...


def trust_problems(definition: Definition) -> Iterator[Misspelt]:
    """Everything by which a stranger could be believed, or a secret not be found."""
    yield from _global_problems(definition)
    yield from _handshake_problems(definition)
    yield from _uninstall_problems(definition)
    for path, name in configuration_types(definition):
        yield from _type_problems(definition, name, path)
    if definition.oauth is not None:
        yield from _provider_problems(definition, definition.oauth, None, ("oauth",))


def configuration_types(definition: Definition) -> Iterator[tuple[Path, str | None]]:
    """Each configuration type that is written down, with its place."""
    if definition.configuration is not None:
        yield ("configuration",), None
    for name in definition.configurations:
        yield ("configurations", name), name


def _global_problems(definition: Definition) -> Iterator[Misspelt]:
    rules = rules_in(definition.verify)
    if not rules:
        if definition.url is None:
            fix = 'add [verify] with a scheme and its secret, or write verify = "none" if nobody signs'
            yield Misspelt(
                ("verify",), "is missing: who checks that a webhook is genuine?", fix
            )
        return
    if rules[0].scheme == "handler" and not (definition.url or definition.runtime == "python"):
        problem = "says that the handler verifies, and there is no code: neither handlers.py nor a url"
        yield Misspelt(("verify", "scheme"), problem, "name a scheme, or add handlers.py")
    yield from _verify_problems(definition, rules, None, ("verify",))


def _handshake_problems(definition: Definition) -> Iterator[Misspelt]:
    for index, handshake in enumerate(definition.handshakes):
        path = ("handshakes", f"[{index}]")
        try:
            check_handshake(handshake)
        except ValueError as error:
            yield Misspelt(path, str(error), "see docs/definition.md, handshakes")
        for field, place in (("secret", handshake.secret), ("catch", handshake.catch)):
            if place is not None:
                yield from _place_problems(definition, place, None, (*path, field), secret=True)


def _uninstall_problems(definition: Definition) -> Iterator[Misspelt]:
    for index, event in enumerate(definition.uninstalls):
        try:
            check_uninstall(event)
        except ValueError as error:
            path = ("uninstalls", f"[{index}]")
            yield Misspelt(path, str(error), "see docs/definition.md, uninstalls")


def _type_problems(definition: Definition, name: str | None, path: Path) -> Iterator[Misspelt]:
    rule = type_of(definition, name)
    yield from _verify_problems(definition, rules_in(rule.verify), name, (*path, "verify"))
    if rule.token is not None:
        yield from _place_problems(definition, rule.token, name, (*path, "token"), secret=True)
    if isinstance(rule.oauth, dict):
        document = laid_over(definition, rule.oauth)
        try:
            check_spelling(document, OAuthProvider)
            provider = msgspec.convert(document, OAuthProvider)
        except Misspelt as error:
            yield Misspelt((*path, "oauth", error.field), error.problem, error.fix)
        except msgspec.ValidationError as error:
            yield mistyped(error, (*path, "oauth"))
        else:
            yield from _provider_problems(definition, provider, name, (*path, "oauth"))


def _verify_problems(
    definition: Definition, rules: tuple[Verify, ...], name: str | None, path: Path
) -> Iterator[Misspelt]:
    several = len(rules) > 1
    if several and any(rule.scheme in UNCHECKED for rule in rules):
        problem = "none and handler stand alone: beside them nothing would be refused"
        yield Misspelt(path, problem, "remove the rule, or the others")
    if rules and all(rule.also for rule in rules):
        yield Misspelt(path, "also stands beside another rule", "remove also")
    for index, rule in enumerate(rules):
        where = (*path, f"[{index}]") if several else path
        yield from _rule_problems(definition, rule, name, where)


def _rule_problems(
    definition: Definition, rule: Verify, name: str | None, path: Path
) -> Iterator[Misspelt]:
    try:
        check(rule)
    except ValueError as error:
        yield Misspelt(path, str(error), "see docs/definition.md, verify")
        return
    for place in rule.places:
        yield from _place_problems(definition, place, name, (*path, "secret"), secret=True)
    if rule.scheme in UNCHECKED:
        return
    for value in value_places(rule):
        if value.from_ != "body":
            yield from _place_problems(definition, value, name, (*path, "jwt"), secret=False)


def _provider_problems(
    definition: Definition, provider: OAuthProvider, name: str | None, path: Path
) -> Iterator[Misspelt]:
    client = provider.client
    yield from _place_problems(
        definition, client.id, name, (*path, "client", "id"), secret=False
    )
    if client.secret is not None:
        where = (*path, "client", "secret")
        yield from _place_problems(definition, client.secret, name, where, secret=True)
    yield from oauth_problems(provider, set(definition.inputs), path)


def _place_problems(
    definition: Definition, place: _Place, name: str | None, path: Path, *, secret: bool
) -> Iterator[Misspelt]:
    """The place must exist; a value that signs or authenticates must be a secret one there."""
    if place.from_ == "subscription":
        return
    if not place.name:
        yield Misspelt((*path, "name"), "is missing", "add name")
        return
    known = _names_at(definition, place.from_, name)
    first = place.name.partition(".")[0] if place.from_ == "state" else place.name
    if first not in known:
        problem = f"there is no {_WHAT[place.from_]} {place.name!r}"
        yield Misspelt((*path, "name"), problem, nearest(place.name, known))
    elif secret and not known[first]:
        problem = f"{place.name} is not secret"
        yield Misspelt((*path, "name"), problem, _SEALED[place.from_])


_WHAT = {"global": "secret", "configuration": "configuration field", "state": "state"}
_SEALED = {
    "global": "remove public = true from the secret",
    "configuration": "write secret = true at the field",
}


def _names_at(definition: Definition, source: str, name: str | None) -> dict[str, bool]:
    """The names at *source*, each with whether its value is kept from everyone."""
    match source:
        case "global":
            return {secret: not rule.public for secret, rule in definition.secrets.items()}
        case "configuration":
            fields: Any = configuration_fields(definition, name)
            return {field.name: field.secret for field in fields}
        case _:
            return dict.fromkeys(definition.states, True)
