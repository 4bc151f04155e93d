"""A payload fits its schema, or is told by name what does not."""

from __future__ import annotations

from typing import Any

import pytest

from shared.integrations.payloads import misfit, without_required

CREDENTIALS: dict[str, Any] = {
    "type": "object",
    "required": ["token", "kind"],
    "additionalProperties": False,
    "properties": {
        "token": {"type": "string"},
        "kind": {"enum": ["a", "b"], "default": "a"},
        "expires": {"type": "integer"},
        "oauth": {"anyOf": [{"type": "object", "required": ["id"]}, {"type": "null"}]},
        "old": {"type": "string", "nullable": True},
        "scopes": {"type": "array", "items": {"type": "string"}},
        "by": {"type": "object", "additionalProperties": {"type": "number"}},
        "is": {"type": ["boolean", "null"]},
    },
}


@pytest.mark.parametrize(
    "more",
    [
        {}, {"unknown": [1, {}]}, {"kind": "b"}, {"expires": 5.0}, {"oauth": None},
        {"oauth": {"id": 1, "more": 2}}, {"old": None}, {"scopes": []}, {"by": {"x": 1.5}}, {"is": None},
    ],
)  # fmt: skip
def test_what_fits(more: dict[str, Any]) -> None:
    assert misfit(CREDENTIALS, {"token": "t", **more}) is None


@pytest.mark.parametrize(
    ("more", "said"),
    [
        ({"token": None}, "payload.token: is no string"),
        ({"kind": "c"}, "payload.kind: is none of its values"),
        ({"expires": 5.5}, "payload.expires: is no integer"),
        ({"expires": True}, "payload.expires: is no integer"),
        ({"oauth": {}}, "payload.oauth: fits none of its alternatives"),
        ({"old": 5}, "payload.old: is no string"),
        ({"scopes": ["a", 5]}, "payload.scopes[1]: is no string"),
        ({"by": {"x": "1"}}, "payload.by.x: is no number"),
        ({"is": "true"}, "payload.is: is no boolean or null"),
    ],
)
def test_what_does_not(more: dict[str, Any], said: str) -> None:
    assert said == misfit(CREDENTIALS, {"token": "t", **more})


def test_a_part_needs_nothing_but_must_fit() -> None:
    assert misfit(CREDENTIALS, {}) == "payload.token: is missing"
    assert misfit(without_required(CREDENTIALS), {}) is None
    assert misfit(without_required(CREDENTIALS), {"token": 1}) == "payload.token: is no string"


@pytest.mark.parametrize(
    "schema", [{}, {"type": "date"}, {"$ref": "#/x"}, {"type": 5}, {"anyOf": 1}, True, None]
)
def test_a_schema_that_says_nothing_refuses_nothing(schema: Any) -> None:
    assert misfit(schema, {"a": 1}) is None
