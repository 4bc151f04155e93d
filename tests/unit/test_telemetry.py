"""What leaves a process: log lines without secrets."""

from __future__ import annotations

import asyncio
import importlib
import io
import json
import logging
import re
from collections.abc import Iterator
from pathlib import Path

import orjson
import pytest
import structlog

from shared import telemetry
from shared.configvalues import LogSettings


@pytest.fixture
def lines() -> Iterator[io.StringIO]:
    """Where a configured process logs; the library's own settings come back behind the test."""
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    yield io.StringIO()
    structlog.reset_defaults()
    root.handlers[:], root.level = handlers, level


SECRETS = {
    "access_token": "x0x", "Authorization": "x0x", "set-cookie": "x0x", "client_secret": "x0x", "code": "x0x",
    "body": b"x0x", "headers": {"a": "x0x"}, "query": "x0x", "code_verifier": "x0x", "api_key": "x0x",
    "nested": {"password": "x0x", "deep": [{"token": "x0x"}]}, "url": "https://a.example/b?code=x0x",
    "path": "/oauth?state=x0x", "store": "redis://user:x0x@host/0", "given": "Bearer x0x.x0x-x0x",
    "urls": ["https://a.example?x0x"], "broken": "Bearer\nx0x.x0x-x0x", "wide": "Bearer\u00a0x0x.x0x-x0x",
}  # fmt: skip


@pytest.mark.parametrize("form", ["json", "console"])
class TestALine:
    def test_holds_no_secret_wherever_it_was_put(self, lines: io.StringIO, form: str) -> None:
        telemetry.configure(LogSettings("info", form), to=lines)
        telemetry.get_logger().info("call.made", **SECRETS)

        assert "call.made" in lines.getvalue()
        assert "x0x" not in lines.getvalue()

    @pytest.mark.parametrize("name", SECRETS)
    def test_holds_no_secret_that_came_alone(
        self, lines: io.StringIO, form: str, name: str
    ) -> None:
        telemetry.configure(LogSettings("info", form), to=lines)
        telemetry.get_logger().info("call.made", **{name: SECRETS[name]})

        assert "call.made" in lines.getvalue()
        assert "x0x" not in lines.getvalue()

    def test_with_a_trace_holds_no_local_variables(self, lines: io.StringIO, form: str) -> None:
        telemetry.configure(LogSettings("info", form), to=lines)
        token = "x0x"
        try:
            raise ValueError(f"at https://a.example/b?code={token}")
        except ValueError:
            telemetry.get_logger().exception("request.failed")

        assert "ValueError" in lines.getvalue()
        assert "x0x" not in lines.getvalue().replace('token = "x0x"', "")

    def test_of_a_library_goes_the_same_way(self, lines: io.StringIO, form: str) -> None:
        telemetry.configure(LogSettings("info", form), program="worker", to=lines)
        logging.getLogger("aiohttp.access").info("GET / is not worth a line")
        logging.getLogger("aiohttp.server").warning("Error at %s", "/oauth?code=x0x")

        assert 1 == len(lines.getvalue().splitlines())
        assert "/oauth?[hidden]" in lines.getvalue()
        assert "worker" in lines.getvalue()


@pytest.mark.parametrize(
    "text",
    ["said Bearer x0xx0xx0x", "bAsIc x0xx0xx0x", "BEARER\tx0xx0xx0x", "ba\u017fic x0xx0xx0x",
     "/a?x0x", "redis://x0x@host"],
)  # fmt: skip
def test_one_credential_alone_is_hidden_however_it_is_written(text: str) -> None:
    assert "x0x" not in telemetry.cleaned(text)
    assert "x0x" not in str(telemetry.redacted(None, "", {"event": "call.made", "said": text}))


@pytest.mark.parametrize("form", ["json", "console"])
@pytest.mark.parametrize("of", ["id", "record", "trace"])
@pytest.mark.parametrize("reason", ["said 5%", "<id> of <seconds>", "é"])
def test_a_line_that_is_repeated_is_the_line(
    lines: io.StringIO, form: str, of: str, reason: str
) -> None:
    settings = LogSettings("info", form)
    telemetry.configure(
        settings, program="api", to=lines, time_ns=lambda: 1_790_000_000 * 10**9
    )
    log = telemetry.get_logger(flow="100%s")
    facts = {"route": "/connect/{token}?x0x", "status": 200, "reason": reason}
    log.info("http.answered", seconds=0.0021, **{of: "call_1"}, **facts)
    say = telemetry.repeated(log, "http.answered", of=of, **facts)
    say("call_1", 0.0021)
    say("call_2", 0.0)
    first, second, third = lines.getvalue().splitlines()

    assert first == second
    assert third == first.replace("call_1", "call_2").replace("0.0021", "0.0")
    assert "x0x" not in first


