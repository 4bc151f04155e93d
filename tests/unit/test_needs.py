"""A missing program leaves tests out with a word on how to get it; in CI it fails them."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent.parent
MARKED = """
import pytest

@pytest.mark.needs("chromium")
def test_in_a_browser(): pass

@pytest.mark.needs("openssl")
def test_with_openssl(): pass

def test_with_nothing(): pass
"""


@pytest.fixture
def without_programs(tmp_path: Path):
    """Run the marked tests where PATH is empty."""
    (tmp_path / "test_marked.py").write_text(MARKED)

    def run(**environ: str) -> subprocess.CompletedProcess[str]:
        command = [
            sys.executable,
            "-m",
            "pytest",
            "-q",
            "-p",
            "tests.needs",
            "--rootdir",
            str(tmp_path),
        ]
        return subprocess.run(
            [*command, "-p", "no:cacheprovider", "-p", "no:asyncio", str(tmp_path)],
            cwd=tmp_path, env={"PATH": "", "PYTHONPATH": str(ROOT), **environ},
            capture_output=True, text=True, check=False,
        )  # fmt: skip

    return run


class TestAMissingProgram:
    def test_leaves_its_tests_out_and_says_how_to_get_it(self, without_programs) -> None:
        ran = without_programs()

        assert ran.returncode == 0
        assert "1 without chromium; to run them: apt-get install -y chromium" in ran.stdout
        assert "1 without openssl; to run them: apt-get install -y openssl" in ran.stdout
        assert "1 passed, 2 skipped" in ran.stdout

    def test_fails_them_where_nothing_may_be_left_out(self, without_programs) -> None:
        ran = without_programs(WAYPOST_REQUIRE_ALL="1")

        assert ran.returncode == 1
        assert "needs chromium (fix: apt-get install -y chromium)" in ran.stdout
        assert "1 passed, 2 errors" in ran.stdout
