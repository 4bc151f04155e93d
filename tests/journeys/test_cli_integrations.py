"""`waypost integrations check|add|try` on a folder: right, or one line with the place and the fix."""

from __future__ import annotations

import base64
import hmac
import shutil
from pathlib import Path

import orjson
import pytest

from services.cli.doctor import integrations
from tests.journeys.cli_builders import ROOT, Ended, Shell


class Workshop:
    """A copy of the guide's integration to break."""

    def __init__(self, folder: Path) -> None:
        self.shell, self.acme = Shell(folder), folder / "acme"
        shutil.copytree(
            ROOT / "examples/enable-oauth",
            self.acme,
            ignore=shutil.ignore_patterns("__pycache__"),
        )

    def __call__(self, *words: str, given: str = "") -> Ended:
        return self.shell("integrations", *words, given=given)

    def change(self, name: str, old: str, new: str) -> None:
        text = (self.acme / name).read_text()
        assert old in text
        (self.acme / name).write_text(text.replace(old, new, 1))

    def event(self, body: object) -> str:
        """The file of a request with that JSON body."""
        event = {"method": "POST", "path": "", "query": "", "headers": {}}
        where = self.acme.parent / "event.json"
        where.write_bytes(orjson.dumps({**event, "body": orjson.dumps(body).decode()}))
        return str(where)


@pytest.fixture
def workshop(tmp_path) -> Workshop:
    return Workshop(tmp_path)


class TestCheck:
    def test_says_that_a_right_one_is_right(self, workshop):
        assert "acme 1.0.0 is right" in workshop("check", str(workshop.acme)).out
        ended = workshop("check", str(workshop.acme), "--json")
        assert {"ok": True, "name": "acme", "version": "1.0.0"} == {
            key: value for key, value in ended.json.items() if key != "hints"
        }

    def test_says_what_is_right_and_may_go_wrong(self, workshop):
        """A hint is no refusal."""
        workshop.change("extract.vrl", "parse_json!(.body)", "parse_json!(.body)[0]")
        ended = workshop("check", str(workshop.acme))
        assert 0 == ended.code
        assert "hint: identifier.extractScript: reads element 0 only" in ended.out

    @pytest.mark.parametrize(
        ("file", "old", "new", "told"),
        [
            ("definition.toml", "version =", "versoin =",
                "{0}/definition.toml: versoin: is not a field here (did you mean version?)"),
            ("definition.toml", 'name = "acme"', "name = [", "{0}/definition.toml: line "),
            ("definition.toml", "hmac-sha256-hex", "hmac-sha257-hex",
                "{0}/definition.toml: verify: scheme 'hmac-sha257-hex' is not known; did you mean"),
            ("definition.toml", '"extract.vrl"', '"extarct.vrl"',
                ("{0}/definition.toml: identifier.extractScript: there is no readable file 'extarct.vrl'"
                " (did you mean extract.vrl?)")),
            ("extract.vrl", "parse_json", "parse_jsno", "{0}/extract.vrl:2: compile: "),
            ("linkTemplate.vrl", "encode_percent(", "encode_precent(", "{0}/linkTemplate.vrl:3: compile: "),
            ("handlers.py", "async def webhook(", "async def webhook((", "{0}/handlers.py: line "),
            ("handlers.py", "async def webhook(", "async def wobhook(",
                "{0}/handlers.py: webhook: is missing (write async def webhook(ctx, request))"),
        ],
    )  # fmt: skip
    def test_names_file_place_and_fix(self, workshop, file, old, new, told):
        workshop.change(file, old, new)
        ended = workshop("check", str(workshop.acme))
        assert 1 == ended.code
        assert ended.err.startswith("waypost: " + told.format(workshop.acme)), ended.err

    def test_a_folder_that_holds_none(self, workshop, tmp_path):
        ended = workshop("check", str(tmp_path))
        assert 1 == ended.code
        assert f"{tmp_path}/definition.toml: file: cannot be read" in ended.err

    def test_a_folder_that_is_not_there_is_wrong_usage(self, workshop):
        assert 2 == workshop("check", str(workshop.acme / "nowhere")).code


class TestAdd:
    def test_publishes_nothing_that_is_wrong(self, workshop):
        """There is no api here: the mistake is told before one is looked for."""
        workshop.change("extract.vrl", "parse_json", "parse_jsno")
        ended = workshop("add", str(workshop.acme))
        assert 1 == ended.code
        assert f"{workshop.acme}/extract.vrl:2: compile: " in ended.err

    def test_a_right_one_needs_an_api(self, workshop):
        ended = workshop("add", str(workshop.acme))
        assert 1 == ended.code
        assert "no admin token is known" in ended.err
        assert "\n  fix: start `waypost up`" in ended.err


