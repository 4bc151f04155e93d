"""Read the document that Botpress's own tools send for an integration as a document of ours."""

from __future__ import annotations

import difflib
from typing import TYPE_CHECKING, Any

from msgspec import Struct

from shared.integrations.parts import StateRule
from shared.integrations.records import Definition

if TYPE_CHECKING:
    from collections.abc import Iterable

# What their tools send along and Waypost has no use for.
UNUSED = frozenset({
    "__advanced", "additionalIcons", "attributes", "code", "createdAt", "dev", "entities", "extraOperations",
    "iconKey", "iconUrl", "id", "interfaces", "layers", "metadata", "public", "readme", "readmeUrl",
    "sdkVersion", "updatedAt", "verificationStatus", "visibility", "workspaceId",
})  # fmt: skip
_KNOWN = frozenset(Definition.__struct_encode_fields__)
_STATE = frozenset(StateRule.__struct_encode_fields__)
_TYPE_UNUSED = frozenset({"ui"})


class Shaped(Struct, frozen=True, kw_only=True):
    """A document of ours, the values of secrets that came with it, and what was left out of it."""

    document: dict[str, Any]
    secrets: dict[str, str]
    left_out: tuple[str, ...] = ()


def shaped(given: dict[str, Any]) -> Shaped:
    """
    *given* without what has no meaning here: null for "not there", pictures and texts of the hub, code.

    Secrets may be rules, as in a definition, names, or values, as in `createIntegration`.

    >>> shaped({"name": "a", "readme": "…", "secrets": {"KEY": "k"}, "identifier": {"extractScript": None}})
    Shaped(document={'name': 'a', 'secrets': {'KEY': {}}, 'identifier': {}}, secrets={'KEY': 'k'}, left_out=())
    """
    foreign = tuple(sorted(_foreign(given)))
    dropped = {*UNUSED, *foreign}
    document = {name: value for name, value in _plain(given).items() if name not in dropped}
    values: dict[str, str] = {}
    if "secrets" in document:
        document["secrets"], values = _secrets(document["secrets"])
    for scripts in ("identifier", "sandbox"):
        if isinstance(document.get(scripts), dict):
            document[scripts] = _plain(document[scripts])
    if "configuration" in document:
        document["configuration"] = _type(document["configuration"])
    for part, read in (("configurations", _type), ("states", _state)):
        if isinstance(document.get(part), dict):
            document[part] = {name: read(rule) for name, rule in document[part].items()}
    return Shaped(document=document, secrets=values, left_out=foreign)


def _foreign(given: dict[str, Any]) -> Iterable[str]:
    """Keys of a server's definition that nobody here knows, and that are no misspelling of those we do."""
    if not given.get("url"):
        return
    for name in given:
        if name not in _KNOWN | UNUSED and not difflib.get_close_matches(name, _KNOWN, n=1):
            yield name


def _secrets(given: Any) -> tuple[Any, dict[str, str]]:
    if isinstance(given, list):
        given = {name: {} for name in given if isinstance(name, str)}
    if not isinstance(given, dict):
        return given, {}
    rules = {name: _secret(rule) for name, rule in given.items()}
    return rules, {name: value for name, value in given.items() if isinstance(value, str)}


def _secret(rule: Any) -> Any:
    if rule is None:
        return {"optional": True}
    return {} if isinstance(rule, str) else rule


def _plain(table: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in table.items() if value is not None}


def _type(rule: Any) -> Any:
    if not isinstance(rule, dict):
        return rule
    kept = {name: value for name, value in _plain(rule).items() if name not in _TYPE_UNUSED}
    if isinstance(kept.get("identifier"), dict):
        kept["identifier"] = _plain(kept["identifier"])
    return kept


def _state(rule: Any) -> Any:
    if not isinstance(rule, dict):
        return rule
    return {name: value for name, value in _plain(rule).items() if name in _STATE}
