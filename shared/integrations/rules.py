"""What a definition must keep beyond the types of its fields; each rule says where it is broken, and the fix."""

from __future__ import annotations

import re
from itertools import chain
from typing import TYPE_CHECKING

from shared.integrations.addresses import address_problems
from shared.integrations.configurations import DEFAULT
from shared.integrations.fields import schema_problems
from shared.integrations.inputs import input_problems
from shared.integrations.spelling import Misspelt, nearest
from shared.integrations.trust import trust_problems

if TYPE_CHECKING:
    from collections.abc import Iterator

    from shared.integrations.records import Definition

LONGEST_NAME = 200
LONGEST_EXECUTION = 600  # seconds
LARGEST_BODY = 25 << 20  # GitHub's events, the largest that are documented
_PART = r"[a-z0-9][a-z0-9_-]*"
_NAME = re.compile(rf"({_PART}/)?{_PART}")
_VERSION = re.compile(r"\d{1,9}\.\d{1,9}\.\d{1,9}([-+][0-9A-Za-z.+-]{1,60})?")
_SECRET = re.compile(r"[A-Z][A-Z0-9]*(_[A-Z0-9]+)*")
_TYPE = re.compile(r"[A-Za-z][A-Za-z0-9_-]{0,199}")
_HEADER = re.compile(r"[a-z0-9][a-z0-9-]*")


def problems_of(definition: Definition, allow_loopback: bool) -> Iterator[Misspelt]:  # noqa: FBT001
    """Everything wrong with *definition*, the most basic first."""
    return chain(
        _name_problems(definition),
        _limit_problems(definition),
        _schema_problems(definition),
        input_problems(definition),
        trust_problems(definition),
        address_problems(definition, allow_loopback=allow_loopback),
    )


def _name_problems(definition: Definition) -> Iterator[Misspelt]:
    if not _NAME.fullmatch(definition.name) or len(definition.name) > LONGEST_NAME:
        fix = "use lower-case letters, digits, - and _, at most 200, after an optional handle/"
        yield Misspelt(("name",), f"{definition.name[:60]!r} is not a name", fix)
    if not _VERSION.fullmatch(definition.version):
        yield Misspelt(("version",), "is not a version", 'write it as "1.0.0"')
    for name in definition.secrets:
        if not _SECRET.fullmatch(name):
            fix = f"write {re.sub(r'[^A-Z0-9]+', '_', name.upper()).strip('_')}"
            yield Misspelt(("secrets", name), "secrets are written in SCREAMING_SNAKE", fix)
    for part, named in (
        ("configurations", definition.configurations),
        ("states", definition.states),
    ):
        for name in named:
            if not _TYPE.fullmatch(name):
                fix = "use letters, digits, - and _, beginning with a letter"
                yield Misspelt((part, name), "is not a name", fix)


def _limit_problems(definition: Definition) -> Iterator[Misspelt]:
    if not 1 << 10 <= definition.body_limit <= LARGEST_BODY:
        yield Misspelt(("bodyLimit",), "is out of range", f"write 1024 to {LARGEST_BODY} bytes")
    header = definition.delivery_id
    if header is not None and not _HEADER.fullmatch(header):
        yield Misspelt(("deliveryId",), "is no lower-case header", f"write {header.lower()!r}")
    if definition.url and definition.runtime not in {None, "botpress"}:
        fix = "remove one of the two"
        yield Misspelt(("runtime",), f"{definition.runtime!r} contradicts url", fix)
    if definition.runtime == "botpress" and not definition.url:
        yield Misspelt(("url",), "is missing", "name the integration server's address")
    yield from _server_problems(definition)


def _server_problems(definition: Definition) -> Iterator[Misspelt]:
    """What only concerns integrations on servers of their own."""
    for name in definition.link_overrides:
        if name != DEFAULT and name not in definition.configurations:
            known = (DEFAULT, *definition.configurations)
            yield Misspelt(
                ("linkOverrides", name), "is no configuration type", nearest(name, known)
            )
    limit = definition.max_execution_time
    if limit is not None and not 1 <= limit <= LONGEST_EXECUTION:
        fix = f"write 1 to {LONGEST_EXECUTION} seconds"
        yield Misspelt(("maxExecutionTime",), "is out of range", fix)
    if definition.state_binding == "plain" and not definition.url:
        fix = "remove it; our own integrations mint oauth_state anew for each redirect"
        yield Misspelt(("stateBinding",), "plain is for integration servers", fix)


def _schema_problems(definition: Definition) -> Iterator[Misspelt]:
    """The schemas of an integration server were made by its SDK; nobody here could mend them."""
    if definition.url:
        return
    if definition.configuration:
        yield from schema_problems(definition.configuration.schema, ("configuration", "schema"))
    for name, rule in definition.configurations.items():
        yield from schema_problems(rule.schema, ("configurations", name, "schema"))
