"""`waypost integrations import`: a definition from TypeScript that nobody has run, and a line for what is not in it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from services.cli.importing import imported
from services.cli.typescript import Chain, Link, Reader, Unreadable
from shared.errors import SetupFailed
from shared.integrations.definition import decode
from shared.integrations.shape import shaped
from tests.journeys.cli_builders import Shell

SAMPLE = Path(__file__).parent / "sample"


@pytest.fixture(scope="module")
def document() -> Any:
    return imported(SAMPLE).document


class TestTheSample:
    def test_has_what_its_file_says(self, document: Any) -> None:
        assert ("acme", "1.2.3", "Acme's") == (
            document["name"], document["version"], document["title"],
        )  # fmt: skip
        assert {"id": {"title": "Id"}} == document["user"]["tags"]

    def test_has_its_scripts_as_text(self, document: Any) -> None:
        link = document["configuration"]["identifier"]

        assert {"extractScript": "to_string!(.body)\n"} == document["identifier"]
        assert {"linkTemplateScript": '"x"\n', "required": True} == link

    def test_has_what_its_own_modules_export(self, document: Any) -> None:
        token = {"type": "string", "x-zui": {"secret": True}}

        assert {"accessToken": token} == (
            document["states"]["credentials"]["schema"]["properties"]
        )
        assert "Thing" == document["events"]["thing"]["title"]

    def test_has_schemas_of_its_configurations(self, document: Any) -> None:
        schema = document["configurations"]["manual"]["schema"]
        fields = schema["properties"]

        assert ["token", "nested", "list"] == schema["required"]
        assert {
            "type": "string", "minLength": 1, "title": "Token", "description": "The token",
            "x-zui": {"secret": True},
        } == fields["token"]  # fmt: skip
        assert {"type": "string"} == fields["region"]
        assert {"type": "number", "minimum": 1, "default": 3} == fields["count"]
        assert {"type": "string", "enum": ["a", "b"]} == fields["kind"]
        assert ["a", "b"] == list(fields["nested"]["properties"])
        assert {"anyOf": [{"type": "string"}, {"type": "null"}]} == fields["list"]["items"]

    def test_says_what_could_not_be_read(self) -> None:
        assert (
            "channels.dm.messages: comes from elsewhere: sdk.messages.defaults",
            "actions.go.input.schema: comes from elsewhere: makeSchema.",
            "secrets: comes from elsewhere: common.SECRETS",
            "identifier.fallbackHandlerScript: there is no readable file gone.vrl",
        ) == imported(SAMPLE).left_out

    def test_is_a_definition_that_the_api_takes(self, document: Any) -> None:
        given = shaped(document | {"url": "https://integration.example"}).document

        assert "acme" == decode(given).name

    def test_is_written_by_the_command(self, tmp_path: Path, document: Any) -> None:
        out = tmp_path / "acme.json"
        ended = Shell(tmp_path)("integrations", "import", str(SAMPLE), "--out", str(out))

        assert document == json.loads(out.read_text())
        assert f"waypost integrations add --url URL --definition {out}" in ended.out
        assert "not read: secrets: comes from elsewhere: common.SECRETS" in ended.err

    def test_is_not_there_in_another_folder(self, tmp_path: Path) -> None:
        with pytest.raises(SetupFailed, match="integration.definition.ts"):
            imported(tmp_path)


@pytest.mark.parametrize(
    ("expected", "source"),
    [
        ("it's\n", r"'it\'s\n'"),
        ("a", "`a`"),
        (Unreadable("`a${b}`"), "`a${b}`, 1"),
        (-1.5, "-1.5"),
        (1000, "1_000"),
        (16, "0x10"),
        (None, "undefined"),
        ([1, [2], {}], "[1, /* , */ [2], {},]"),
        ({"a": 1, "b c": True}, "{ a: 1, // x\n 'b c': true } as const"),
        ({"a": Chain("a")}, "{ a }"),
        ({"[a]": 1}, "{ [a]: 1 }"),
        ({"f": Unreadable("f(x) { return { a: 1 } }"), "g": 1}, "{ f(x) { return { a: 1 } }, g: 1 }"),
        (Unreadable("1 + f({ a: ')' })"), "1 + f({ a: ')' }), 2"),
        (Unreadable("a ? 1 : 2"), "a ? 1 : 2"),
        (Unreadable("(x) => ({ a: x })"), "(x) => ({ a: x }), 2"),
        (Chain("z", (Link("a", (1,)), Link("b"))), "z\n  .a(1)\n  .b satisfies T<A, B>"),
        (Unreadable(""), ""),
        ({"a": Unreadable("")}, "{ a: "),
    ],
)  # fmt: skip
def test_a_value_is_read_or_kept_as_text(expected: Any, source: str) -> None:
    assert expected == Reader(source).value(0)[0]
