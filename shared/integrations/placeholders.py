"""What a `{name}` in an address, a parameter or a header of `oauth` may stand for, and where."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import msgspec

from shared.integrations.configurations import (
    configuration_fields,
    provider_of,
    public_secrets,
)

if TYPE_CHECKING:
    from collections.abc import Iterator

    from shared.integrations.records import Definition
    from shared.oauth import InputRule, OAuthProvider

Path = tuple[str, ...]
_TABLES = frozenset({"params", "headers", "equals", "assertion"})
_LATE = frozenset({"call", "choice"})


def providers_in(definition: Definition) -> Iterator[tuple[Path, str | None, OAuthProvider]]:
    """Each provider that *definition* describes: its own, and those that configuration types make of it."""
    if definition.oauth is not None:
        yield ("oauth",), None, definition.oauth
    types = {**definition.configurations}
    places: dict[str | None, Path] = {name: ("configurations", name) for name in types}
    if definition.configuration is not None:
        places[None] = ("configuration",)
    for name, path in places.items():
        rule = definition.configuration if name is None else types[name]
        provider = provider_of(definition, name)
        if rule is not None and isinstance(rule.oauth, dict) and provider is not None:
            yield (*path, "oauth"), name, provider


def templates_of(provider: OAuthProvider) -> Iterator[tuple[Path, str]]:
    """Each address, parameter and header that *provider* names, with its place."""
    yield from _templates(msgspec.to_builtins(provider), ())


def _templates(value: Any, path: Path) -> Iterator[tuple[Path, str]]:
    if isinstance(value, (list, tuple)):
        for index, item in enumerate(value):
            yield from _templates(item, (*path, f"[{index}]"))
    for key, item in value.items() if isinstance(value, dict) else ():
        if key == "json":
            continue
        if isinstance(item, str) and (key == "url" or (path and path[-1] in _TABLES)):
            yield (*path, key), item
        else:
            yield from _templates(item, (*path, key))


class Names:
    """The names that the templates of one provider may use."""

    def __init__(
        self, definition: Definition, type_name: str | None, provider: OAuthProvider
    ) -> None:
        """Of *provider* as the configuration type *type_name* sees it."""
        own = provider is not definition.oauth
        fields = configuration_fields(definition, type_name) if own else ()
        self._provider = provider
        self._fields = {field.name for field in fields if not field.secret}
        self._public = public_secrets(definition)
        self._rules: dict[str, InputRule] = {**definition.inputs, **provider.callback.inputs}
        self._asked = {*definition.inputs, *self._public, *self._fields}

    def at(self, path: Path) -> set[str]:
        """What the template at *path* may name; the later a call is made, the more is known."""
        section, part = path[0], path[1] if len(path) > 1 else ""
        if section in {"authorize", "callback"}:
            return self._asked
        known = {*self._asked, *self._provider.callback.inputs, "clientId"}
        if section == "token":
            return known
        early = {n for n, f in self._facts.items() if f.from_ not in _LATE}
        if section == "identity" and part == "call":
            return known | early
        called = {n for n, f in self._facts.items() if f.from_ != "choice"}
        if section == "identity" and part == "choose":
            return known | called
        rest = {"accountId", *self._facts}
        return known | rest | ({"token"} if path == ("revoke", "url") else set())

    @property
    def _facts(self) -> dict[str, Any]:
        return self._provider.identity.facts

    def is_choice(self, name: str) -> bool:
        """Whether the definition lists every value of *name*."""
        rule = self._rules.get(name)
        return rule is not None and rule.type == "enum"

    def no_host(self, name: str) -> tuple[str, str] | None:
        """Why *name* may not be the whole host of an address, and the fix; None where it may."""
        if name in self._public or self.is_choice(name) or self._is_narrow(name):
            return None
        rule = self._rules.get(name)
        if name in self._fields or (rule is not None and rule.type in {"host", "url"}):
            return self._no_host_for_anyone()
        fix = (
            'make it an input with type = "host" and suffixes, or write a fixed domain after it'
        )
        return "whoever fills the placeholder would choose the host", fix

    def _is_narrow(self, name: str) -> bool:
        rule, fact = self._rules.get(name), self._facts.get(name)
        if rule is not None:
            return rule.type in {"host", "url"} and bool(rule.suffixes)
        return fact is not None and fact.type == "host"

    def _no_host_for_anyone(self) -> tuple[str, str] | None:
        """Any host at all is fine for a client secret that the same person brought."""
        place = self._provider.client.secret
        if place is None or place.from_ == "configuration":
            return None
        problem = "whoever fills the placeholder would be sent this server's client secret"
        fix = "list the domains in suffixes, or take client.secret from the configuration"
        return problem, fix