def test_a_line_that_is_repeated_is_silent_where_lines_are(lines: io.StringIO) -> None:
    telemetry.configure(LogSettings("warning", "json"), to=lines)
    telemetry.repeated(telemetry.get_logger(), "http.answered", status=200)("call_1", 0.1)

    assert "" == lines.getvalue()


async def test_lines_of_one_turn_of_the_loop_are_written_together_and_a_warning_at_once(
    lines: io.StringIO,
) -> None:
    telemetry.configure(LogSettings("info", "json"), to=lines)
    log = telemetry.get_logger()
    log.info("a.happened")
    log.info("b.happened")
    before = lines.getvalue()
    await asyncio.sleep(0)
    after_a_turn = lines.getvalue()
    log.info("c.happened")
    log.warning("d.happened")

    assert "" == before
    assert 2 == after_a_turn.count("\n")
    told = [orjson.loads(line)["event"] for line in lines.getvalue().splitlines()]
    assert ["a.happened", "b.happened", "c.happened", "d.happened"] == told


def test_a_standard_error_that_was_exchanged_gets_what_is_logged_from_then_on(
    lines: io.StringIO, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A logger that kept the closed one would end whoever logs."""
    before = io.StringIO()
    monkeypatch.setattr("sys.stderr", before)
    telemetry.configure(LogSettings("info", "json"))
    log = telemetry.get_logger()
    log.warning("a.happened")
    before.close()
    monkeypatch.setattr("sys.stderr", lines)
    log.warning("b.happened")

    assert "b.happened" in lines.getvalue()


def test_text_that_is_no_utf8_still_makes_a_line(lines: io.StringIO) -> None:
    telemetry.configure(LogSettings("info", "json"), to=lines)
    telemetry.get_logger().info("name.seen", name="\udcff")

    assert "name.seen" in lines.getvalue()


def test_text_that_is_no_utf8_still_makes_a_line_that_is_repeated(lines: io.StringIO) -> None:
    telemetry.configure(LogSettings("info", "json"), to=lines)
    say = telemetry.repeated(telemetry.get_logger(), "name.seen", name="\udcff")
    say("req_1", 0.5)

    assert {"id": "req_1", "name": "\udcff", "seconds": 0.5}.items() <= json.loads(
        lines.getvalue()
    ).items()


def test_a_json_line_is_one_object_with_level_and_time(lines: io.StringIO) -> None:
    telemetry.configure(LogSettings("info"), program="api", to=lines)
    telemetry.get_logger(flow="f1").debug("flow.started")
    telemetry.get_logger(flow="f1").info("flow.started", ok=True)

    (line,) = map(orjson.loads, lines.getvalue().splitlines())
    assert {"event", "level", "timestamp", "program", "flow", "ok"} == set(line)
    assert ("flow.started", "info", "api", "f1") == (
        line["event"],
        line["level"],
        line["program"],
        line["flow"],
    )


def test_ordinary_words_are_left_alone() -> None:
    facts = {
        "reason": "is this ok? yes",
        "route": "/connect/{token}",
        "status_code": 200,
        "attempt": 1,
    }

    assert facts == telemetry.redacted(None, "", dict(facts))


def test_event_names_are_two_words_of_which_the_last_is_past() -> None:
    assert all(name.count(".") == 1 and meaning for name, meaning in telemetry.EVENTS.items())


def _logged() -> set[str]:
    """Every event name that a line of the product's code writes."""
    calls = re.compile(
        r'(?:log|_log|log\.bind\(.*\)|_tell|edge\.log|repeated\([\w.]*log,)(?:\.\w+)?\(?\s*"([a-z_]+\.[a-z_]+)"'
    )
    packages = ("services", "workers", "shared")
    folders = [Path(p) for name in packages for p in importlib.import_module(name).__path__]
    texts = [one.read_text() for folder in folders for one in folder.rglob("*.py")]
    return {name for text in texts for name in calls.findall(text)}


def test_every_event_that_is_logged_is_listed_and_every_listed_one_is_logged() -> None:
    assert _logged() == set(telemetry.EVENTS)
