"""Whose request is it? One saved request per row, and the identifier that the script must find."""

from __future__ import annotations

from pathlib import Path

import pytest

from shared.errors import ScriptFailed
from shared.integrations.definition import Definition
from shared.integrations.registry import built_in, from_folders
from shared.model.requests import RawRequest
from shared.routing import script_event, slices
from shared.vrl.pool import VrlPool

FIXTURES = Path(__file__).parent / "fixtures"
EXAMPLE = Path(__file__).parents[2] / "examples" / "enable-oauth"
ALL = {definition.name: definition for definition in (*built_in(), *from_folders([EXAMPLE]))}

ORGANIZATION = "b7a2c7cc-52e1-4b0b-9f0c-0d7e6f6a1e11"
WORKSPACE = "13950b26-c203-4f3b-b97d-93ec06319565"

FOUND = [
    ("slack/message.json", "T1DC2JH3J"),
    ("slack/message_with_percent_signs.json", "T1DC2JH3J"),
    ("slack/message_in_shared_channel.json", "T1DC2JH3J"),
    ("slack/message_in_grid_workspace.json", "T1DC2JH3J"),
    ("slack/message_of_org_install.json", "E1GRID"),
    ("slack/button.form", "T9TK3CUKW"),
    ("slack/button_of_org_install.form", "E1GRID"),
    ("slack/command.form", "T0001"),
    ("slack/command_with_any_text.form", "T0001"),
    ("slack/command_of_org_install.form", "E1GRID"),
    ("github/issue.json", "4711001"),
    ("github/issue.form", "4711001"),
    ("github/installation_created.json", "9007199254740993"),
    ("linear/issue.json", ORGANIZATION),
    ("linear/app_revoked.json", ORGANIZATION),
    ("notion/page_created.json", WORKSPACE),
    ("acme/message.json", "team-1"),
]
NOBODYS = [
    "slack/url_verification.json",
    "slack/ssl_check.form",
    "slack/not_json.txt",
    "slack/empty.txt",
    "github/ping.json",
    "github/hook_of_repository.json",
    "github/not_json.txt",
    "github/empty.txt",
    "linear/without_organization.json",
    "linear/not_json.txt",
    "linear/empty.txt",
    "notion/verification_token.json",
    "notion/not_json.txt",
    "notion/empty.txt",
]


def saved(name: str) -> tuple[Definition, RawRequest]:
    """The integration and the request of a fixture."""
    path = FIXTURES / name
    kinds = {".json": "application/json", ".form": "application/x-www-form-urlencoded"}
    request = RawRequest(
        id="req_1",
        door="global",
        name=path.parent.name,
        method="POST",
        path="/",
        headers=(("content-type", kinds.get(path.suffix, "text/plain")),),
        body=path.read_bytes(),
        received_at=1_790_000_000.0,
    )
    return ALL[path.parent.name], request


async def identifiers(name: str, vrl: VrlPool) -> list[str]:
    """What the extract script of a fixture's integration makes of it, as the worker reads it."""
    definition, request = saved(name)
    assert definition.identifier is not None
    assert definition.identifier.extract_script is not None
    try:
        value = await vrl.run(
            name, definition.identifier.extract_script, script_event(request, {})
        )
    except ScriptFailed:
        return []
    return [part.identifier for part in slices(value)]


class TestExtract:
    """The scripts of all integrations over saved requests."""

    def test_no_fixture_is_left_out(self) -> None:
        """A file without a row would test nothing."""
        requests = (path for path in FIXTURES.glob("*/*") if path.suffix != ".toml")
        files = {str(path.relative_to(FIXTURES)) for path in requests}

        assert {*NOBODYS, *(name for name, _ in FOUND)} == files

    @pytest.mark.parametrize(("name", "identifier"), FOUND)
    async def test_the_identifier_is_found(
        self, name: str, identifier: str, vrl: VrlPool
    ) -> None:
        """Whatever text the event carries."""
        assert [identifier] == await identifiers(name, vrl)

    @pytest.mark.parametrize("name", NOBODYS)
    async def test_a_request_of_nobody_has_none(self, name: str, vrl: VrlPool) -> None:
        """It goes to the fallback, never to some installation."""
        assert [] == await identifiers(name, vrl)


class TestSlackFallback:
    """What Slack sends for no workspace is answered, not refused."""

    async def test_the_challenge_comes_back(self, vrl: VrlPool) -> None:
        """As the handshake does it, for a request that reached the script instead."""
        definition, request = saved("slack/url_verification.json")
        assert definition.identifier is not None
        script = definition.identifier.fallback_handler_script or ""
        value = await vrl.run("fallback", script, script_event(request, {}))

        assert "3eZbrw1aBm2rZgRNFdxV2595E9CY3gmdALWMmHkvFXO7tYXAYM8P" == value["body"]

    @pytest.mark.parametrize("name", ["slack/ssl_check.form", "slack/empty.txt"])
    async def test_anything_else_gets_an_empty_200(self, name: str, vrl: VrlPool) -> None:
        """Slack's check of the certificate wants no more."""
        definition, request = saved(name)
        assert definition.identifier is not None
        script = definition.identifier.fallback_handler_script or ""

        assert {"status": 200} == await vrl.run("fallback", script, script_event(request, {}))
