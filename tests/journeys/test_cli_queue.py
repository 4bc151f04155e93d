"""`waypost queue …` on a ledger of 10,000 records: the right answers, for people and as JSON."""

from __future__ import annotations

import signal
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer

import orjson
import pytest

from tests.journeys.cli_ledger import IDS, SIZE, Filled, filled
from tests.journeys.system import free_port

KEYS = {
    "id",
    "state",
    "reason",
    "integration",
    "identifier",
    "attempts",
    "acceptedAt",
    "changedAt",
}


@pytest.fixture(scope="module")
def ledger(valkey, tmp_path_factory) -> Iterator[Filled]:
    with filled(valkey.url, tmp_path_factory.mktemp("cli")) as ready:
        yield ready


@pytest.fixture
def stranger() -> Iterator[str]:
    """Somebody who speaks HTTP, but is not our api."""
    server = HTTPServer(("127.0.0.1", 0), BaseHTTPRequestHandler)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    thread.join()
    server.server_close()


@pytest.fixture
def run(ledger):
    def queue(*words: str, given: str = ""):
        ended = ledger.shell("queue", *words, given=given)
        assert 0 == ended.code, ended
        return ended

    return queue


class TestStats:
    def test_counts_every_state(self, run, ledger):
        found = run("stats", "--json").json
        counts = {
            name: load["count"] for name, load in found["states"].items() if load["count"]
        }
        assert ledger.counts == counts
        assert SIZE == sum(counts.values())
        assert SIZE == found["totals"]["accepted"]

    def test_tells_people_the_same(self, run, ledger):
        said = run("stats").out
        lines = [line.split()[:2] for line in said.splitlines() if line.strip()]
        for state, count in ledger.counts.items():
            assert [state, str(count)] in lines
        assert "No worker is running. Start one: waypost worker" in said
        assert f"in all:       {SIZE} accepted, " in said

    def test_go_on_as_a_line_of_json_a_second(self, ledger):
        top = ledger.shell.start("queue", "top", "--json")
        top.until(lambda: 2 <= top.said.count("\n"))
        assert 0 == top.stop(signal.SIGINT)
        first, second = (orjson.loads(line) for line in top.said.splitlines()[:2])
        assert SIZE == first["totals"]["accepted"]
        assert first["at"] < second["at"]


class TestLs:
    def test_pages_go_through_all_without_a_gap_or_a_double(self, run):
        seen, cursor = [], ""
        while True:
            page = run(
                "ls", "--limit", "1000", *(("--cursor", cursor) if cursor else ()), "--json"
            ).json
            seen += [one["id"] for one in page["requests"]]
            cursor = page["cursor"]
            if not cursor:
                break
        assert len(seen) == len(set(seen))
        assert sorted(seen) == IDS

    def test_one_state_has_its_reasons(self, run, ledger):
        page = run("ls", "--state", "dead", "--limit", "1000", "--json").json["requests"]
        assert set(ledger.ids("dead")) == {one["id"] for one in page}
        assert {"dead for the test"} == {one["reason"] for one in page}
        assert set(page[0]) >= KEYS

    def test_filters_are_joined(self, run, ledger):
        words = (
            "--state",
            "dead,parked",
            "--integration",
            "slack",
            "--limit",
            "1000",
            "--json",
        )
        wanted = [id for id in ledger.ids("dead") + ledger.ids("parked") if id.endswith("0")]
        assert set(wanted) == {one["id"] for one in run("ls", *words).json["requests"]}

    def test_an_identifier_finds_what_is_parked_for_it(self, run, ledger):
        page = run("ls", "--identifier", "org_9", "--limit", "1000", "--json").json["requests"]
        assert set(ledger.ids("parked")) == {one["id"] for one in page}

    def test_people_get_a_table_and_the_way_to_more(self, run, ledger):
        said = run("ls", "--state", "dead", "--limit", "5").out
        rows = said.splitlines()
        assert rows[0].split() == [
            "id",
            "state",
            "accepted",
            "integration",
            "identifier",
            "bot",
            "tries",
            "reason",
        ]
        assert 5 == sum("dead for the test" in row for row in rows)
        assert "more: --cursor " in said
        assert "Nothing matches." in run("ls", "--bot", "nobody").out


