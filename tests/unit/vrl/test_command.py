"""`waypost vrl run`: lines in, lines out, in order, and never a traceback."""

from __future__ import annotations

import subprocess
import sys
import threading

import orjson
import pytest

from tests.unit.vrl.vrl_builders import HUNGRY, a_request

COMMAND = [sys.executable, "-m", "services.cli.vrl", "run"]


class Command:
    """Runs the command in a folder with a script that returns the body's id."""

    def __init__(self, folder) -> None:
        self.folder = folder
        self.write("extract.vrl", "# The id.\nto_string!(parse_json!(.body).id)")

    def write(self, name: str, text: str | bytes) -> None:
        (self.folder / name).write_bytes(text if isinstance(text, bytes) else text.encode())

    def __call__(self, *arguments: str, given: bytes = b"") -> subprocess.CompletedProcess[bytes]:
        ended = subprocess.run(
            [*COMMAND, *arguments], cwd=self.folder, input=given, capture_output=True, check=False
        )
        assert b"Traceback" not in ended.stderr
        return ended


@pytest.fixture
def command(tmp_path, monkeypatch, pytestconfig):
    monkeypatch.setenv("PYTHONPATH", str(pytestconfig.rootpath))
    return Command(tmp_path)


def lines(output: bytes) -> list[object]:
    return [orjson.loads(line) for line in output.splitlines()]


class TestOneEvent:
    def test_gives_its_result(self, command):
        command.write("event.json", orjson.dumps(a_request({"id": 7}), option=orjson.OPT_INDENT_2))
        ended = command("extract.vrl", "--event", "event.json")

        assert (0, b'{"result":"7"}\n', b"") == (ended.returncode, ended.stdout, ended.stderr)

    def test_gives_its_error_as_json_and_as_a_sentence(self, command):
        ended = command("extract.vrl", "--event", "-", given=b'{"body":"\\u001b[31m"}')
        (line,) = lines(ended.stdout)

        assert 1 == ended.returncode
        assert ("runtime", 2) == (line["error"]["kind"], line["error"]["line"])
        assert ended.stderr.startswith(b"extract.vrl:2: runtime: function call error for")

    def test_gives_no_sentence_with_json(self, command):
        ended = command("extract.vrl", "--event", "-", "--json", given=b"nonsense")
        (line,) = lines(ended.stdout)

        assert (1, b"") == (ended.returncode, ended.stderr)
        assert ("input", None) == (line["error"]["kind"], line["error"]["line"])

    @pytest.mark.parametrize("given", [b"[1]", b"", b'{"a":', b'"\xff"'])
    def test_must_be_an_object(self, command, given):
        ended = command("extract.vrl", "--event", "-", "--json", given=given)

        assert (1, "input") == (ended.returncode, lines(ended.stdout)[0]["error"]["kind"])

    def test_of_a_script_that_does_not_compile_names_the_line(self, command):
        command.write("broken.vrl", "a = 1\nb = a +")
        ended = command("broken.vrl", "--event", "-", given=b"{}")

        assert 1 == ended.returncode
        assert ended.stderr.startswith(b"broken.vrl:2: compile: E204 syntax error: unexpected end")

    @pytest.mark.parametrize(
        ("arguments", "words"),
        [
            (("missing.vrl", "--event", "-"), b"cannot read the script missing.vrl: No such file"),
            (("latin.vrl", "--event", "-"), b"the script latin.vrl is not UTF-8 text"),
            (("extract.vrl", "--event", "missing.json"), b"cannot read the events missing.json: No"),
            (("extract.vrl", "--events", "."), b"cannot read the events .: Is a directory"),
            (("extract.vrl",), b"give either --event FILE or --events FILE"),
            (("extract.vrl", "--event", "-", "--events", "-"), b"give either --event FILE or"),
        ],
    )
    def test_that_cannot_be_tried_ends_with_two(self, command, arguments, words):
        command.write("latin.vrl", b"# caf\xe9")
        ended = command(*arguments)

        assert (2, b"") == (ended.returncode, ended.stdout)
        assert words in ended.stderr


class TestManyEvents:
    def test_give_a_line_each_in_order(self, command):
        events = [orjson.dumps(a_request({"id": number})) for number in range(5000)]
        command.write("events.jsonl", b"\n".join(events))
        ended = command("extract.vrl", "--events", "events.jsonl")

        assert [{"result": str(number)} for number in range(5000)] == lines(ended.stdout)
        assert (0, b"") == (ended.returncode, ended.stderr)

    def test_go_on_after_bad_lines(self, command):
        given = b'\xef\xbb\xbf{"body":"{}"}\nnonsense\n\n[1]\n{"body":"{\\"id\\":1}"}\r\n{"body":1}\n'
        ended = command("extract.vrl", "--events", "-", given=given)
        kinds = [line.get("error", {}).get("kind", line.get("result")) for line in lines(ended.stdout)]

        assert ["", "input", "input", "input", "1", "runtime"] == kinds
        assert (0, b"extract.vrl: 4 events ended in an error\n") == (ended.returncode, ended.stderr)

    def test_of_a_script_that_does_not_compile_are_an_error_each(self, command):
        command.write("broken.vrl", "a +")
        ended = command("broken.vrl", "--events", "-", "--json", given=b"{}\n{}\n{}\n")

        assert ["compile"] * 3 == [line["error"]["kind"] for line in lines(ended.stdout)]

    def test_of_a_script_that_the_guard_refuses_are_an_error_each(self, command):
        command.write("denied.vrl", '\nget_env_var!("HOME")')
        ended = command("denied.vrl", "--events", "-", "--json", given=b"{}\n{}\n")

        assert [2, 2] == [line["error"]["line"] for line in lines(ended.stdout)]

    def test_that_kill_their_worker_do_not_take_others_with_them(self, command):
        """Of a batch only the line that did it fails."""
        command.write("hungry.vrl", HUNGRY.replace('"sixteen letters!"', "to_string!(.text)"))
        texts = ["", "", "x", "", "x", "", "x"]
        given = b"\n".join(orjson.dumps({"text": text}) for text in texts)
        ended = command("hungry.vrl", "--events", "-", given=given)
        kinds = [line.get("error", {}).get("kind", line.get("result")) for line in lines(ended.stdout)]

        assert ["", "", "crashed", "", "crashed", "quarantined", "quarantined"] == kinds

    def test_of_nothing_are_nothing(self, command):
        assert (0, b"") == (command("extract.vrl", "--events", "-").returncode, b"")

    def test_are_answered_while_more_may_come(self, command):
        with subprocess.Popen(
            [*COMMAND, "extract.vrl", "--events", "-"],
            cwd=command.folder, stdin=subprocess.PIPE, stdout=subprocess.PIPE,
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


def test_help_shows_examples(command):
    shown = command("--help").stdout

    assert b"waypost vrl run extract.vrl --event request.json" in shown
