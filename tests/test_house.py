"""The house keeps its own rules: layers, sizes, locks and packaging."""

from __future__ import annotations

import ast
import importlib
import importlib.metadata
import json
import re
import shutil
import subprocess
import sys
import tomllib
import urllib.parse
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
NAMES = ("services", "workers", "shared")
SOURCES = {name: Path(importlib.import_module(name).__path__[0]) for name in NAMES}
FILES = sorted(path for folder in SOURCES.values() for path in folder.rglob("*.py"))
TESTS = sorted((ROOT / "tests").rglob("*.py"))
LOCKS = ("requirements.lock", "requirements-dev.lock")
NPM_LOCKS = sorted((ROOT / "tests/compat/npm").glob("*/package-lock.json"))
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())
CONTRACTS = {
    contract["id"]: contract["name"]
    for contract in PROJECT["tool"]["importlinter"]["contracts"]
}

# One violation per contract: the file it is planted in, and the line.
PLANTED = {
    "floors": ("services/web.py", "import workers"),
    "shared": ("shared/utils.py", ""),
    "workers": ("workers/runtime/planted.py", "import workers.main"),
    "services": ("services/web.py", "import services.api"),
    "cycles": ("shared/errors.py", "import shared.botpress"),
    "decisions": ("shared/retries.py", "import time"),
    "arq": ("workers/journey.py", "import arq"),
    "door": ("services/ingress/planted.py", "import shared.secret"),
    "ports": ("workers/jobs/planted.py", "import shared.storage.ledger"),
    "configuration": ("workers/outbound.py", "import shared.config"),
    "keys": ("services/web.py", "import shared.storage.keys"),
    "store": ("workers/journey.py", "import redis"),
    "vrl": ("workers/journey.py", "import vrl_python"),
    "outbound": ("workers/journey.py", "import aiohttp"),
    "simulator": ("services/simulator/planted.py", "import shared.secret"),
}


def lint_imports(folder: Path, contract: str) -> subprocess.CompletedProcess[str]:
    """Check one contract over the packages in *folder*."""
    program = (
        "import sys; from importlinter.cli import lint_imports;"
        f"sys.path.insert(0, {str(folder)!r});"
        f"sys.exit(lint_imports(config_filename='pyproject.toml', limit_to_contracts=({contract!r},),"
        " cache_dir='.cache'))"
    )
    return subprocess.run(
        [sys.executable, "-c", program], cwd=folder, capture_output=True, text=True, check=False
    )


def functions_of(path: Path) -> Iterator[ast.FunctionDef | ast.AsyncFunctionDef]:
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            yield node


def imports_of(path: Path) -> Iterator[str]:
    """Every module name, and every name taken out of one, that *path* imports."""
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        if isinstance(node, ast.ImportFrom):
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


