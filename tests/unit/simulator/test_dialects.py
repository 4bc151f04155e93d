"""What only one provider does: answer shapes, encodings, and the GitHub App installation."""

from __future__ import annotations

import base64
from typing import Any
from urllib.parse import parse_qs

import pytest
from aiohttp import ClientSession

from services.simulator import Simulator
from tests.unit.simulator.simulator_builders import (
    ACCOUNTS,
    CALLBACK,
    SECRET,
    TOKEN,
    Answer,
    Form,
    a_code,
    call,
    exchange,
    get,
    whoami,
)


class TestSlack:
    async def test_a_bot_install_names_team_bot_and_user(
        self, http: ClientSession, simulator: Simulator
    ) -> None:
        code = await a_code(http, simulator, "slack", scope="chat:write,channels:history")
        answer = (await exchange(http, simulator, "slack", code)).json

        assert answer["ok"] is True
        assert answer["access_token"].startswith("xoxb-")
        assert answer["token_type"] == "bot"
        assert answer["scope"] == "chat:write,channels:history"
        assert answer["team"] == {"id": ACCOUNTS["slack"], "name": "Acme Corp"}
        assert answer["authed_user"] == {"id": "700"}
        assert answer["is_enterprise_install"] is False

    async def test_a_user_only_install_has_its_token_below_authed_user(
        self, http: ClientSession, simulator: Simulator
    ) -> None:
        code = await a_code(http, simulator, "slack", scope="", user_scope="search:read")
        answer = (await exchange(http, simulator, "slack", code)).json
        identity = await whoami(http, simulator, "slack", answer["authed_user"]["access_token"])

        assert "access_token" not in answer
        assert answer["authed_user"]["scope"] == "search:read"
        assert identity.json["user_id"] == "700"

    async def test_an_org_wide_install_has_no_team(
        self, http: ClientSession, simulator: Simulator
    ) -> None:
        enterprise = {"id": "E0GRID0001", "name": "Grid"}
        simulator.add_account("slack", "T0GRID0001", "Grid", enterprise=enterprise, org=True)
        code = await a_code(http, simulator, "slack", login_hint="T0GRID0001")
        answer = (await exchange(http, simulator, "slack", code)).json

        assert answer["team"] is None
        assert answer["enterprise"] == enterprise
        assert answer["is_enterprise_install"] is True

    async def test_basic_authentication_is_taken_as_well(
        self, http: ClientSession, simulator: Simulator
    ) -> None:
        code = await a_code(http, simulator, "slack")
        form = {"code": code, "redirect_uri": CALLBACK}
        answer = await call(
            http, "POST", simulator.url + TOKEN["slack"], data=form, headers=basic()
        )

        assert answer.json["ok"] is True

    @pytest.mark.parametrize(("token", "error"), [("", "not_authed"), ("x", "invalid_auth")])
    async def test_a_bad_token_is_a_200_with_an_error(
        self, http: ClientSession, simulator: Simulator, token: str, error: str
    ) -> None:
        answer = await whoami(http, simulator, "slack", token)

        assert (answer.status, answer.json) == (200, {"ok": False, "error": error})

    async def test_uninstalling_ends_the_grant(
        self, http: ClientSession, simulator: Simulator
    ) -> None:
        code = await a_code(http, simulator, "slack")
        token = (await exchange(http, simulator, "slack", code)).json["access_token"]
        url = simulator.url + "/slack/slack.com/api/apps.uninstall"
        form = {"token": token, "client_id": "client", "client_secret": SECRET}
        answer = await call(http, "POST", url, data=form)
        identity = await whoami(http, simulator, "slack", token)

        assert answer.json == {"ok": True}
        assert identity.json["error"] == "token_revoked"


