"""docs/definition.md names every field that there is."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import msgspec
import pytest

from shared.handshakes import Handshake
from shared.integrations.parts import LinkScript, SecretRule, StateRule
from shared.integrations.records import ConfigurationType, Definition
from shared.oauth import InputRule, OAuthProvider
from shared.routing import RoutingScripts
from shared.signatures import SCHEMES, Verify

PAGE = (Path(__file__).parents[2] / "docs" / "definition.md").read_text()
RECORDS: list[type[msgspec.Struct]] = [
    Definition, ConfigurationType, LinkScript, SecretRule, StateRule, RoutingScripts, Verify, Handshake,
    OAuthProvider, InputRule,
]  # fmt: skip


class TestThePage:
    """A reference that is not whole sends people to the source."""

    @pytest.mark.parametrize("record", RECORDS)
    def test_every_field_is_on_it(self, record: type[msgspec.Struct]) -> None:
        """A new field is documented in the change that brings it."""
        fields: Any = msgspec.structs.fields(record)

        assert [] == [field.encode_name for field in fields if field.encode_name not in PAGE]

    def test_every_scheme_is_on_it(self) -> None:
        """By its name."""
        assert [] == [name for name in SCHEMES if f"`{name}`" not in PAGE]