class TestOneRecord:
    def test_show_has_its_fields(self, run, ledger):
        id = ledger.ids("dead")[0]
        found = run("show", id, "--json").json
        assert (id, "dead", "dead") == (
            found["request"]["id"],
            found["request"]["state"],
            found["standing"],
        )
        assert "dead for the test" in run("show", id).out

    def test_its_body_hides_credentials_unless_they_are_asked_for(self, run, ledger):
        id = ledger.ids("done")[0]
        shy, bold = run("show", id, "--body", "--json"), run("show", id, "--reveal", "--json")
        assert '{"a":1}' == shy.json["body"]["body"] == bold.json["body"]["body"]
        assert "s3cr3t" not in shy.out
        assert "s3cr3t" in bold.out

    @pytest.mark.parametrize(
        ("state", "words"),
        [
            ("dead", "dead for the test"),
            ("ignored", "nothing delivered: ignored for the test"),
            ("retrying", "retry for the test"),
            ("parked", "org_9"),
            ("ready", "worker"),
        ],
    )
    def test_explain_says_why_in_one_sentence(self, run, ledger, state, words):
        id = ledger.ids(state)[0]
        found = run("explain", id, "--json").json
        assert state == found["state"]
        assert words in found["sentence"]
        assert found["sentence"] == run("explain", id).out.splitlines()[0]


class TestTail:
    def test_shows_the_newest_last(self, run):
        ids = [line.split()[0] for line in run("tail", "--once").out.splitlines()]
        assert IDS[-100:] == sorted(ids)

    def test_gives_programs_one_json_object_per_line(self, run):
        lines = run("tail", "--once", "--json").out.splitlines()
        assert 100 == len(lines)
        assert {"ready"} == {orjson.loads(line)["state"] for line in lines}

    def test_follows_until_ctrl_c_which_is_an_ordinary_end(self, ledger):
        tail = ledger.shell.start("queue", "tail")
        tail.until_it_says(IDS[-1])
        assert 0 == tail.stop(signal.SIGINT)
        assert "Traceback" not in tail.said
        assert "Aborted" not in tail.said