class TestGitHub:
    async def test_the_answer_is_a_form_unless_json_is_asked_for(
        self, http: ClientSession, simulator: Simulator
    ) -> None:
        code = await a_code(http, simulator, "github")
        form = {"client_id": "client", "client_secret": SECRET, "code": code}
        answer = await call(http, "POST", simulator.url + TOKEN["github"], data=form)
        fields = parse_qs(answer.text)

        assert answer.headers["Content-Type"].startswith("application/x-www-form-urlencoded")
        assert fields["access_token"][0].startswith("gho_")
        assert fields["scope"] == ["read,write"]

    async def test_errors_have_status_200_in_either_form(
        self, http: ClientSession, simulator: Simulator
    ) -> None:
        form = {"client_id": "client", "client_secret": SECRET, "code": "x"}
        answer = await call(http, "POST", simulator.url + TOKEN["github"], data=form)

        assert answer.status == 200
        assert parse_qs(answer.text)["error"] == ["bad_verification_code"]

    async def test_the_request_may_be_json(
        self, http: ClientSession, simulator: Simulator
    ) -> None:
        code = await a_code(http, simulator, "github")
        fields = {"client_id": "client", "client_secret": SECRET, "code": code}
        accept = {"Accept": "application/json"}
        answer = await call(
            http, "POST", simulator.url + TOKEN["github"], json=fields, headers=accept
        )

        assert answer.json["token_type"] == "bearer"

    async def test_a_users_id_is_a_number(
        self, http: ClientSession, simulator: Simulator
    ) -> None:
        code = await a_code(http, simulator, "github")
        token = (await exchange(http, simulator, "github", code)).json["access_token"]
        identity = await whoami(http, simulator, "github", token)

        assert identity.json["id"] == 700
        assert identity.json["login"] == "ada"


class TestGitHubAppInstallation:
    @pytest.fixture(autouse=True)
    def _github_app(self, simulator: Simulator) -> None:
        simulator.world.app_of("github").slug = "waypost-test"

    async def test_the_page_leads_back_with_installation_and_code(
        self, http: ClientSession, simulator: Simulator
    ) -> None:
        page = await get(http, install_url(simulator))
        form = Form(page.text)
        fields = {**form.hidden, "choice": form.choices[0], "action": "allow"}
        answer = await call(http, "POST", simulator.url + form.action, data=fields)

        assert answer.query["installation_id"] == ACCOUNTS["github"]
        assert answer.query["setup_action"] == "install"
        assert answer.query["state"] == "s2"
        assert answer.query["code"]

    async def test_cancelling_installs_nothing(
        self, http: ClientSession, simulator: Simulator
    ) -> None:
        answer = await get(http, install_url(simulator) + "&login_hint=deny")

        assert answer.query["error"] == "access_denied"
        assert simulator.world.installed == set()

    async def test_a_user_sees_installations_of_own_accounts_only(
        self, http: ClientSession, simulator: Simulator
    ) -> None:
        """An installation id of the callback proves nothing; this list does."""
        simulator.install("client", "9" + ACCOUNTS["github"])
        hint = f"&login_hint={ACCOUNTS['github']}"
        back = await get(http, install_url(simulator) + hint)
        listed = await self._listed(http, simulator, back.query["code"])

        assert listed.json["total_count"] == 1
        assert [one["id"] for one in listed.json["installations"]] == [51000001]
        assert listed.json["installations"][0]["app_slug"] == "waypost-test"

    async def test_an_authorization_without_installation_sees_none(
        self, http: ClientSession, simulator: Simulator
    ) -> None:
        listed = await self._listed(http, simulator, await a_code(http, simulator, "github"))

        assert listed.json == {"total_count": 0, "installations": []}

    async def test_long_lists_come_in_pages(
        self, http: ClientSession, simulator: Simulator
    ) -> None:
        for number in range(3):
            account = simulator.add_account("github", f"6000{number}", users=["700"])
            simulator.install("client", account.id)
        code = await a_code(http, simulator, "github")
        token = (await exchange(http, simulator, "github", code)).json["access_token"]
        bearer = {"Authorization": f"Bearer {token}"}
        url = simulator.url + "/github/api.github.com/user/installations"
        first = await get(http, url + "?per_page=2", headers=bearer)
        second = await get(http, url + "?per_page=2&page=2", headers=bearer)

        assert len(first.json["installations"]) == 2
        assert 'rel="next"' in first.headers["Link"]
        assert [one["id"] for one in second.json["installations"]] == [60002]
        assert "Link" not in second.headers

    async def test_an_unknown_app_has_no_page(
        self, http: ClientSession, simulator: Simulator
    ) -> None:
        url = simulator.url + "/github/github.com/apps/nothing/installations/new"

        assert (await get(http, url)).status == 404

    async def _listed(self, http: ClientSession, simulator: Simulator, code: str) -> Answer:
        token = (await exchange(http, simulator, "github", code)).json["access_token"]
        url = simulator.url + "/github/api.github.com/user/installations"
        return await get(http, url, headers={"Authorization": f"Bearer {token}"})


