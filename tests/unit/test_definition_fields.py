"""What a configuration asks for, and how it is filled in."""

from __future__ import annotations

from typing import Any

import pytest

from shared.integrations.fields import fields_of, fill, schema_problems
from shared.integrations.spelling import Misspelt

SCHEMA: dict[str, Any] = {
    "type": "object",
    "required": ["botToken"],
    "properties": {
        "botToken": {
            "type": "string",
            "title": "Bot token",
            "example": "xoxb-1",
            "pattern": "^xox",
            "secret": True,
        },
        "channel": {"type": "string", "enum": ["general", "random"], "default": "general"},
        "limit": {"type": "integer"},
    },
}


def first_problem(schema: dict[str, Any]) -> str:
    """The first thing wrong with *schema*, as a person reads it."""
    return str(next(schema_problems(schema, ("configuration", "schema"))))


class TestFieldsOf:
    """A schema becomes a form."""

    def test_a_field_carries_what_a_form_shows(self) -> None:
        """Title, example and pattern are there for the page that asks."""
        field = fields_of(SCHEMA)[0]

        assert ("botToken", "Bot token", "xoxb-1", "^xox") == (
            field.name,
            field.title,
            field.example,
            field.pattern,
        )
        assert (True, True) == (field.secret, field.required)

    def test_botpress_marks_secrets_in_its_own_way(self) -> None:
        """`x-zui` is what `@botpress/sdk` writes for `.secret()`."""
        schema = {"properties": {"key": {"type": "string", "x-zui": {"secret": True}}}}

        assert fields_of(schema)[0].secret


class TestFill:
    """Values meet their fields."""

    def test_secret_values_are_kept_apart(self) -> None:
        """What is to be sealed never lies among what is shown."""
        filled = fill(SCHEMA, {"botToken": "xoxb-9", "limit": 3})

        assert {"botToken": "xoxb-9"} == filled.secret
        assert {"channel": "general", "limit": 3} == filled.public

    @pytest.mark.parametrize(
        ("values", "sentence"),
        [
            ({}, "botToken: is missing (give Bot token, for example xoxb-1)"),
            ({"botToken": ""}, "botToken: is missing (give Bot token, for example xoxb-1)"),
            ({"bottoken": "xoxb-9"}, "bottoken: is not a field here (did you mean botToken?)"),
            (
                {"botToken": 7},
                "botToken: must be of type string (give Bot token, for example xoxb-1)",
            ),
            (
                {"botToken": "abc"},
                "botToken: does not match ^xox (give Bot token, for example xoxb-1)",
            ),
            (
                {"botToken": "xoxb-9", "channel": "x"},
                "channel: is not one of the choices (choose one of: general, random)",
            ),
            (
                {"botToken": "xoxb-9", "limit": True},
                "limit: must be of type integer (give limit)",
            ),
        ],
    )
    def test_what_does_not_fit_is_refused_with_the_fix(
        self, values: dict[str, Any], sentence: str
    ) -> None:
        """The sentence names the field and never the value, which may be a secret."""
        with pytest.raises(Misspelt) as refusal:
            fill(SCHEMA, values)

        assert sentence == str(refusal.value)


class TestSchemaProblems:
    """A typing slip in a schema must not leave a secret in the open."""

    def test_a_good_schema_has_none(self) -> None:
        """The example above is one."""
        assert [] == list(schema_problems(SCHEMA, ()))

    @pytest.mark.parametrize(
        ("rule", "sentence"),
        [
            ({"secrt": True}, "secrt: is not a word of a schema (did you mean secret?)"),
            ({"secret": "yes"}, "secret: must be true or false (write true or false here)"),
            ({"type": "strng"}, "type: 'strng' is no type (did you mean string?)"),
            (
                {"type": "integer", "secret": True},
                'type: a secret is text (write type = "string")',
            ),
            ({"pattern": "("}, "pattern: is no regular expression"),
            ({"pattern": "a" * 201}, "pattern: is too long (use at most 200 characters)"),
        ],
    )
    def test_a_wrong_field_is_named(self, rule: dict[str, Any], sentence: str) -> None:
        """With its whole path."""
        found = first_problem({"properties": {"token": rule}})

        assert found.startswith(f"configuration.schema.properties.token.{sentence}")

    @pytest.mark.parametrize(
        ("schema", "sentence"),
        [
            ({"type": "array"}, "configuration.schema.type: a configuration is an object"),
            (
                {"propertis": {}},
                "configuration.schema.propertis: is not a word of a schema (did you mean",
            ),
            ({"properties": []}, "configuration.schema.properties: must be a table of fields"),
            (
                {"properties": {"a": "string"}},
                "configuration.schema.properties.a: must be a table",
            ),
            ({"required": ["token"]}, "configuration.schema.required: 'token' is no field"),
        ],
    )
    def test_a_wrong_table_is_named(self, schema: dict[str, Any], sentence: str) -> None:
        """Nothing of a schema goes by unread."""
        assert first_problem(schema).startswith(sentence)
