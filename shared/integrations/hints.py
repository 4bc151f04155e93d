"""
What is right in a definition and yet likely to go wrong: hints, never refusals.

Each names the field, what may happen, and what to write instead. They judge scripts by their look, so one that is meant
as it stands may be left alone.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from msgspec import Struct

from shared.integrations.configurations import rules_in
from shared.integrations.placeholders import providers_in
from shared.integrations.spelling import dotted

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from shared.integrations.records import Definition

_COMMENT = re.compile(r"#[^\n]*")
_LISTS = "data|entries|entry|events|items|list|messages|notifications|records|value|values"
_FIRST = re.compile(rf"(?:parse_json!?\([^()]*(?:\([^()]*\))?[^()]*\)|\b(?:{_LISTS}))\)?\[0\]")
_MUTABLE = frozenset({
    "domain", "email", "emailaddress", "full_name", "handle", "host", "login", "name", "nickname", "shop", "site",
    "slug", "subdomain", "url", "user_name", "username", "website",
})  # fmt: skip
_LAST_WORD = re.compile(r'\.\s*"?([A-Za-z_][A-Za-z0-9_]*)"?\s*\)*\s*$')
_TEXT_ONLY = re.compile(r"\bstring!\(\s*[^()]*\b(\w*id)\s*\)", re.IGNORECASE)
_NUMBER_ONLY = re.compile(r"\bint!\(\s*[^()]*\b(\w*id)\s*\)", re.IGNORECASE)


class Hint(Struct, frozen=True, kw_only=True):
    """One thing worth a look."""

    field: str
    says: str
    fix: str


def hints(definition: Definition, folder: Path | None = None) -> Iterator[Hint]:
    """What *definition* would better say otherwise; *folder* is where it lies, if anywhere."""
    yield from _script_hints(definition)
    yield from _identity_hints(definition)
    yield from _verify_hints(definition)
    if folder is not None:
        yield from _folder_hints(definition, folder)


def _script_hints(definition: Definition) -> Iterator[Hint]:
    scripts = definition.identifier
    source = _COMMENT.sub("", (scripts.extract_script or "") if scripts else "")
    field = "identifier.extractScript"
    if _FIRST.search(source):
        yield Hint(
            field=field,
            says="reads element 0 only: where a provider sends several events at once, the others are lost",
            fix="return a list of identifiers, or of {identifier, body}",
        )
    last = _LAST_WORD.search(source.strip())
    if last and last[1].lower() in _MUTABLE:
        yield Hint(
            field=field,
            says=f"{last[1]} can change, and then events find nobody",
            fix="use the id that the provider never changes",
        )
    for pattern, sent, fix in (
        (_TEXT_ONLY, "a number", "to_string!(…)"),
        (_NUMBER_ONLY, "text", "the value as it is: numbers and text are both identifiers"),
    ):
        if found := pattern.search(source):
            says = f"{found[1]} fails where the provider sends it as {sent}"
            yield Hint(field=field, says=says, fix=f"write {fix}")


def _identity_hints(definition: Definition) -> Iterator[Hint]:
    for path, _, provider in providers_in(definition):
        given = provider.identity.external_id
        last = given.path.rpartition(".")[2]
        if last.lower() in _MUTABLE and not given.pattern:
            yield Hint(
                field=dotted((*path, "identity", "externalId", "path")),
                says=f"{last} can change, and then the installation is another account's",
                fix="use the id that the provider never changes",
            )


def _verify_hints(definition: Definition) -> Iterator[Hint]:
    if any(rule.scheme == "none" for rule in rules_in(definition.verify)):
        yield Hint(
            field="verify",
            says="nobody signs: whoever knows the address can send events in anybody's name",
            fix="name the provider's scheme, or keep a secret in the address by subscriptions",
        )


def _folder_hints(definition: Definition, folder: Path) -> Iterator[Hint]:
    name = definition.name.rpartition("/")[2]
    homes = [folder / "fixtures"]
    homes += [above / "tests" / "integrations" / "fixtures" / name for above in folder.parents]
    if not any(home.is_dir() and any(home.iterdir()) for home in homes):
        yield Hint(
            field="fixtures",
            says="there are none, so nothing shows that the scripts read what the provider sends",
            fix=f"capture real requests into {folder.name}/fixtures/",
        )
    if not (folder / "README.md").is_file():
        yield Hint(
            field="README.md",
            says="is missing: where does an operator find the secrets, and paste the addresses?",
            fix="write it beside the definition",
        )