class TestLinear:
    async def test_graphql_tells_viewer_and_organization(
        self, http: ClientSession, simulator: Simulator
    ) -> None:
        answer = await self._ask(http, simulator, "query { viewer { id } organization { id } }")

        assert answer.json == {
            "data": {"viewer": {"id": "700"}, "organization": {"id": "org-acme"}}
        }

    @pytest.mark.parametrize(
        "query",
        ["{ nothing { id } }", "{ viewer }", "{ viewer { id ", "mutation { x }", "{ ( }"],
    )
    async def test_a_bad_query_is_told_in_errors(
        self, http: ClientSession, simulator: Simulator, query: str
    ) -> None:
        answer = await self._ask(http, simulator, query)

        assert answer.status == 400
        assert answer.json["errors"][0]["message"]
        assert "data" not in answer.json

    async def _ask(self, http: ClientSession, simulator: Simulator, query: str) -> Answer:
        code = await a_code(http, simulator, "linear")
        token = (await exchange(http, simulator, "linear", code)).json["access_token"]
        url = simulator.url + "/linear/api.linear.app/graphql"
        bearer = {"Authorization": f"Bearer {token}"}
        return await call(http, "POST", url, headers=bearer, json={"query": query})


class TestNotion:
    async def test_the_answer_names_workspace_bot_and_owner(
        self, http: ClientSession, simulator: Simulator
    ) -> None:
        code = await a_code(http, simulator, "notion")
        answer = (await exchange(http, simulator, "notion", code)).json
        identity = await whoami(http, simulator, "notion", answer["access_token"])

        assert answer["workspace_id"] == "workspace-acme"
        assert answer["workspace_name"] == "Acme Corp"
        assert answer["owner"]["user"]["id"] == "700"
        assert identity.json["id"] == answer["bot_id"]

    async def test_a_form_body_is_refused(
        self, http: ClientSession, simulator: Simulator
    ) -> None:
        answer = await self._post(http, simulator, data={"code": "x"}, headers=basic())

        assert (answer.status, answer.json["error"]) == (400, "invalid_request")

    async def test_credentials_in_the_body_are_refused(
        self, http: ClientSession, simulator: Simulator
    ) -> None:
        fields = {"client_id": "client", "client_secret": SECRET, "code": "x"}
        answer = await self._post(http, simulator, json=fields)

        assert (answer.status, answer.json["error"]) == (401, "invalid_client")
        assert answer.headers["WWW-Authenticate"].startswith("Basic")

    @pytest.mark.parametrize("body", [b"", b"[]", b"{", b"\xff"])
    async def test_anything_but_an_object_is_refused(
        self, http: ClientSession, simulator: Simulator, body: bytes
    ) -> None:
        headers = {**basic(), "Content-Type": "application/json"}
        answer = await self._post(http, simulator, data=body, headers=headers)

        assert (answer.status, answer.json["error"]) == (400, "invalid_request")

    async def test_the_api_wants_its_version_header(
        self, http: ClientSession, simulator: Simulator
    ) -> None:
        answer = await get(http, simulator.url + "/notion/api.notion.com/v1/users/me")

        assert (answer.status, answer.json["code"]) == (400, "missing_version")

    async def _post(self, http: ClientSession, simulator: Simulator, **options: Any) -> Answer:
        return await call(http, "POST", simulator.url + TOKEN["notion"], **options)


@pytest.mark.parametrize("given", ["Basic !!!", "Basic " + base64.b64encode(b"\xff").decode()])
async def test_malformed_basic_credentials_are_a_refusal_and_no_crash(
    http: ClientSession, simulator: Simulator, given: str
) -> None:
    answer = await call(
        http, "POST", simulator.url + TOKEN["acme"], headers={"Authorization": given}
    )

    assert (answer.status, answer.json["error"]) == (401, "invalid_client")


def basic() -> dict[str, str]:
    """The client's Basic header."""
    return {"Authorization": "Basic " + base64.b64encode(f"client:{SECRET}".encode()).decode()}


def install_url(simulator: Simulator) -> str:
    """The GitHub App's installation page, with a state."""
    return simulator.url + "/github/github.com/apps/waypost-test/installations/new?state=s2"
