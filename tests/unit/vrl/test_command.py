"""`waypost vrl run`: lines in, lines out, in order, and never a traceback."""

from __future__ import annotations

import contextlib
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import orjson
import pytest
import structlog
from click.testing import Result
from typer.testing import CliRunner

from services.cli.vrl import vrl_app
from tests.unit.vrl.vrl_builders import GREEDY, a_request


class Command:
    """Runs the command in this process, in a folder with a script that returns the body's id."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.write("extract.vrl", "# The id.\nto_string!(parse_json!(.body).id)")

    def write(self, name: str, text: str | bytes) -> None:
        (self.folder / name).write_bytes(text if isinstance(text, bytes) else text.encode())

    def __call__(self, *arguments: str, given: bytes = b"") -> Result:
        self.write("given", given)
        ended = CliRunner().invoke(vrl_app, ["run", *arguments])
        assert isinstance(ended.exception, SystemExit | None)
        return ended


@pytest.fixture
def command(tmp_path, monkeypatch) -> Iterator[Command]:
    monkeypatch.chdir(tmp_path)
    yield Command(tmp_path)
    structlog.reset_defaults()


def lines(ended: Result) -> list[dict[str, object]]:
    return [orjson.loads(line) for line in ended.stdout_bytes.splitlines()]


def kinds(ended: Result) -> list[object]:
    """For each line the kind of its error, or its result."""
    return [line.get("error", {}).get("kind", line.get("result")) for line in lines(ended)]


class TestOneEvent:
    def test_gives_its_result(self, command):
        command.write(
            "event.json", orjson.dumps(a_request({"id": 7}), option=orjson.OPT_INDENT_2)
        )
        ended = command("extract.vrl", "--event", "event.json")

        assert (0, '{"result":"7"}\n', "") == (ended.exit_code, ended.stdout, ended.stderr)

    def test_gives_its_error_as_json_and_as_a_sentence(self, command):
        ended = command("extract.vrl", "--event", "given", given=b'{"body":"\\u001b[31m"}')
        (line,) = lines(ended)

        assert 1 == ended.exit_code
        assert ("runtime", 2) == (line["error"]["kind"], line["error"]["line"])
        assert ended.stderr.startswith("extract.vrl:2: runtime: function call error for")

    def test_gives_a_sentence_that_no_terminal_obeys(self, command):
        command.write("abort.vrl", "abort to_string!(.body)")
        ended = command("abort.vrl", "--event", "given", given=b'{"body":"\\u001b[31m"}')

        assert "abort.vrl:1: abort:  [31m\n" == ended.stderr

    def test_gives_no_sentence_with_json(self, command):
        ended = command("extract.vrl", "--event", "given", "--json", given=b"nonsense")
        (line,) = lines(ended)

        assert (1, "") == (ended.exit_code, ended.stderr)
        assert ("input", None) == (line["error"]["kind"], line["error"]["line"])

    @pytest.mark.parametrize("given", [b"[1]", b"", b'{"a":', b'"\xff"'])
    def test_must_be_an_object(self, command, given):
        ended = command("extract.vrl", "--event", "given", "--json", given=given)

        assert (1, ["input"]) == (ended.exit_code, kinds(ended))

    def test_of_a_script_that_does_not_compile_names_the_line(self, command):
        command.write("broken.vrl", "a = 1\nb = a +")
        ended = command("broken.vrl", "--event", "given", given=b"{}")

        assert 1 == ended.exit_code
        assert ended.stderr.startswith(
            "broken.vrl:2: compile: E204 syntax error: unexpected end"
        )

    @pytest.mark.parametrize(
        ("arguments", "words"),
        [
            (
                ("missing.vrl", "--event", "given"),
                "cannot read the script missing.vrl: No such",
            ),
            (("latin.vrl", "--event", "given"), "the script latin.vrl is not UTF-8 text"),
            (
                ("extract.vrl", "--event", "missing.json"),
                "cannot read the events missing.json: No",
            ),
            (("extract.vrl", "--events", "."), "cannot read the events .: Is a directory"),
            (("extract.vrl",), "give either --event FILE or --events FILE"),
            (
                ("extract.vrl", "--event", "given", "--events", "given"),
                "give either --event FILE",
            ),
        ],
    )
    def test_that_cannot_be_tried_ends_with_two(self, command, arguments, words):
        command.write("latin.vrl", b"# caf\xe9")
        ended = command(*arguments)

        assert (2, "") == (ended.exit_code, ended.stdout)
        assert words in ended.stderr


class TestManyEvents:
    def test_give_a_line_each_in_order(self, command):
        """The file is larger than what is read at once, and its last line has no end."""
        events = [orjson.dumps(a_request({"id": number})) for number in range(5000)]
        ended = command("extract.vrl", "--events", "given", given=b"\n".join(events))

        assert [{"result": str(number)} for number in range(5000)] == lines(ended)
        assert (0, "") == (ended.exit_code, ended.stderr)

    def test_may_be_larger_than_what_is_read_at_once(self, command):
        events = [orjson.dumps(a_request({"id": n, "text": "x" * 700_000})) for n in range(3)]
        ended = command("extract.vrl", "--events", "given", given=b"\n".join(events) + b"\n")

        assert ["0", "1", "2"] == kinds(ended)

    def test_that_are_too_large_are_an_error_and_the_next_is_answered(self, command):
        given = b'{"a":"' + b"x" * (33 << 20) + b'"}\n{"body":"{}"}\n'
        ended = command("extract.vrl", "--events", "given", given=given)

        assert ["input", ""] == kinds(ended)

    def test_go_on_after_bad_lines(self, command):
        given = b'\xef\xbb\xbf{"body":"{}"}\nnonsense\n\n[1]\n{"body":"{\\"id\\":1}"}\r\n{"body":1}\n'
        ended = command("extract.vrl", "--events", "given", given=given)

        assert ["", "input", "input", "input", "1", "runtime"] == kinds(ended)
        assert (0, "extract.vrl: 4 events ended in an error\n") == (
            ended.exit_code,
            ended.stderr,
        )

    def test_of_a_script_that_does_not_compile_are_an_error_each(self, command):
        command.write("broken.vrl", "a +")
        ended = command("broken.vrl", "--events", "given", "--json", given=b"{}\n{}\n{}\n")

        assert ["compile"] * 3 == kinds(ended)

    def test_of_a_script_that_the_guard_refuses_are_an_error_each(self, command):
        command.write("denied.vrl", '\nget_env_var!("HOME")')
        ended = command("denied.vrl", "--events", "given", "--json", given=b"{}\n{}\n")

        assert [2, 2] == [line["error"]["line"] for line in lines(ended)]

    def test_that_kill_their_worker_do_not_take_others_with_them(self, command):
        """Of a batch only the line that did it fails, until the script is in quarantine."""
        command.write("greedy.vrl", GREEDY.replace('"x"', "to_string!(.text)"))
        texts = ["", "", "x", "", "x", "", "x"]
        given = b"".join(orjson.dumps({"text": text}) + b"\n" for text in texts)
        ended = command("greedy.vrl", "--events", "given", given=given)

        assert ["", "", "crashed", "", "crashed", "quarantined", "quarantined"] == kinds(ended)

    def test_of_nothing_are_nothing(self, command):
        ended = command("extract.vrl", "--events", "given")

        assert (0, "", "") == (ended.exit_code, ended.stdout, ended.stderr)


class TestAPipe:
    def test_is_answered_while_more_may_come(self, command, pytestconfig):
        with subprocess.Popen(
            [sys.executable, "-m", "services.cli.vrl", "run", "extract.vrl", "--events", "-"],
            cwd=command.folder, env={"PYTHONPATH": str(pytestconfig.rootpath)},
            stdin=subprocess.PIPE, stdout=subprocess.PIPE,
        ) as running:  # fmt: skip
            watchdog = threading.Timer(30, running.kill)
            watchdog.start()
            answers = []
            for number in (1, 2):
                running.stdin.write(orjson.dumps(a_request({"id": number})) + b"\n")
                running.stdin.flush()
                answers.append(running.stdout.readline())
            running.stdin.close()
            code = running.wait()
            watchdog.cancel()

        assert ([b'{"result":"1"}\n', b'{"result":"2"}\n'], 0) == (answers, code)

    @pytest.mark.parametrize("ending", ["interrupt", "reader is gone"])
    def test_that_ends_early_ends_the_command_quietly(self, command, pytestconfig, ending):
        with subprocess.Popen(
            [sys.executable, "-m", "services.cli.vrl", "run", "extract.vrl", "--events", "-"],
            cwd=command.folder, env={"PYTHONPATH": str(pytestconfig.rootpath)},
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
        ) as running:  # fmt: skip
            line = orjson.dumps(a_request({"id": 1})) + b"\n"
            running.stdin.write(line)
            running.stdin.flush()
            running.stdout.readline()
            if ending == "interrupt":
                running.send_signal(2)
            else:
                running.stdout.close()
                with contextlib.suppress(BrokenPipeError):
                    running.stdin.write(line * 50_000)
            with contextlib.suppress(BrokenPipeError):
                running.stdin.close()
            code = running.wait(30)
            said = running.stderr.read()

        assert code != 0
        assert b"Traceback" not in said
        assert b"Fatal" not in said


def test_help_shows_examples(command):
    assert "waypost vrl run extract.vrl --event request.json" in command("--help").stdout
