"""The examples in the docstrings of `shared` are true."""

from __future__ import annotations

import doctest
import importlib
import pkgutil

import pytest

import shared

MODULES = sorted(
    module.name for module in pkgutil.walk_packages(shared.__path__, prefix="shared.")
)


@pytest.mark.parametrize("name", MODULES)
def test_the_examples_in_docstrings_are_true(name: str) -> None:
    module = importlib.import_module(name)

    failed, _ = doctest.testmod(module, optionflags=doctest.ELLIPSIS)

    assert failed == 0
