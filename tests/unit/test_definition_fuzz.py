"""Whatever is posted as a definition, the answer is a definition or a refusal."""

from __future__ import annotations

import contextlib
import copy
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from shared.errors import DefinitionInvalid
from shared.integrations import configurations
from shared.integrations.definition import decode, door_of, from_stored, stored
from shared.integrations.spelling import Misspelt
from tests.integrations.definition_builders import a_document

ODD = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(),
    st.floats(allow_nan=False),
    st.sampled_from(
        ["", "x", "https://a.example", "https://[", "{", "{a}", "none", "\x00", "é"]
    ),
    st.just([]),
    st.just({}),
    st.just([{}]),
    st.just([1]),
    st.just({"a": 1}),
    st.just({"": {}}),
)


def places(value: Any, path: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    """Every place in *value*."""
    below = value.items() if isinstance(value, dict) else ()
    return [path, *(place for key, item in below for place in places(item, (*path, key)))]


RICH = a_document(
    reply={"policy": "ack", "headers": {"a": "b"}},
    handshakes=[{"form": "empty", "header": "x-a"}],
    inputs={"site": {"type": "dns_label"}},
    egress=["a.example"],
    configuration={
        "schema": {
            "type": "object",
            "required": ["a"],
            "properties": {
                "a": {"type": "string", "enum": ["x"], "pattern": "x", "title": "A"}
            },
        },
        "identifier": {"linkTemplateScript": '"https://a.example"'},
    },
)


def test_a_number_that_json_cannot_hold_is_refused_with_its_place() -> None:
    document = copy.deepcopy(RICH)
    document["configuration"]["schema"]["properties"]["a"]["default"] = float("inf")

    with pytest.raises(DefinitionInvalid, match=r"properties\.a\.default: inf is not a number"):
        decode(document)


@settings(max_examples=600, deadline=None)
@given(place=st.sampled_from(places(RICH)[1:]), odd=ODD)
def test_an_odd_value_anywhere_is_read_or_refused(place: tuple[Any, ...], odd: Any) -> None:
    """No other error, and what was accepted can be used."""
    document = copy.deepcopy(RICH)
    table = document
    for part in place[:-1]:
        table = table[part]
    table[place[-1]] = odd

    with contextlib.suppress(DefinitionInvalid):
        definition = decode(document)
        assert definition == from_stored(stored(definition))
        door_of(definition)
        for kind in (None, *definition.configurations):
            configurations.provider_of(definition, kind)
            configurations.configuration_fields(definition, kind)
            with contextlib.suppress(Misspelt):
                configurations.filled(definition, kind, {"a": "x", "token": "t"})
