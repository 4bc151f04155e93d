"""The examples in docstrings are true."""

from __future__ import annotations

import doctest
import importlib
import pkgutil

import pytest

import services
import shared
import workers

_NEVER = ("__main__", "handlers")  # a program that would start, and code that is loaded by name

MODULES = sorted(
    module.name
    for package in (services, shared, workers)
    for module in pkgutil.walk_packages(package.__path__, prefix=f"{package.__name__}.")
    if module.name.rpartition(".")[2] not in _NEVER
)


@pytest.mark.parametrize("name", MODULES)
def test_the_examples_in_docstrings_are_true(name: str) -> None:
    module = importlib.import_module(name)

    failed, _ = doctest.testmod(module, optionflags=doctest.ELLIPSIS)

    assert failed == 0