class TestActing:
    """These change the ledger, and write down how."""

    def test_replay_makes_one_ready(self, run, ledger):
        id = ledger.ids("dead")[0]
        result = run("replay", id, "--json").json["results"]
        assert [(id, "replayed", "dead")] == [
            (one["id"], one["result"], one["was"]) for one in result
        ]
        ledger.states[id] = "ready"
        assert "ready" == run("show", id, "--json").json["request"]["state"]

    def test_a_dry_run_only_tells(self, run, ledger):
        said = run("replay", "--state", "dead", "--dry-run", "--json").json
        assert set(ledger.ids("dead")) == {one["id"] for one in said["results"]}
        assert {"eligible"} == {one["result"] for one in said["results"]}
        counted = run("stats", "--json").json["states"]["dead"]["count"]
        assert len(ledger.ids("dead")) == counted

    def test_replay_of_all_that_match(self, run, ledger):
        wanted = [id for id in ledger.ids("ignored") if id.endswith("0")]
        words = ("replay", "--state", "ignored", "--integration", "slack", "--rate", "1000/s")
        done = run(*words, "--yes", "--json").json
        assert wanted == [one["id"] for one in done["results"]], "not the oldest first"
        assert [("ignored", "slack", len(wanted))] == [
            (one["state"], one["integration"], one["count"]) for one in done["groups"]
        ]
        ledger.states |= dict.fromkeys(wanted, "ready")
        counted = run("stats", "--json").json["states"]["ignored"]["count"]
        assert len(ledger.ids("ignored")) == counted

    def test_replay_of_many_tells_how_many_and_why_and_asks(self, run, ledger):
        refused = ledger.shell("queue", "replay", "--state", "dead,ignored", given="n\n")
        count = len(ledger.ids("dead")) + len(ledger.ids("ignored"))
        assert 1 == refused.code
        assert f"{count} records are to be replayed at 50 a second" in refused.err
        assert "dead for the test" in refused.err
        assert "ignored for the test" in refused.err
        counted = run("stats", "--json").json["states"]
        assert count == counted["dead"]["count"] + counted["ignored"]["count"]

    def test_a_dry_run_groups_by_state_integration_and_reason(self, run, ledger):
        said = run("replay", "--state", "dead,done", "--reason", "DEAD for", "--dry-run").out
        rows = [line.split(maxsplit=3) for line in said.splitlines()[1:-2]]
        slack = sum(id.endswith("0") for id in ledger.ids("dead"))
        others = len(ledger.ids("dead")) - slack
        assert [
            [str(others), "dead", "linear", "dead for the test"],
            [str(slack), "dead", "slack", "dead for the test"],
        ] == rows

    def test_one_that_was_stopped_says_how_to_go_on_and_does(self, run, ledger):
        def dead():
            return run("stats", "--json").json["states"]["dead"]["count"]

        wanted = [id for id in ledger.ids("dead") if not id.endswith("0")]
        words = ("replay", "--integration", "linear", "--state", "dead", "--rate")
        before = dead()
        one = ledger.shell.start("queue", *words, "1/s", "--yes")
        one.until(lambda: dead() <= before - 2)
        one.stop(signal.SIGINT)
        assert "go on with:" in one.said, one.said
        line = next(x for x in one.said.splitlines() if x.startswith("  waypost queue "))
        again = line.replace("1/s", "1000/s").split()[2:]
        done = run(*again, "--json").json
        first = len(wanted) - len(done["results"])
        assert 2 <= first < len(wanted)
        assert wanted[first:] == [one["id"] for one in done["results"]]
        assert before - len(wanted) == dead()
        ledger.states |= dict.fromkeys(wanted, "ready")

    def test_drop_of_all_that_match_asks_first(self, run, ledger):
        words = ("drop", "--state", "done", "--integration", "slack")
        wanted = [id for id in ledger.ids("done") if id.endswith("0")]
        refused = ledger.shell("queue", *words, given="n\n")
        told = run(*words, "--dry-run", "--json").json
        dropped = run(*words, given="y\n")
        assert 1 == refused.code
        assert f"{len(wanted)} records are to be removed for good. Go on?" in refused.err
        assert wanted == [one["id"] for one in told["results"]]
        assert f"{len(wanted)} removed for good" in dropped.out
        for id in wanted:
            del ledger.states[id]
        counted = run("stats", "--json").json["states"]["done"]["count"]
        assert len(ledger.ids("done")) == counted

    @pytest.mark.parametrize("verb", ["replay", "drop"])
    def test_a_dry_run_of_one_only_tells(self, run, ledger, verb):
        id = [id for id in ledger.ids("dead") if id.endswith("0")][-1]
        words = ("--yes",) if verb == "drop" else ()

        told = run(verb, id, "--dry-run", *words, "--json").json
        said = run(verb, id, "--dry-run", *words).out

        group = {"state": "dead", "integration": "slack", "reason": "dead for the test"}
        result = {"id": id, "result": "eligible", "was": "dead", "reason": ""}
        assert {"dryRun": True, "groups": [group | {"count": 1}], "results": [result]} == told
        assert [id, "eligible", "dead"] == said.splitlines()[1].split()
        assert "dead" == run("show", id, "--json").json["request"]["state"]

    def test_a_dry_run_of_one_says_why_it_would_be_refused(self, run, ledger):
        id = ledger.ids("ready")[-1]

        said = run("replay", id, "--dry-run").out

        assert "refused" in said
        assert "it is ready, so it is on its way already" in said

    @pytest.mark.parametrize("verb", ["replay", "drop"])
    def test_a_dry_run_of_none_says_so(self, ledger, verb):
        said = ledger.shell("queue", verb, "req_nowhere", "--dry-run")

        assert 1 == said.code
        assert "there is no request or delivery req_nowhere" in said.err

    @pytest.mark.parametrize("verb", ["replay", "drop"])
    @pytest.mark.parametrize(
        "beside", [("--state", "dead", "--until", "3d"), ("--cursor", "from-before")]
    )
    def test_filters_beside_an_id_are_refused(self, run, ledger, verb, beside):
        id = ledger.ids("dead")[-1]
        words = ("--yes",) if verb == "drop" else ()

        refused = ledger.shell("queue", verb, id, *beside, *words)

        assert 2 == refused.code
        said = " ".join(refused.err.replace("│", " ").split())
        assert f"{' and '.join(beside[::2])}: {id} names one record already" in said
        assert "leave out either" in said
        assert "dead" == run("show", id, "--json").json["request"]["state"]

    def test_drop_asks_first(self, run, ledger):
        id = ledger.ids("dead")[-1]
        refused = ledger.shell("queue", "drop", id, given="n\n")
        assert 1 == refused.code
        assert "dead" == run("show", id, "--json").json["request"]["state"]

    def test_drop_removes_it_for_good(self, run, ledger):
        id = ledger.ids("dead")[-1]
        assert "dropped" in run("drop", id, "--yes").out
        del ledger.states[id]
        gone = ledger.shell("queue", "show", id)
        assert 1 == gone.code
        assert f"there is no request or delivery {id}" in gone.err


