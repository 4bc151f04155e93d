"""`waypost up` as a process: it starts, says clearly why it cannot, and leaves nothing behind."""

from __future__ import annotations

import signal
import sys
from functools import partial
from pathlib import Path

import pytest
from redis import Redis

from shared.storage import keys
from tests.journeys.cli_builders import Shell, a_redis, busy_port, processes_of

ANY_PORTS = ("--ingress-bind", "127.0.0.1:0", "--api-bind", "127.0.0.1:0")


@pytest.fixture
def shell(tmp_path) -> Shell:
    return Shell(tmp_path)


@pytest.fixture
def data(tmp_path) -> Path:
    return tmp_path / "data"


class TestStopping:
    @pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")
    @pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
    def test_ends_with_0_and_leaves_no_process_and_no_announcement(self, shell, data, number):
        up = shell.start("up", *ANY_PORTS, "--data-dir", str(data), "--workers", "2")
        up.until_it_says("Waypost is up.")
        running = "\n".join(processes_of(data))
        for program in ("services.api.main", "services.ingress.main", "valkey-server"):
            assert program in running
        assert 2 == running.count("workers.main")
        assert 0 == up.stop(number)
        assert [] == processes_of(data)
        assert not (data / "running.json").exists()
        assert "Traceback" not in up.said

    @pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")
    def test_can_be_stopped_while_it_starts(self, shell, data):
        up = shell.start("up", *ANY_PORTS, "--data-dir", str(data))
        up.until((data / "valkey" / "owner.lock").exists)
        assert 0 == up.stop()
        assert [] == processes_of(data)
        assert "Waypost is up." not in up.said
        assert "Traceback" not in up.said


class TestWhatItCannotUse:
    """Each is one problem and one fix, with exit code 1."""

    @pytest.mark.parametrize("door", ["ingress", "api"])
    def test_a_busy_port(self, shell, data, door):
        other = {"ingress": "api", "api": "ingress"}[door]
        with busy_port() as port:
            ended = shell(
                "up", "--data-dir", str(data),
                f"--{door}-bind", f"127.0.0.1:{port}", f"--{other}-bind", "127.0.0.1:0",
            )  # fmt: skip
        assert 1 == ended.code
        assert ended.err.startswith(
            f"waypost: the {door} cannot listen on 127.0.0.1:{port}: Address already in use\n  fix: "
        )
        assert f"--{door}-bind HOST:PORT" in ended.err

    def test_a_folder_that_cannot_be_written(self, shell, tmp_path):
        (tmp_path / "file").touch()
        ended = shell("up", *ANY_PORTS, "--data-dir", str(tmp_path / "file/data"))
        assert 1 == ended.code
        assert (
            f"the data folder {tmp_path}/file/data cannot be used: Not a directory" in ended.err
        )
        assert "--data-dir" in ended.err

    def test_a_folder_without_permission(self, shell, data):
        data.mkdir(mode=0o500)
        shell.as_anybody = True
        ended = shell("up", *ANY_PORTS, "--data-dir", str(data))
        assert 1 == ended.code
        assert "cannot be used: Permission denied" in ended.err

    def test_an_integration_that_is_wrong(self, shell, data, tmp_path):
        (tmp_path / "definition.toml").write_text('name = "acme"\nversoin = "1.0.0"')
        ended = shell(
            "up", *ANY_PORTS, "--data-dir", str(data), WAYPOST_INTEGRATIONS=str(tmp_path)
        )
        assert 1 == ended.code
        assert f"{tmp_path}/definition.toml: versoin: is not a field here" in ended.err
        assert "did you mean version?" in ended.err

    def test_a_folder_that_another_one_has(self, shell, data):
        first = shell.start("up", *ANY_PORTS, "--data-dir", str(data))
        first.until((data / "up.lock").exists)
        first.until((data / "up.lock").read_text)
        second = shell("up", *ANY_PORTS, "--data-dir", str(data))
        assert 1 == second.code
        assert f"another Waypost (process {first.process.pid}) runs in {data}" in second.err
        assert "--data-dir" in second.err
        assert 0 == first.stop()

    def test_a_store_that_is_not_there(self, shell, data):
        with busy_port() as port:
            pass
        ended = shell(
            "up", *ANY_PORTS, "--data-dir", str(data),
            "--redis-url", f"redis://:hidden@127.0.0.1:{port}",
        )  # fmt: skip
        assert 1 == ended.code
        assert f"no store answers at redis://127.0.0.1:{port}/0" in ended.err
        assert "WAYPOST_REDIS_URL" in ended.err
        assert "hidden" not in ended.err

    def test_a_store_with_another_password(self, shell, data, tmp_path):
        with a_redis(tmp_path, "--requirepass", "right") as place:
            ended = shell(
                "up", *ANY_PORTS, "--data-dir", str(data),
                WAYPOST_REDIS_URL=f"redis://:wrong-one@{place}",
            )  # fmt: skip
        assert 1 == ended.code
        assert f"redis://{place}/0" in ended.err
        assert "password" in ended.err
        assert "wrong-one" not in ended.err

    @pytest.mark.parametrize(
        ("words", "told"),
        [
            (("--workers", "0"), "--workers"),
            (("--workers", "many"), "--workers"),
            (("--ingress", "x"), "No such option"),
        ],
    )
    def test_wrong_usage_is_2(self, shell, words, told):
        ended = shell("up", *words)
        assert 2 == ended.code
        assert told in ended.err

    @pytest.mark.parametrize(
        ("words", "told"),
        [
            (("--ingress-bind", "8080"), "--ingress-bind: '8080' is not an address"),
            (("--public-url", "https://webhook.example"), "--public-url"),
            (("--redis-url", "postgres://x"), "--redis-url"),
        ],
    )
    def test_a_wrong_value_names_its_flag_and_the_fix(self, shell, words, told):
        ended = shell("up", *words)
        assert 1 == ended.code
        assert told in ended.err
        assert "\n  fix: " in ended.err