@pytest.fixture(scope="module")
def house(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy of the three packages that may be spoiled."""
    copy = tmp_path_factory.mktemp("house")
    ignore = shutil.ignore_patterns("__pycache__")
    for name, folder in SOURCES.items():
        shutil.copytree(folder, copy / name, ignore=ignore)
    shutil.copy(ROOT / "pyproject.toml", copy)
    return copy


class TestLayers:
    def test_every_contract_has_a_violation_planted(self) -> None:
        assert sorted(CONTRACTS) == sorted(PLANTED)

    @pytest.mark.parametrize("contract", sorted(PLANTED))
    def test_a_planted_violation_is_caught(self, house: Path, contract: str) -> None:
        """Whole as the house is the contract holds; with one line more it does not."""
        where, line = PLANTED[contract]
        planted = house / where
        before = planted.read_text() if planted.exists() else None

        whole = lint_imports(house, contract)
        planted.write_text(f"{before or ''}\n{line}\n")
        spoiled = lint_imports(house, contract)
        planted.unlink() if before is None else planted.write_text(before)

        assert (0, 1) == (whole.returncode, spoiled.returncode), whole.stdout + spoiled.stdout
        assert f"{CONTRACTS[contract]} BROKEN" in " ".join(spoiled.stdout.split())

    def test_handlers_are_imported_by_nobody(self) -> None:
        """The handlers.py of an integration is loaded by name from its folder."""
        importers = [
            path for path in FILES if any("handlers" in n.split(".") for n in imports_of(path))
        ]

        assert [] == importers

    def test_the_handlers_of_two_integrations_are_no_package(self) -> None:
        assert [] == [path for path in FILES if (path.parent / "definition.toml").exists()
                      and path.name == "__init__.py"]  # fmt: skip


class TestSizes:
    @pytest.mark.parametrize("path", FILES, ids=lambda path: "/".join(path.parts[-3:]))
    def test_a_file_fits_the_head(self, path: Path) -> None:
        """At most 400 lines a file and 50 a function; what does not fit hides a thing without a name."""
        lines = len(path.read_text().splitlines())
        long = [f.name for f in functions_of(path) if f.end_lineno - f.lineno >= 50]

        assert lines <= 400
        assert [] == long

    @pytest.mark.parametrize("path", TESTS, ids=lambda path: "/".join(path.parts[-3:]))
    def test_a_file_of_tests_fits_it_too(self, path: Path) -> None:
        assert len(path.read_text().splitlines()) <= 400

    def test_most_functions_are_small(self) -> None:
        """The middle function has at most 8 lines, nine of ten at most 25."""
        sizes = sorted(
            f.end_lineno - f.lineno + 1 for path in FILES for f in functions_of(path)
        )

        assert sizes[len(sizes) // 2] <= 8
        assert sizes[len(sizes) * 9 // 10] <= 25

    def test_nothing_is_called_after_its_lack_of_a_name(self) -> None:
        banned = {"utils", "util", "helpers", "helper", "common", "manager", "base", "misc"}

        assert [] == [
            path for path in FILES if path.stem in banned or path.parent.name in banned
        ]


class TestSafety:
    def test_pickle_is_imported_nowhere(self) -> None:
        """Whoever can write to the store must not be able to run code."""
        banned = {"pickle", "cPickle", "dill", "cloudpickle", "marshal", "shelve"}

        assert [] == [
            p for p in FILES if banned & {name.split(".")[0] for name in imports_of(p)}
        ]

    def test_nothing_reaches_the_folder_beside_the_project(self) -> None:
        """A clone is all there is, at run time and in tests."""
        beside = re.compile(r"\.\./shared|/work/|/tmp/build")
        ours = [*FILES, *(p for p in TESTS if p != Path(__file__))]

        assert [] == [path for path in ours if beside.search(path.read_text())]


class TestLocks:
    @pytest.mark.parametrize("name", [*LOCKS, "bench/requirements.lock"])
    def test_a_lock_holds_names_versions_and_hashes_only(self, name: str) -> None:
        """No address of a registry and no path of a machine."""
        requirement = re.compile(
            r"[a-z0-9][a-z0-9-]*(\[[a-z]+\])?==[\w.!+]+( ; [\w .<>='!]+)?( \\)?"
        )
        digest = re.compile(r"    --hash=sha256:[0-9a-f]{64}( \\)?")
        lines = (ROOT / name).read_text().splitlines()

        assert [] == [
            line
            for line in lines
            if not requirement.fullmatch(line) and not digest.fullmatch(line)
        ]

    @pytest.mark.parametrize("lock", NPM_LOCKS, ids=lambda lock: lock.parent.name)
    def test_a_lock_of_npm_holds_no_address_either(self, lock: Path) -> None:
        """Neither where a package came from nor where its author takes donations; `npm ci` needs none of it."""
        written = lock.read_text()

        assert "lockfileVersion" in json.loads(written)
        assert [] == re.findall(r"[\w+.-]*//[^\s\"]*|registry\.\S+", written)

    def test_the_developers_lock_agrees_with_the_operators(self) -> None:
        operators, developers = (self._pins(name) for name in LOCKS)

        assert operators.items() <= developers.items()

    @pytest.mark.parametrize("name", LOCKS)
    def test_everything_that_is_declared_is_locked(self, name: str) -> None:
        """`make lock` was run after the last change of pyproject.toml."""
        extras = PROJECT["project"]["optional-dependencies"]
        declared = [
            *PROJECT["project"]["dependencies"],
            *PROJECT["build-system"]["requires"],
            *extras["fast"],
        ]
        declared += extras["dev"] if name == "requirements-dev.lock" else []

        wanted = {re.split(r"[\[<>=~!; ]", one)[0].lower() for one in declared}

        assert set() == wanted - set(self._pins(name))

    def _pins(self, name: str) -> dict[str, str]:
        pins = re.findall(r"^([a-z0-9-]+)==([^ ]+)", (ROOT / name).read_text(), re.MULTILINE)
        return dict(pins)


class TestPackaging:
    def test_the_import_names_are_ours(self) -> None:
        """Plain names are a risk: another package of that name would be mixed with ours unseen."""
        owners = importlib.metadata.packages_distributions()

        assert {name: [] for name in NAMES} == {
            name: [one for one in owners.get(name, []) if one != "waypost"] for name in NAMES
        }
        assert dict.fromkeys(NAMES, True) == {name: self._is_ours(name) for name in NAMES}

    def test_the_package_is_never_uploaded_by_accident(self) -> None:
        """A registry refuses this classifier."""
        metadata = importlib.metadata.metadata("waypost")

        assert "Private :: Do Not Upload" in metadata.get_all("Classifier")

    def test_what_is_no_python_is_packed_too(self) -> None:
        """Scripts of the store, definitions, VRL and pages lie beside the code that reads them."""
        kinds = {path.suffix for folder in SOURCES.values() for path in folder.rglob("*.*")}

        assert {".lua", ".toml", ".vrl", ".html"} <= kinds

    def _is_ours(self, name: str) -> bool:
        distribution = importlib.metadata.distribution("waypost")
        origin = json.loads(distribution.read_text("direct_url.json") or "{}")
        if origin.get("dir_info", {}).get("editable"):
            home = urllib.parse.unquote(urllib.parse.urlsplit(origin["url"]).path)
            return SOURCES[name] == Path(home) / name
        return any(file.parts[0] == name for file in distribution.files or [])


class TestMake:
    """What a stranger reads when the machine lacks something."""

    def test_an_absent_python_is_named_with_the_fix(self, tmp_path: Path) -> None:
        ran = self._install(tmp_path, "/nowhere/python3")

        assert ran.returncode != 0
        assert "Waypost needs Python 3.11 or newer" in ran.stdout
        assert "make PYTHON=" in ran.stdout

    @pytest.mark.parametrize(
        ("lacks", "said"),
        [
            ("version_info", "Waypost needs Python 3.11 or newer"),
            ("ensurepip", "apt-get install python3-venv"),
        ],
    )
    def test_a_python_that_will_not_do_is_named_with_the_fix(
        self, tmp_path: Path, lacks: str, said: str
    ) -> None:
        python = tmp_path / "python3"
        python.write_text(f'#!/bin/sh\ncase "$*" in *{lacks}*) exit 1;; esac\n')
        python.chmod(0o755)

        ran = self._install(tmp_path, str(python))

        assert ran.returncode != 0
        assert said in ran.stdout

    def _install(self, folder: Path, python: str) -> subprocess.CompletedProcess[str]:
        make = ["make", "install", f"VENV={folder}/.venv", f"PYTHON={python}"]
        return subprocess.run(make, cwd=ROOT, capture_output=True, text=True, check=False)