class TestTry:
    def test_tells_whose_request_it_would_be(self, workshop):
        ended = workshop(
            "try", str(workshop.acme), "--event", workshop.event({"team_id": "T1"}), "--json"
        )
        assert {"slices": [{"identifier": "T1", "body": None}], "leftOut": 0} == ended.json

    def test_tells_each_part_of_a_batch_and_what_names_nobody(self, workshop):
        workshop.change("extract.vrl", ".team_id", ".parts")
        parts = [{"identifier": "T1", "body": {"a": 1}}, "T2", None]
        event = workshop.event({"parts": parts})
        ended = workshop("try", str(workshop.acme), "--event", event, "--json")
        found = [{"identifier": "T1", "body": '{"a":1}'}, {"identifier": "T2", "body": None}]
        assert {"slices": found, "leftOut": 1} == ended.json
        said = workshop("try", str(workshop.acme), "--event", event).out
        assert '{"a":1}' in said
        assert "1 of the array's entries name nobody and are left out" in said

    def test_tells_that_there_is_none(self, workshop):
        ended = workshop("try", str(workshop.acme), "--event", workshop.event({}))
        assert 0 == ended.code
        assert "found no identifier" in ended.out

    def test_judges_requests_line_by_line(self, workshop):
        """A genuine one, a forged one, none at all; each is answered in its place."""
        body = b'{"team_id":"T1"}'
        signed = hmac.new(b"s3cret", body, "sha256").hexdigest()
        line = {
            "url": "https://w.example/integration/global/acme",
            "headers": {"X-Acme-Signature": f"sha256={signed}"},
            "body": base64.b64encode(body).decode(),
        }
        (workshop.shell.home / "secrets.json").write_text('{"WEBHOOK_SECRET": "s3cret"}')
        lines = [orjson.dumps(one).decode() for one in (line, {**line, "secret": "x"})]
        words = (
            "try",
            str(workshop.acme),
            "--requests",
            "-",
            "--secrets",
            str(workshop.shell.home / "secrets.json"),
        )
        ended = workshop(*words, "--json", given="\n".join([*lines, "", "no"]))
        answers = [orjson.loads(one) for one in ended.out.splitlines()]
        people = workshop(*words, given="\n".join(lines))

        assert 0 == ended.code
        assert [True, False, False] == [one["verified"] for one in answers]
        assert [["T1"], ["T1"], []] == [one["identifiers"] for one in answers]
        assert "genuine" in people.out
        assert "x-acme-signature does not match" in people.out

    @pytest.mark.parametrize(
        ("words", "told"),
        [
            (["--requests", "gone.jsonl"], "gone.jsonl cannot be read"),
            (["--requests", "-", "--secrets", "gone.json"], "gone.json cannot be read"),
            ([], "give either --requests FILE or --event FILE"),
        ],
    )
    def test_what_cannot_be_tried(self, workshop, words, told):
        ended = workshop("try", str(workshop.acme), *words)
        assert 0 != ended.code
        assert told in ended.err

    def test_reads_standard_input(self, workshop):
        text = Path(workshop.event({"team_id": 7})).read_text()
        ended = workshop("try", str(workshop.acme), "--event", "-", "--json", given=text)
        assert ["7"] == [one["identifier"] for one in ended.json["slices"]]

    def test_a_script_that_fails_is_told_with_its_line(self, workshop, tmp_path):
        (tmp_path / "event.json").write_text('{"body": "no JSON"}')
        ended = workshop("try", str(workshop.acme), "--event", str(tmp_path / "event.json"))
        assert 1 == ended.code
        assert f"{workshop.acme}/extract.vrl:2: runtime: " in ended.err

    @pytest.mark.parametrize(
        ("given", "told"),
        [("x", "standard input is not JSON"), ("[]", "standard input is not a JSON object")],
    )
    def test_what_is_no_event(self, workshop, given, told):
        ended = workshop("try", str(workshop.acme), "--event", "-", given=given)
        assert 1 == ended.code
        assert told in ended.err
        assert "\n  fix: give a file with " in ended.err


class TestDoctor:
    def test_tells_of_each_integration_that_is_begun_or_unsigned_and_counts_the_rest(self):
        def an_integration(name: str, *is_set: bool, verify: str = "github") -> dict:
            secrets = [
                {"name": f"S{n}", "isSet": one, "optional": False}
                for n, one in enumerate(is_set)
            ]
            return {"name": name, "verify": verify, "secrets": secrets}

        found = integrations([
            an_integration("whole", True, True), an_integration("half", True, False),
            an_integration("fresh", False), an_integration("bare"),
            an_integration("open", verify="none"),
        ])  # fmt: skip

        assert [
            ("integration whole", True, "all secrets are set"),
            ("integration half", True, "not set up: S1"),
            ("integration open", False, "all secrets are set"),
            ("integrations", True, "2 more can be set up, see `waypost integrations ls`"),
        ] == [(one.what, one.ok, one.said) for one in found]

    def test_with_nothing_running_names_what_to_start(self, tmp_path):
        ended = Shell(tmp_path)("doctor", "--json", WAYPOST_DATA_DIR=str(tmp_path / "data"))
        assert 1 == ended.code
        wrong = {one["what"]: one["fix"] for one in ended.json if not one["ok"]}
        assert {"key ring", "sealing key", "public sealing key", "store", "api"} == set(wrong)
        assert wrong["store"].startswith("start it: waypost up")
        assert "waypost keys new" in wrong["key ring"]
        assert not (tmp_path / "data").exists()

    def test_with_a_wrong_setting_names_it(self, tmp_path):
        ended = Shell(tmp_path)("doctor", WAYPOST_INGRESS_BIND="8080")
        assert 1 == ended.code
        assert (
            "FIX  settings: WAYPOST_INGRESS_BIND: '8080' is not an address to listen on"
            in ended.out
        )
        assert "fix: write host:port" in ended.out

    def test_with_a_misspelt_setting_and_no_store_names_both(self, tmp_path):
        ended = Shell(tmp_path)(
            "doctor",
            WAYPOST_PUBLIC_ULR="https://x.example",
            WAYPOST_REDIS_URL="redis://:hidden@127.0.0.1:1",
        )
        assert 1 == ended.code
        assert "did you mean WAYPOST_PUBLIC_URL?" in ended.out
        assert "no store answers at redis://127.0.0.1:1/0" in ended.out
        assert "hidden" not in ended.out
