"""docs/definition.md names every field that there is, and no other."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import msgspec
import pytest

from shared.handshakes import Handshake
from shared.integrations.parts import LinkScript, SecretRule, StateRule
from shared.integrations.records import ConfigurationType, Definition
from shared.integrations.schema import records_of
from shared.oauth import OAuthProvider
from shared.routing import RoutingScripts
from shared.signatures import SCHEMES, Verify

PAGE = (Path(__file__).parents[2] / "docs" / "definition.md").read_text()
TABLE = re.compile(
    r"<!-- fields of (\w+)(?:, without those of (\w+))? -->\n((?:\|.*\n)+)", re.MULTILINE
)
RECORDS: list[type[msgspec.Struct]] = [
    ConfigurationType, LinkScript, SecretRule, StateRule, RoutingScripts, Verify, Handshake,
]  # fmt: skip


def fields(record: type[msgspec.Struct]) -> list[str]:
    """The names of *record* in a definition."""
    found: Any = msgspec.structs.fields(record)
    return sorted(field.encode_name for field in found)


def bases() -> dict[str, type[msgspec.Struct]]:
    """Every record of `oauth` and of the top, and what they share, by name."""
    seen = {**records_of(OAuthProvider), "Definition": Definition}
    for record in list(seen.values()):
        seen |= {
            base.__name__: base
            for base in record.__mro__
            if base.__module__ == record.__module__
        }
    return seen


def tables() -> list[tuple[str, str, list[str]]]:
    """Name of a record, name of what is left out, and the names in its table."""
    found = []
    for name, without, rows in TABLE.findall(PAGE):
        cells = [row.split("|")[1] for row in rows.splitlines()[2:]]
        found.append((name, without, sorted(re.findall(r"`(\w+)`", " ".join(cells)))))
    return found


class TestThePage:
    """A reference that is not whole sends people to the source."""

    @pytest.mark.parametrize(("name", "without", "written"), tables())
    def test_a_table_holds_the_fields_of_its_record(
        self, name: str, without: str, written: list[str]
    ) -> None:
        """Neither one too few nor one that is gone."""
        records = bases()
        left_out = fields(records[without]) if without else []

        assert sorted(set(fields(records[name])) - set(left_out)) == written

    def test_every_record_of_oauth_has_its_table(self) -> None:
        """A new record brings one."""
        assert set() == {*records_of(OAuthProvider), "InputRule"} - {
            name for name, _, _ in tables()
        }

    @pytest.mark.parametrize("record", RECORDS)
    def test_every_other_field_is_on_it(self, record: type[msgspec.Struct]) -> None:
        """A new field is documented in the change that brings it."""
        assert [] == [name for name in fields(record) if name not in PAGE]

    def test_every_scheme_is_on_it(self) -> None:
        """By its name."""
        assert [] == [name for name in SCHEMES if f"`{name}`" not in PAGE]
