"""Hints: what is right and yet likely to go wrong."""

from __future__ import annotations

from typing import Any

import pytest

from shared.integrations.definition import decode
from shared.integrations.hints import Hint, hints
from tests.integrations.definition_builders import a_document


def of_script(source: str) -> list[str]:
    document = a_document(identifier__extractScript=source)
    return [hint.says for hint in hints(decode(document))]


def hinted(**changes: Any) -> list[Hint]:
    return list(hints(decode(a_document(**changes))))


class TestAScript:
    @pytest.mark.parametrize(
        "source",
        [
            "parse_json!(.body)[0].portalId",
            "parse_json!(string!(.body))[0].id",
            ".x = parse_json!(.body)\n.x.entry[0].id",
            ".x.value[0].subscriptionId",
        ],
    )
    def test_that_reads_element_0_only_loses_the_others(self, source: str) -> None:
        assert any("element 0 only" in says for says in of_script(source))

    @pytest.mark.parametrize(
        "source",
        [
            "parse_json!(.body).team_id",
            "# entry[0] would lose the others\nparse_json!(.body).team_id",
            "found = parse_regex_all!(.body, r'x')\nfound[0].id",
        ],
    )
    def test_that_does_not_is_left_alone(self, source: str) -> None:
        assert [] == of_script(source)

    @pytest.mark.parametrize("last", ["email", "domain", "login", "slug"])
    def test_of_a_name_that_changes_finds_nobody_one_day(self, last: str) -> None:
        assert [f"{last} can change, and then events find nobody"] == of_script(
            f"parse_json!(.body).workspace.{last}"
        )

    @pytest.mark.parametrize(
        ("source", "words"),
        [
            ("string!(parse_json!(.body).team_id)", []),
            ("b = parse_json!(.body)\nstring!(b.team_id)", ["team_id fails where the provider sends it as a number"]),
            ("b = parse_json!(.body)\nint!(b.portalId)", ["portalId fails where the provider sends it as text"]),
            ("b = parse_json!(.body)\nto_string!(b.team_id)", []),
        ],
    )  # fmt: skip
    def test_that_takes_one_type_only_fails_on_the_other(
        self, source: str, words: list[str]
    ) -> None:
        assert words == of_script(source)


class TestADefinition:
    def test_without_fault_has_no_hint(self) -> None:
        assert [] == hinted()

    def test_that_nobody_signs_is_said(self) -> None:
        assert ["verify"] == [hint.field for hint in hinted(verify="none")]

    def test_whose_account_is_a_name_is_said(self) -> None:
        [hint] = hinted(oauth__identity__externalId__path="user.email")

        assert "oauth.identity.externalId.path" == hint.field
        assert "never changes" in hint.fix

    def test_that_takes_the_fixed_part_of_an_address_is_fine(self) -> None:
        given = {"path": "url", "pattern": "/id/([^/]+)"}

        assert [] == hinted(oauth__identity__externalId=given)


class TestAFolder:
    def test_without_fixtures_and_readme_is_said(self, tmp_path) -> None:
        definition = decode(a_document())

        assert ["fixtures", "README.md"] == [one.field for one in hints(definition, tmp_path)]

    def test_with_them_is_not(self, tmp_path) -> None:
        (tmp_path / "fixtures").mkdir()
        (tmp_path / "fixtures" / "message.json").write_text("{}")
        (tmp_path / "README.md").write_text("# Acme")

        assert [] == list(hints(decode(a_document()), tmp_path))