class TestAWeakStore:
    def test_is_used_with_a_loud_warning(self, shell, data, tmp_path):
        with a_redis(tmp_path, "--appendonly", "no") as place:
            up = shell.start(
                "up", *ANY_PORTS, "--data-dir", str(data), "--redis-url", f"redis://{place}"
            )
            up.until_it_says("Waypost is up.")
            examined = shell("doctor", "--json", WAYPOST_DATA_DIR=str(data))
            assert 0 == up.stop()
        assert 1 == examined.code
        assert "set `appendonly yes`" in {one["fix"] for one in examined.json if not one["ok"]}
        assert (
            "WARNING: A 2xx means the request is in memory; a restart of the store loses it."
            in up.said
        )
        assert "fix: set `appendonly yes`" in up.said


class TestAStoreOfAnotherVersion:
    @pytest.mark.parametrize("program", ["ingress", "worker", "up"])
    def test_is_left_alone(self, shell, tmp_path, program):
        with a_redis(tmp_path, "--appendonly", "yes") as place:
            with Redis.from_url(f"redis://{place}") as store:
                store.set(keys.layout_stamp(), "0")
            ended = shell(program, WAYPOST_REDIS_URL=f"redis://{place}")
        assert 1 == ended.code
        assert (
            "the store holds records in layout 0, and this version writes layout" in ended.err
        )
        assert "fix: run the version that wrote them" in ended.err


class TestTheLedger:
    """Its checker is told apart from the check of the set-up: it needs a store, and no running system."""

    def test_is_said_to_be_sound_or_where_it_is_not(self, shell, tmp_path):
        with a_redis(tmp_path) as place:
            look = partial(shell, "doctor", "--ledger", WAYPOST_REDIS_URL=f"redis://{place}")
            sound = look("--json")
            with Redis.from_url(f"redis://{place}") as store:
                store.zadd(keys.key("queue"), {keys.ticket("req_ghost"): 1})
            told, as_json = look(), look("--json")
        assert (0, True, 0) == (sound.code, sound.json["sound"], sound.json["records"])
        assert 1 == told.code
        assert "FIX  queue req_ghost belongs to no record\n" in told.out
        assert "0 records looked at: 1 contradictions" in told.out
        assert (1, ["queue req_ghost belongs to no record"]) == (
            as_json.code,
            as_json.json["sentences"],
        )

    def test_without_a_store_says_what_to_start(self, shell, data):
        ended = shell("doctor", "--ledger", WAYPOST_DATA_DIR=str(data))

        assert 1 == ended.code
        assert "fix: start it: waypost up" in ended.err
