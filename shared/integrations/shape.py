"""Read the document that Botpress's own tools send for an integration as a document of ours."""

from __future__ import annotations

from typing import Any

from msgspec import Struct

# What their tools send along and Waypost has no use for.
UNUSED = frozenset({
    "additionalIcons", "attributes", "code", "createdAt", "dev", "entities", "extraOperations", "iconKey",
    "iconUrl", "id", "interfaces", "layers", "metadata", "public", "readme", "readmeUrl", "sdkVersion",
    "updatedAt", "verificationStatus", "visibility", "workspaceId",
})  # fmt: skip
_TYPE_UNUSED = frozenset({"ui"})


class Shaped(Struct, frozen=True, kw_only=True):
    """A document of ours, and the values of secrets that came with it."""

    document: dict[str, Any]
    secrets: dict[str, str]


def shaped(given: dict[str, Any]) -> Shaped:
    """
    *given* without what has no meaning here: null for "not there", pictures and texts of the hub, code.

    Secrets may be rules, as in a definition, or values, as in `createIntegration`.

    >>> shaped({"name": "a", "readme": "…", "secrets": {"KEY": "k"}, "identifier": {"extractScript": None}})
    Shaped(document={'name': 'a', 'secrets': {'KEY': {}}, 'identifier': {}}, secrets={'KEY': 'k'})
    """
    document = {name: value for name, value in given.items() if name not in UNUSED}
    document = _without_nulls(document)
    secrets = document.get("secrets")
    values: dict[str, str] = {}
    if isinstance(secrets, dict):
        values = {name: value for name, value in secrets.items() if isinstance(value, str)}
        rules = {name: {} if isinstance(rule, str) else rule for name, rule in secrets.items()}
        document["secrets"] = rules
    if isinstance(document.get("configuration"), dict):
        document["configuration"] = _type(document["configuration"])
    if isinstance(document.get("configurations"), dict):
        types = document["configurations"].items()
        document["configurations"] = {name: _type(rule) for name, rule in types}
    return Shaped(document=document, secrets=values)


def _without_nulls(document: dict[str, Any]) -> dict[str, Any]:
    """Null stands for "not there" at the top and in `identifier`; further down it may mean something."""
    kept = {name: value for name, value in document.items() if value is not None}
    if isinstance(kept.get("identifier"), dict):
        kept["identifier"] = _plain(kept["identifier"])
    if isinstance(kept.get("secrets"), dict):
        kept["secrets"] = {
            name: {"optional": True} if rule is None else rule
            for name, rule in kept["secrets"].items()
        }
    return kept


def _plain(table: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in table.items() if value is not None}


def _type(rule: Any) -> Any:
    if not isinstance(rule, dict):
        return rule
    kept = {name: value for name, value in _plain(rule).items() if name not in _TYPE_UNUSED}
    if isinstance(kept.get("identifier"), dict):
        kept["identifier"] = _plain(kept["identifier"])
    return kept
