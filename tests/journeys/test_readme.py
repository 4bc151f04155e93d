"""The five minutes of the README, typed as they stand there."""

from __future__ import annotations

import json
import re
import shlex
import shutil
import time
from collections.abc import Iterator
from pathlib import Path
from urllib.request import ProxyHandler, Request, build_opener

import pytest
from slack_sdk.signature import SignatureVerifier

from tests.journeys.cli_builders import ROOT, Ended, Shell, Started

README = (ROOT / "README.md").read_text()
TOUR = README[README.index("## Five minutes") : README.index("## Environment")]
BLOCKS = re.findall(r"```sh\n(.*?)```", TOUR, re.DOTALL)
LINES = [line.partition(" # ")[0].strip() for block in BLOCKS for line in block.splitlines()]
ELSEWHERE = (
    "WAYPOST_REDIS_URL=",
    "docker ",
)  # machines and an engine that a test does not have
SIGNING_SECRET = "8f742231b10e8888abcd99yyyzzz85a5"
MESSAGE = json.dumps({"type": "event_callback", "team_id": "T1", "event": {"type": "message"}})


class Reader:
    """Somebody who types what the README says, with the ids that the commands print."""

    def __init__(self, shell: Shell, up: Started) -> None:
        self.shell, self.said = shell, dict[str, Ended]()
        self.webhook_id = self.request_id = ""
        self.public_url = json.loads(up.said.splitlines()[-1])["publicUrl"]

    def type(self, line: str) -> Ended:
        """One line of the tour."""
        typed = line.replace("WEBHOOK_ID", self.webhook_id).replace("req_01…", self.request_id)
        words = shlex.split(typed)
        if words[0] == "cp":
            shutil.copytree(words[2], self.shell.folder / words[3])
            return self.said.setdefault(line, self.shell("--help"))
        assert "waypost" == words[0], line
        ended = self.shell(*words[1:], given="a-secret\n")
        assert 0 == ended.code, (typed, ended)
        return self.said.setdefault(line, ended)

    def post(self, url: str, **headers: str) -> None:
        """What a provider sends."""
        request = Request(url, MESSAGE.encode(), headers, method="POST")
        with build_opener(ProxyHandler({})).open(request, timeout=10) as answer:
            assert 200 == answer.status

    def a_forged_request(self) -> str:
        """The id of one that nobody signed, once it is looked at."""
        self.post(f"{self.public_url}/integration/global/slack")
        wanted, end = ("queue", "ls", "--state", "ignored", "--json"), time.monotonic() + 20
        while not (found := self.shell(*wanted).json["requests"]):
            assert time.monotonic() < end
        return str(found[0]["id"])

    def somebody_writes_in_slack(self) -> None:
        """On a second installation, with a token and a secret typed in, as the tour says one can."""
        fields = ("--set", "botToken=xoxb-1", "--set", f"signingSecret={SIGNING_SECRET}")
        words = ("add", "support", "slack", "--alias", "typed", "--type", "manual", *fields)
        made = self.shell("installations", *words, "--json").json["installation"]
        now = str(int(time.time()))
        signature = SignatureVerifier(SIGNING_SECRET).generate_signature(
            timestamp=now, body=MESSAGE
        )
        stamps = {"X-Slack-Request-Timestamp": now, "X-Slack-Signature": signature}
        self.post(made["webhookUrl"], **stamps)


@pytest.fixture(scope="module")
def reader(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Reader]:
    """`make up`, on ports of its own and in a home of its own; commands find it there."""
    home = tmp_path_factory.mktemp("home")
    (home / "examples").symlink_to(ROOT / "examples")
    shell = Shell(home, folder=home)
    ports = ("--ingress-bind", "127.0.0.1:0", "--api-bind", "127.0.0.1:0")
    up = shell.start("up", *ports, "--json", WAYPOST_LOG="error")
    up.until(lambda: '"promise"' in up.said)
    reader = Reader(shell, up)
    for line in LINES:
        if "make up" == line or line.startswith(ELSEWHERE):
            continue
        if "WEBHOOK_ID" in line:
            listed = shell("installations", "ls", "--json").json["installations"]
            reader.webhook_id = listed[0]["webhookId"]
        if line.startswith("waypost bots put"):  # "so do CLIENT_SECRET and SIGNING_SECRET"
            shell("secrets", "set", "slack", "CLIENT_SECRET", given="x")
            shell("secrets", "set", "slack", "SIGNING_SECRET", given="x")
        if line.startswith("waypost bots events"):
            reader.somebody_writes_in_slack()
        if "req_01…" in line:
            reader.request_id = reader.a_forged_request()
        reader.type(line)
    yield reader
    assert 0 == up.stop(), up.said


class TestTheTour:
    def test_has_a_line_for_every_part(self) -> None:
        """A tour that is not found would be right without a word."""
        assert 6 == len(BLOCKS)
        assert "make up" == LINES[0]

    @pytest.mark.parametrize(
        ("line", "says"),
        [
            ("waypost doctor", "all is well"),
            ("waypost integrations show slack", "App Credentials"),
            ("waypost secrets set slack CLIENT_ID", "slack CLIENT_ID is set"),
            ("waypost bots put support", "bot support: stream"),
            ("waypost installations add support slack", "waypost installations connect "),
            ("waypost installations connect WEBHOOK_ID", "/connect/"),
            ("waypost bots events support --wait 30", "slack"),
            ("waypost queue stats", "oldest ready"),
            ("waypost queue ls --state dead,parked --since 2h", "Nothing matches."),
            ("waypost queue explain req_01…", "signature refused"),
            ("waypost queue replay --state dead --integration slack --dry-run", "Nothing"),
            ("waypost integrations check ./acme", "acme 1.0.0 is right"),
            ("waypost vrl run acme/extract.vrl --event acme/event.json", '{"result":"team-1"}'),
            ("waypost integrations add ./acme", "published acme 1.0.0"),
        ],
    )
    def test_says_what_the_reader_is_told_to_expect(
        self, reader: Reader, line: str, says: str
    ) -> None:
        assert says in reader.said[line].out

    def test_leaves_no_line_untyped(self, reader: Reader) -> None:
        """Every command of the page ran; those for other machines are right usage, see the help's test."""
        skipped = [line for line in LINES if line.startswith(ELSEWHERE)]

        assert {*LINES} - {"make up", *skipped} == {*reader.said}
        assert 2 == len(skipped)


def test_the_documents_of_the_readme_are_where_make_runs() -> None:
    """Every `make` command that it names is a target."""
    targets = re.findall(r"^([a-z]+):.*##", (ROOT / "Makefile").read_text(), re.MULTILINE)
    named = set(re.findall(r"\bmake ([a-z]+)", Path(ROOT / "README.md").read_text()))

    assert named <= set(targets)
