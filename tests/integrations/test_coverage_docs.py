"""docs/coverage.md names fields that exist, and its shares are those of its counts."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import msgspec
import pytest
from msgspec import inspect

from shared.integrations.records import Definition

PAGE = (Path(__file__).parents[2] / "docs" / "coverage.md").read_text()
PROVIDERS = 354
FIELDS = sorted(set(re.findall(r"`((?:oauth|inputs)[\w.]*)`", PAGE)))
COUNTS = re.findall(r"\| (\d+) \| ([\d.]+) % \|", PAGE)


def inside(kind: Any, name: str) -> Any:
    """The type of the field *name* somewhere in *kind*; AssertionError where there is none."""
    if isinstance(kind, inspect.StructType):
        for field in kind.fields:
            if field.encode_name == name:
                return field.type
    for inner in (*getattr(kind, "types", ()), getattr(kind, "value_type", None)):
        if isinstance(inner, inspect.StructType | inspect.UnionType):
            return inside(inner, name)
    raise AssertionError(f"there is no {name}")


@pytest.mark.parametrize("field", FIELDS)
def test_a_field_that_it_names_exists(field: str) -> None:
    kind: Any = inspect.type_info(Definition)
    for name in field.split("."):
        kind = inside(kind, name)


def test_names_many() -> None:
    """So that the test above cannot pass by finding none."""
    assert len(FIELDS) > 25
    assert msgspec.structs.fields(Definition)


@pytest.mark.parametrize(("count", "share"), COUNTS)
def test_a_share_is_that_of_its_count(count: str, share: str) -> None:
    assert abs(100 * int(count) / PROVIDERS - float(share)) < 0.06
