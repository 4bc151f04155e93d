"""Settings: where they come from, and what is said about those that are wrong."""

from __future__ import annotations

import contextlib
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.config import (
    VARIABLES,
    Bind,
    Settings,
    Variable,
    environment_table,
    unknown_variables,
)
from shared.errors import SetupFailed


def settings(tmp_path: Path, **variables: str) -> Settings:
    """Settings of an environment with these `WAYPOST_` variables."""
    named = {f"WAYPOST_{name}": value for name, value in variables.items()}
    return Settings.from_env({"WAYPOST_DATA_DIR": str(tmp_path), **named})


class TestWhereSettingsComeFrom:
    def test_without_any_everything_has_a_default(self, tmp_path: Path) -> None:
        found = Settings.from_env({"HOME": str(tmp_path)})

        assert tmp_path / ".local/share/waypost" == found.data_dir
        assert found.data_dir / "keys.json" == found.key_ring_file
        assert ("http://127.0.0.1:8080", "http://127.0.0.1:8081") == (
            found.public_url,
            found.api_url,
        )
        assert (Bind("127.0.0.1", 8080), 1, "info") == (
            found.ingress_bind,
            found.workers,
            found.log.level,
        )

    def test_xdg_moves_the_data_folder(self, tmp_path: Path) -> None:
        assert (
            tmp_path / "waypost" == Settings.from_env({"XDG_DATA_HOME": str(tmp_path)}).data_dir
        )

    def test_a_flag_beats_the_environment_which_beats_the_file(self, tmp_path: Path) -> None:
        (tmp_path / "settings.toml").write_text(
            "workers = 2\nlog = 'debug'\napi_bind = '[::1]:1'\n"
        )
        environ = {
            "WAYPOST_DATA_DIR": str(tmp_path),
            "WAYPOST_WORKERS": "3",
            "WAYPOST_LOG": "error",
        }

        found = Settings.from_env(environ, workers="4", log=None)

        assert (4, "error", Bind("::1", 1)) == (found.workers, found.log.level, found.api_bind)
        assert "http://[::1]:1" == found.api_url

    def test_a_number_of_processes_is_a_number(self, tmp_path: Path) -> None:
        assert 1 == settings(tmp_path).ingress_processes
        assert 2 == settings(tmp_path, INGRESS_PROCESSES="2").ingress_processes
        for wrong in ("0", "many", "-1"):
            with pytest.raises(SetupFailed, match="WAYPOST_INGRESS_PROCESSES.*number"):
                settings(tmp_path, INGRESS_PROCESSES=wrong)

    def test_patience_is_a_number_of_seconds_up_to_a_minute(self, tmp_path: Path) -> None:
        assert 0.5 == settings(tmp_path).ingress_patience
        assert 0 == settings(tmp_path, INGRESS_PATIENCE="0").ingress_patience
        for wrong in ("61", "long", "-1", "nan"):
            with pytest.raises(SetupFailed, match="WAYPOST_INGRESS_PATIENCE.*seconds"):
                settings(tmp_path, INGRESS_PATIENCE=wrong)

    def test_how_much_may_be_open_is_a_number_and_a_size(self, tmp_path: Path) -> None:
        usual = settings(tmp_path)
        other = settings(tmp_path, OPEN_RECORDS="5000", OPEN_BYTES="300MB")

        assert (1_000_000, 4 << 30) == (usual.open_records, usual.open_bytes)
        assert (5000, 300 << 20) == (other.open_records, other.open_bytes)
        for wrong in ("0", "-1", "many", "1e6", "٣"):
            with pytest.raises(SetupFailed, match="WAYPOST_OPEN_RECORDS.*number"):
                settings(tmp_path, OPEN_RECORDS=wrong)
        for wrong in ("4", "4TB", "-1GB", "all"):
            with pytest.raises(SetupFailed, match="WAYPOST_OPEN_BYTES.*size"):
                settings(tmp_path, OPEN_BYTES=wrong)

    def test_a_secret_may_lie_in_a_file(self, tmp_path: Path) -> None:
        (tmp_path / "token").write_text("0123456789abcdef\n")

        found = settings(tmp_path, ADMIN_TOKEN_FILE=str(tmp_path / "token"))

        assert "0123456789abcdef" == found.admin_token

    def test_keys_are_a_file_or_a_folder(self, tmp_path: Path) -> None:
        for given_keys in (tmp_path / "ring", tmp_path / "ring" / "keys.json"):
            found = settings(tmp_path, KEYS=str(given_keys))

            assert tmp_path / "ring" / "keys.json" == found.key_ring_file
            assert tmp_path / "ring" / "sealing.pub" == found.sealing_public_file
            assert tmp_path / "ring" / "sealing.key" == found.sealing_key_file

    def test_it_prints_without_its_secrets(self, tmp_path: Path) -> None:
        found = settings(
            tmp_path, ADMIN_TOKEN="0123456789abcdef", REDIS_URL="redis://:hunter2@h:1/0"
        )

        shown = repr(found) + repr(list(found.__rich_repr__()))
        assert "0123456789abcdef" not in shown
        assert "hunter2" not in shown


