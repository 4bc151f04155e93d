"""The control API, the stand-alone command, and the rule that nothing of ours is imported."""

from __future__ import annotations

import asyncio
import re
import signal
import socket
import sys
from pathlib import Path

import pytest
from aiohttp import ClientSession

import services.simulator
from services.simulator import Simulator
from services.simulator.__main__ import main
from services.simulator.defaults import CUSTOMERS, furnish
from services.simulator.faults import KINDS
from services.simulator.simulator import application
from services.simulator.webhooks.sender import DIALECTS
from tests.unit.simulator.simulator_builders import ACCOUNTS, Answer, call, get, whoami

HOME = Path(services.simulator.__file__).parent


class TestControl:
    async def test_apps_and_accounts_can_be_added(
        self, http: ClientSession, simulator: Simulator
    ) -> None:
        app = {"provider": "acme", "client_id": "c2", "client_secret": "s", "redirect_uris": []}
        account = {
            "provider": "acme",
            "id": "t2",
            "name": "Two",
            "users": [{"id": "u", "name": "U"}],
        }
        first = await self._post(http, simulator, "apps", {**app, "auto": "t2"})
        second = await self._post(http, simulator, "accounts", account)

        assert first.json == {"provider": "acme", "client_id": "c2"}
        assert second.json["users"] == [{"id": "u", "name": "U", "email": ""}]
        assert simulator.world.app_of("acme", "c2").auto == "t2"

    async def test_faults_can_be_set_and_cleared(
        self, http: ClientSession, simulator: Simulator
    ) -> None:
        fault = {"provider": "acme", "path": "api/me", "kind": "503", "times": None}
        await self._post(http, simulator, "faults", fault)
        disturbed = await whoami(http, simulator, "acme", "x")
        await call(http, "DELETE", simulator.url + "/__ctl/faults")
        healthy = await whoami(http, simulator, "acme", "x")

        assert [disturbed.status, healthy.status] == [503, 401]

    async def test_webhooks_can_be_sent(
        self, http: ClientSession, simulator: Simulator
    ) -> None:
        order = {
            "provider": "slack",
            "account": ACCOUNTS["slack"],
            "kind": "message",
            "content": {"text": "hi"},
            "envelope": {"delivery_id": "Ev1"},
        }
        answer = await self._post(http, simulator, "send", order)
        (got,) = simulator.received("slack")

        assert answer.json == {"delivery_id": "Ev1", "status": 200, "body": "{}"}
        assert got.json()["event"]["text"] == "hi"

    async def test_the_log_can_be_narrowed(
        self, http: ClientSession, simulator: Simulator
    ) -> None:
        await whoami(http, simulator, "acme", "x")
        await whoami(http, simulator, "notion", "x")
        answer = await get(http, simulator.url + "/__ctl/log?provider=acme")
        (entry,) = answer.json["calls"]

        assert entry["path"] == "acme.example/api/me"
        assert entry["outcome"] == "invalid_token"
        assert entry["status"] == 401

    async def test_a_bots_mail_can_be_read(
        self, http: ClientSession, simulator: Simulator
    ) -> None:
        await call(http, "POST", simulator.bot_url("ada"), data=b"\xff!")
        answer = await get(http, simulator.bot_url("ada"))

        assert [one["body"] for one in answer.json["received"]] == ["�!"]

    async def test_unknown_paths_are_404_and_logged(
        self, http: ClientSession, simulator: Simulator
    ) -> None:
        answer = await get(http, simulator.url + "/slack/slack.com/api/nothing")

        assert answer.status == 404
        assert simulator.calls("slack", "nothing")[0].status == 404

    @pytest.mark.parametrize(
        ("what", "body", "names"),
        [
            ("faults", {"provider": "acme", "path": "*", "kind": "504"}, "502-after"),
            ("faults", {"provider": "nowhere", "path": "*", "kind": "503"}, "slack"),
            ("apps", {"provider": "acme"}, "client_id"),
            ("accounts", {"nonsense": 1}, "provider"),
            ("send", {"provider": "slack", "account": "T", "kind": "nonsense"}, "message"),
            ("send", {"provider": "slack"}, "account"),
            ("send", [], "list"),
        ],
    )
    async def test_a_bad_order_is_a_400_that_names_what_is_wrong(
        self, http: ClientSession, simulator: Simulator, what: str, body: object, names: str
    ) -> None:
        answer = await self._post(http, simulator, what, body)

        assert answer.status == 400
        assert names in answer.json["error"]

    async def test_a_page_elsewhere_cannot_give_orders(
        self, http: ClientSession, simulator: Simulator
    ) -> None:
        """A cross-site form cannot declare JSON."""
        url = simulator.url + "/__ctl/faults"
        answer = await call(http, "POST", url, data=b'{"provider":"acme"}')

        assert answer.status == 415

    async def _post(
        self, http: ClientSession, simulator: Simulator, what: str, body: object
    ) -> Answer:
        return await call(http, "POST", f"{simulator.url}/__ctl/{what}", json=body)