class TestRefusals:
    """Exit 1 for what the api refuses, 2 for wrong usage; one clear line."""

    @pytest.mark.parametrize(
        ("words", "told"),
        [
            (("show", "req_nobody"), "there is no request or delivery req_nobody"),
            (("explain", "dlv_nobody"), "there is no request or delivery dlv_nobody"),
            (("replay", "req_nobody"), "there is no request or delivery req_nobody"),
            (("drop", "../../x", "--yes"), "there is no request or delivery"),
            (("ls", "--state", "deaf"), "dead"),
            (("ls", "--since", "yesterday"), "2h"),
            (("ls", "--cursor", "x"), "cursor"),
            (("replay", "--state", "dead", "--cursor", "x"), "cursor: is not one that"),
            (("drop", "--until", "yesterday"), "until: is neither"),
        ],
    )
    def test_of_the_api(self, ledger, words, told):
        ended = ledger.shell("queue", *words)
        assert 1 == ended.code
        assert ended.err.startswith("waypost: ")
        assert told in ended.err

    @pytest.mark.parametrize(
        "words",
        [
            ("show",),
            ("ls", "--limit", "0"),
            ("ls", "--colour"),
            ("replay",),
            ("shout",),
            ("drop",),
            ("drop", "--yes"),
            ("replay", "--state", "dead", "--rate", "fast"),
        ],
    )
    def test_of_wrong_usage(self, ledger, words):
        ended = ledger.shell("queue", *words)
        assert 2 == ended.code
        assert "Usage: " in ended.err

    def test_of_a_wrong_token(self, ledger):
        ended = ledger.shell(
            "queue", "ls", WAYPOST_ADMIN_TOKEN="another-token-than-that-of-the-api"
        )
        assert 1 == ended.code
        assert "refused the admin token\n  fix: set WAYPOST_ADMIN_TOKEN" in ended.err

    def test_of_an_address_where_something_else_answers(self, ledger, stranger):
        ended = ledger.shell("queue", "ls", WAYPOST_API_URL=stranger)
        assert 1 == ended.code
        assert f"what answers at {stranger} is not the api of Waypost\n  fix: " in ended.err

    def test_without_an_api(self, ledger):
        url = f"http://127.0.0.1:{free_port()}"
        ended = ledger.shell("queue", "stats", WAYPOST_API_URL=url)
        assert 1 == ended.code
        assert f"the api does not answer at {url}" in ended.err
        assert "waypost up" in ended.err
