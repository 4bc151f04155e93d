"""Row 17 of docs/security.md: what is secret is never compared by `==`, which ends at the first byte that differs."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

import services
import shared
import workers

FILES = sorted(
    path
    for package in (services, workers, shared)
    for path in Path(package.__path__[0]).rglob("*.py")
    if "simulator" not in path.parts
)
SECRET = re.compile(
    r"(^|_)(sig|signature|mac|hmac|tokens?|secrets?|digest|password|cookie|hash|hashed|state_hash|oauth_state)($|_)"
)


def compared(source: str) -> Iterator[str]:
    """Comparisons of two values of which one is called after a secret."""
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Compare) and isinstance(node.ops[0], ast.Eq | ast.NotEq):
            sides = [node.left, *node.comparators]
            is_fixed = any(isinstance(one, ast.Constant) for one in sides)
            if not is_fixed and any(SECRET.search(called(one)) for one in sides):
                yield ast.unparse(node)


def called(node: ast.expr) -> str:
    """The last name in *node*: of `a.b.hash(c)` it is `hash`."""
    while isinstance(node, ast.Call | ast.Await | ast.Subscript):
        node = getattr(node, "func", None) or node.value  # type: ignore[union-attr]
    return str(getattr(node, "attr", getattr(node, "id", ""))).lower()


def test_no_secret_is_compared_byte_by_byte() -> None:
    found = [(file.name, one) for file in FILES for one in compared(file.read_text())]

    assert [] == found
    assert FILES


@pytest.mark.parametrize(
    "planted",
    ["given == self.secret", "mac(body) != given", "flow.cookie_hash == raw.cookie_hash", "tokens[0] == x"],
)  # fmt: skip
def test_one_that_is_would_be_found(planted: str) -> None:
    assert [planted] == list(compared(planted))
