"""The JSON Schema for editors: true to the records, and useful on real definitions."""

from __future__ import annotations

import json
import tomllib
from pathlib import Path

import pytest
from jsonschema import Draft202012Validator

from shared.integrations.registry import folders
from shared.integrations.schema import json_schema
from tests.integrations.definition_builders import a_document

FILE = Path(__file__).parents[2] / "docs" / "definition.schema.json"
VALIDATOR = Draft202012Validator(json_schema())


def wrong(document) -> list[str]:
    return [".".join(map(str, one.absolute_path)) for one in VALIDATOR.iter_errors(document)]


class TestTheFile:
    def test_is_what_the_command_prints(self) -> None:
        """`waypost integrations schema > docs/definition.schema.json` writes it anew."""
        assert json_schema() == json.loads(FILE.read_text())

    def test_is_a_schema(self) -> None:
        Draft202012Validator.check_schema(json_schema())


class TestAnEditor:
    @pytest.mark.parametrize("folder", folders().values(), ids=lambda folder: folder.name)
    def test_accepts_every_definition_that_comes_with_waypost(self, folder: Path) -> None:
        document = tomllib.loads((folder / "definition.toml").read_text())

        assert [] == wrong(document)

    @pytest.mark.parametrize("short", ["none", {"scheme": "none"}])
    def test_knows_the_short_form_of_verify(self, short) -> None:
        assert [] == wrong(a_document(verify=short))

    @pytest.mark.parametrize(
        ("changes", "place"),
        [
            ({"oauth__token__boddy": "json"}, "oauth.token"),
            ({"oauth__token__body": "xml"}, "oauth.token.body"),
            ({"oauth__refresh": {"margin": "soon"}}, "oauth.refresh.margin"),
            ({"configurations__manual__oauth": {"tken": {}}}, "configurations.manual.oauth"),
            ({"ownership": "mine"}, "ownership"),
        ],
    )
    def test_underlines_what_is_wrong(self, changes, place) -> None:
        assert any(found.startswith(place) for found in wrong(a_document(**changes)))
