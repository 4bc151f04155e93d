"""Read a definition, from a folder or from JSON, and tell what follows from it. Schema: docs/definition.md."""

from __future__ import annotations

from itertools import chain
from typing import TYPE_CHECKING, Any

import msgspec

from shared.errors import DefinitionInvalid
from shared.integrations.folder import DEFINITION, document_in
from shared.integrations.parts import ReplyRule
from shared.integrations.records import ConfigurationType, Definition
from shared.integrations.rules import problems_of
from shared.integrations.scripts import Scripts, script_at, script_paths, script_problems
from shared.integrations.spelling import (
    Misspelt,
    check_numbers,
    check_spelling,
    dotted,
    mistyped,
)
from shared.model.requests import Door

if TYPE_CHECKING:
    from pathlib import Path

__all__ = [
    "ConfigurationType",
    "Definition",
    "compile_scripts",
    "decode",
    "document_of",
    "door_of",
    "from_stored",
    "load_folder",
    "stored",
]


def load_folder(path: Path, *, allow_loopback: bool = False) -> Definition:
    """The definition in *path*; raises `DefinitionInvalid` that names file, field and fix."""
    return decode(document_in(path), str(path / DEFINITION), allow_loopback=allow_loopback)


def decode(
    document: Any, source: str = "definition", *, allow_loopback: bool = False
) -> Definition:
    """
    The definition that *document* says; raises `DefinitionInvalid` for the first thing wrong with it.

    Provider addresses must be https; *allow_loopback* lets them be http on this machine, for simulators.
    """
    try:
        plain = _written_out(document)
        check_spelling(plain, Definition)
        check_numbers(plain)
        definition = _converted(plain)
        for problem in chain(script_problems(plain), problems_of(definition, allow_loopback)):
            raise problem
    except Misspelt as error:
        raise DefinitionInvalid(source, error.field, error.problem, error.fix) from None
    return definition


def _written_out(document: Any) -> dict[str, Any]:
    """A copy in which the short form `verify = "none"` is written out."""
    if not isinstance(document, dict):
        raise Misspelt(("definition",), "is not a table", "see docs/definition.md")
    plain: dict[str, Any] = _with_scheme(document)
    if "configuration" in plain:
        plain["configuration"] = _with_scheme(plain["configuration"])
    if isinstance(plain.get("configurations"), dict):
        types = plain["configurations"].items()
        plain["configurations"] = {name: _with_scheme(rule) for name, rule in types}
    return plain


def _with_scheme(table: Any) -> Any:
    if isinstance(table, dict) and isinstance(table.get("verify"), str):
        return {**table, "verify": {"scheme": table["verify"]}}
    return dict(table) if isinstance(table, dict) else table


def _converted(document: dict[str, Any]) -> Definition:
    try:
        return msgspec.convert(document, Definition)
    except msgspec.ValidationError as error:
        raise mistyped(error) from None


def document_of(definition: Definition) -> dict[str, Any]:
    """The document that `decode` reads as *definition*."""
    document: dict[str, Any] = msgspec.to_builtins(definition)
    return document


def stored(definition: Definition) -> bytes:
    """*definition* as JSON for the store."""
    return msgspec.json.encode(definition)


def from_stored(document: bytes) -> Definition:
    """What `stored` wrote; it was checked before it was published."""
    return msgspec.json.decode(document, type=Definition)


async def compile_scripts(definition: Definition, scripts: Scripts) -> None:
    """Compile every script of *definition*; raise `ScriptInvalid` with its place and line."""
    document = document_of(definition)
    for path in script_paths(document):
        await scripts.compile(f"{definition.name} {dotted(path)}", script_at(document, path))


def door_of(definition: Definition) -> Door:
    """All that the ingress may know of *definition*."""
    reply = definition.reply
    rule = (
        reply if isinstance(reply, ReplyRule) else ReplyRule(policy=reply or _usual(definition))
    )
    return Door(
        name=definition.name,
        reply=rule.policy,
        handshakes=tuple(handshake.match for handshake in definition.handshakes),
        body_limit=definition.body_limit,
        delivery_id=definition.delivery_id,
        ack_status=rule.status,
        ack_headers=rule.headers,
        ack_body=rule.body,
    )


def _usual(definition: Definition) -> Any:
    scripts = definition.identifier
    answers_itself = (
        bool(scripts and scripts.fallback_handler_script) and not definition.handshakes
    )
    return "wait" if definition.url or answers_itself else "ack"