class TestWhatIsWrongIsSaidWithItsFix:
    @pytest.mark.parametrize(
        ("name", "value", "problem", "fix"),
        [
            (
                "PUBLIC_URL",
                "https://webhooks.example.com",
                "Botpress's SDK rewrites",
                "host name without",
            ),
            (
                "PUBLIC_URL",
                "https://WebHook.example.com",
                "Botpress's SDK rewrites",
                "host name without",
            ),
            ("PUBLIC_URL", "https://example.com/path", "not an origin", "scheme and host only"),
            ("PUBLIC_URL", "https://example.com?x=1", "not an origin", "scheme and host only"),
            ("PUBLIC_URL", "example.com", "not an origin", "https://"),
            ("PUBLIC_URL", "https://example.com:port", "not a URL", "scheme://host:port"),
            ("PUBLIC_URL", "https://[::1", "not a URL", "scheme://host:port"),
            ("API_URL", "ftp://example.com", "not an origin", "https://"),
            ("RETURN_TO", "https://a.example,b.example", "not an origin", "https://"),
            ("INGRESS_BIND", "8080", "not an address", "127.0.0.1:8080"),
            ("INGRESS_BIND", ":8080", "not an address", "127.0.0.1:8080"),
            ("INGRESS_BIND", "::1:8080", "not an address", "[::1]:8080"),
            ("API_BIND", "host:99999", "not an address", "host:port"),
            ("EGRESS_ALLOW", "10.0.0.1/8", "host bits set", "10.0.0.0/8"),
            ("EGRESS_ALLOW", "169.254.169.254/32", "link-local", "remove it"),
            ("EGRESS_ALLOW", "fe80::1", "link-local", "remove it"),
            ("TRUSTED_PROXIES", "proxy.local", "not a network", "CIDRs"),
            (
                "INTEGRATIONS",
                "/no/such/folder",
                "not a folder",
                "folders that hold integrations",
            ),
            ("ADMIN_TOKEN", "short", "shorter than 16", "openssl rand"),
            ("ADMIN_TOKEN", "with spaces in its middle", "holds spaces", "openssl rand"),
            ("WORKERS", "0", "not a number of workers", "from 1 to 64"),
            ("WORKERS", "two", "not a number of workers", "from 1 to 64"),
            ("LOG", "loud", "not a way to log", "debug"),
            ("LOG", "debug,info", "not a way to log", "debug"),
            ("REDIS_URL", "http://example.com", "not the URL of a store", "rediss://"),
            ("REDIS_URL", "redis://", "not the URL of a store", "unix:///"),
            ("ADMIN_TOKEN_FILE", "/no/such/file", "cannot be read", "readable text file"),
        ],
    )
    def test_one_variable(
        self, tmp_path: Path, name: str, value: str, problem: str, fix: str
    ) -> None:
        with pytest.raises(SetupFailed) as refused:
            settings(tmp_path, **{name: value})
        assert f"WAYPOST_{name}" in refused.value.problem
        assert problem in refused.value.problem
        assert fix in refused.value.fix

    def test_a_flag_is_named_as_it_was_written(self, tmp_path: Path) -> None:
        with pytest.raises(SetupFailed, match="--ingress-bind: "):
            Settings.from_env({"HOME": str(tmp_path)}, ingress_bind="nonsense")

    @pytest.mark.parametrize(
        ("text", "problem"),
        [
            ("wrokers = 2", "wrokers is not a setting"),
            ("data_dir = '/x'", "data_dir"),
            ("= 3", "cannot be read"),
        ],
    )
    def test_a_file(self, tmp_path: Path, text: str, problem: str) -> None:
        (tmp_path / "settings.toml").write_text(text)

        with pytest.raises(SetupFailed, match=problem) as refused:
            settings(tmp_path)
        assert "settings.toml" in refused.value.problem

    def test_a_data_folder_that_is_a_file(self, tmp_path: Path) -> None:
        (tmp_path / "file").write_text("")

        with pytest.raises(SetupFailed, match="is a file"):
            settings(tmp_path / "file")

    @pytest.mark.parametrize("name", ["REDIS_URL", "PUBLIC_URL", "API_URL", "ADMIN_TOKEN"])
    def test_a_password_is_never_repeated(self, tmp_path: Path, name: str) -> None:
        with pytest.raises(SetupFailed) as refused:
            settings(tmp_path, **{name: "ftp://user:hunter2 @host/x"})
        assert "hunter2" not in str(refused.value)

    def test_a_misspelt_variable_is_suspected(self) -> None:
        found = unknown_variables(
            {"WAYPOST_WORKER": "2", "PATH": "x", "WAYPOST_ADMIN_TOKEN_FILE": "x"}
        )

        assert [
            "WAYPOST_WORKER is not read by anything; did you mean WAYPOST_WORKERS?"
        ] == found

    @pytest.mark.parametrize(
        "text",
        [
            "done",
            "done=",
            "done=2",
            "done=2w",
            "read=1GB",
            "waiting=1GB",
            "open=1h",
            "done=-1h",
            "1h",
            "done=1h;dead=1d",
        ],
    )
    def test_a_retention_that_says_nothing(self, text: str) -> None:
        with pytest.raises(SetupFailed, match=r"WAYPOST_RETENTION(.|\n)*write STATE=SPAN"):
            Settings.from_env({"HOME": "/tmp/nobody", "WAYPOST_RETENTION": text})

    @pytest.mark.parametrize(
        "name", ["WAYPOST_DATA_DIR", "WAYPOST_KEYS", "WAYPOST_INTEGRATIONS"]
    )
    @pytest.mark.parametrize("text", ["~nobody-of-that-name/x", "~\0", "/tmp/\0"])
    def test_a_path_that_is_none(self, name: str, text: str) -> None:
        with pytest.raises(SetupFailed, match=name):
            Settings.from_env({"HOME": "/tmp/nobody", name: text})

    @given(st.sampled_from(VARIABLES), st.text(max_size=40))
    def test_whatever_is_written_is_taken_or_refused_in_words(
        self, variable: Variable, text: str
    ) -> None:
        """No text may end in a traceback."""
        with contextlib.suppress(SetupFailed):
            Settings.from_env({"HOME": "/tmp/nobody", variable.name: text})


def test_the_table_for_the_documentation_names_every_variable() -> None:
    table = environment_table()

    assert all(f"`{variable.name}`" in table for variable in VARIABLES)