class TestTheCommand:
    async def test_it_prints_what_to_configure_and_stops_on_a_signal(self) -> None:
        process = await asyncio.create_subprocess_exec(
            sys.executable, "-m", "services.simulator", "--port", "0",
            stdout=asyncio.subprocess.PIPE,
        )  # fmt: skip
        assert process.stdout is not None
        text = (await process.stdout.readuntil(b"Stop with Ctrl-C.")).decode()
        process.send_signal(signal.SIGTERM)

        assert await process.wait() == 0
        assert re.search(r"Slack: http://127\.0\.0\.1:\d+/slack/slack\.com/oauth", text)
        assert "http://127.0.0.1:8080/integration/global/notion" in text

    def test_a_taken_port_is_a_sentence(self, capsys: pytest.CaptureFixture[str]) -> None:
        with socket.socket() as other:
            other.bind(("127.0.0.1", 0))
            other.listen()
            status = main(["--port", str(other.getsockname()[1])])

        assert status == 1
        assert "address already in use" in capsys.readouterr().err

    async def test_its_world_has_two_customers_everywhere(self) -> None:
        simulator = Simulator()
        apps = furnish(simulator, "http://127.0.0.1:8080/")

        assert {app.provider for app in apps} == set(CUSTOMERS)
        assert all(app.redirect_uris == ("http://127.0.0.1:8080/oauth",) for app in apps)
        assert all(len(simulator.world.accounts_of(one)) == 2 for one in CUSTOMERS)


@pytest.mark.parametrize("file", sorted(HOME.rglob("*.py")), ids=lambda file: file.name)
def test_no_file_imports_anything_of_ours_but_the_simulator(file: Path) -> None:
    """A second opinion must not share code with the first."""
    imported = re.findall(r"^\s*(?:from|import) ([\w.]+)", file.read_text(), re.MULTILINE)

    ours = [one for one in imported if one.split(".")[0] in {"services", "workers", "shared"}]
    assert [one for one in ours if not one.startswith("services.simulator")] == []


class TestTheManual:
    """docs/simulator.md lists what exists, all of it and nothing else."""

    MANUAL = (Path(__file__).parents[3] / "docs" / "simulator.md").read_text()

    @pytest.mark.parametrize("provider", ACCOUNTS)
    def test_it_lists_every_kind_of_webhook(self, provider: str) -> None:
        (row,) = re.findall(rf"^\| {provider} \| ([^/|]+) \|$", self.MANUAL, re.MULTILINE)

        assert tuple(row.replace("`", "").split()) == DIALECTS[provider].KINDS

    def test_it_lists_every_fault(self) -> None:
        section = self.MANUAL.split("## Faults")[1].split("## Control")[0]
        named = re.findall(
            r"`([\w-]+)`", " ".join(re.findall(r"^\| (`[^|]+) \|", section, re.MULTILINE))
        )

        assert sorted(named) == sorted(KINDS)

    def test_it_lists_every_control_call(self) -> None:
        routes = application(Simulator()).router.resources()
        paths = {one.canonical for one in routes if one.canonical.startswith("/__")}

        assert {path for path in paths if f"{path}" not in self.MANUAL} == set()
