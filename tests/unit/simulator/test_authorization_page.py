"""The authorization endpoint: who gets a page, who gets redirected, and what the form protects."""

from __future__ import annotations

from urllib.parse import urlsplit

import pytest
from aiohttp import ClientSession, CookieJar

from services.simulator import Simulator
from tests.unit.simulator.simulator_builders import (
    ACCOUNTS,
    AUTHORIZE,
    CALLBACK,
    PROVIDERS,
    Answer,
    Form,
    authorize,
    call,
    exchange,
    get,
    whoami,
)


async def press(
    http: ClientSession, simulator: Simulator, form: Form, action: str, choice: str = ""
) -> Answer:
    """Send the form back as a browser would."""
    fields = {**form.hidden, "choice": choice or form.choices[0], "action": action}
    return await call(http, "POST", simulator.url + form.action, data=fields)


async def a_page(http: ClientSession, simulator: Simulator, provider: str = "slack") -> Form:
    """The consent page's form."""
    return Form((await authorize(http, simulator, provider, login_hint="")).text)


@pytest.mark.parametrize("provider", PROVIDERS)
class TestConsent:
    async def test_the_page_offers_every_account_with_its_users(
        self, http: ClientSession, simulator: Simulator, provider: str
    ) -> None:
        answer = await authorize(http, simulator, provider, login_hint="")

        account = ACCOUNTS[provider]
        assert answer.status == 200
        assert Form(answer.text).choices == [f"{account}/700", f"9{account}/800"]
        assert Form(answer.text).action == AUTHORIZE[provider]

    async def test_nothing_on_the_page_comes_from_elsewhere(
        self, http: ClientSession, simulator: Simulator, provider: str
    ) -> None:
        answer = await authorize(http, simulator, provider, login_hint="")

        assert Form(answer.text).outside == []
        assert "default-src 'none'" in answer.headers["Content-Security-Policy"]
        assert "<script" not in answer.text

    async def test_allowing_leads_back_with_code_and_state(
        self, http: ClientSession, simulator: Simulator, provider: str
    ) -> None:
        form = await a_page(http, simulator, provider)
        answer = await press(http, simulator, form, "allow")

        assert answer.status == 302
        assert answer.headers["Location"].startswith(CALLBACK + "?")
        assert set(answer.query) == {"code", "state"}
        assert answer.query["state"] == "s1"

    async def test_the_chosen_account_is_the_connected_one(
        self, http: ClientSession, simulator: Simulator, provider: str
    ) -> None:
        form = await a_page(http, simulator, provider)
        back = await press(http, simulator, form, "allow", choice=form.choices[1])
        tokens = await exchange(http, simulator, provider, back.query["code"])
        identity = await whoami(http, simulator, provider, tokens.json["access_token"])

        assert ("800" if provider == "github" else "9" + ACCOUNTS[provider]) in identity.text

    async def test_cancelling_leads_back_with_access_denied(
        self, http: ClientSession, simulator: Simulator, provider: str
    ) -> None:
        form = await a_page(http, simulator, provider)
        answer = await press(http, simulator, form, "cancel")

        assert answer.status == 302
        assert answer.query["error"] == "access_denied"
        assert answer.query["state"] == "s1"
        assert "code" not in answer.query

    async def test_an_app_in_automatic_mode_shows_no_page(
        self, http: ClientSession, simulator: Simulator, provider: str
    ) -> None:
        simulator.world.app_of(provider).auto = f"9{ACCOUNTS[provider]}/800"
        answer = await authorize(http, simulator, provider, login_hint="")

        assert answer.status == 302
        assert "code" in answer.query

    async def test_automatic_mode_can_refuse(
        self, http: ClientSession, simulator: Simulator, provider: str
    ) -> None:
        answer = await authorize(http, simulator, provider, login_hint="deny")

        assert answer.query["error"] == "access_denied"

    @pytest.mark.parametrize(
        "redirect_uri",
        [
            "https://evil.example/oauth",
            CALLBACK + "/",
            CALLBACK + "?x=1",
            CALLBACK.upper(),
            "https://waypost.example/oauth/../evil",
        ],
    )
    async def test_an_unregistered_redirect_uri_gets_a_page_and_no_redirect(
        self, http: ClientSession, simulator: Simulator, provider: str, redirect_uri: str
    ) -> None:
        answer = await authorize(http, simulator, provider, redirect_uri=redirect_uri)

        assert answer.status == 400
        assert "Location" not in answer.headers
        assert "bad_redirect_uri" in answer.text

    async def test_an_unknown_client_gets_a_page_and_no_redirect(
        self, http: ClientSession, simulator: Simulator, provider: str
    ) -> None:
        answer = await authorize(http, simulator, provider, client_id="nobody")

        assert answer.status == 400
        assert "Location" not in answer.headers


class TestTheForm:
    async def test_it_works_once(self, http: ClientSession, simulator: Simulator) -> None:
        form = await a_page(http, simulator)
        await press(http, simulator, form, "allow")
        again = await press(http, simulator, form, "allow")

        assert again.status == 400
        assert "Location" not in again.headers

    async def test_another_browser_cannot_send_it(
        self, http: ClientSession, simulator: Simulator
    ) -> None:
        form = await a_page(http, simulator)
        async with ClientSession(cookie_jar=CookieJar(unsafe=True)) as other:
            answer = await press(other, simulator, form, "allow")

        assert answer.status == 403
        assert "Location" not in answer.headers

    async def test_it_needs_its_csrf_token(
        self, http: ClientSession, simulator: Simulator
    ) -> None:
        form = await a_page(http, simulator)
        form.hidden["csrf"] = "guessed"
        answer = await press(http, simulator, form, "allow")

        assert answer.status == 403

    async def test_a_choice_that_was_not_offered_is_refused(
        self, http: ClientSession, simulator: Simulator
    ) -> None:
        form = await a_page(http, simulator)
        answer = await press(http, simulator, form, "allow", choice="T0OTHER/700")

        assert answer.status == 400
        assert "Location" not in answer.headers

    async def test_markup_in_the_request_stays_text(
        self, http: ClientSession, simulator: Simulator
    ) -> None:
        answer = await authorize(
            http, simulator, "slack", login_hint="", scope="<script>alert(1)</script>"
        )

        assert "&lt;script&gt;" in answer.text
        assert "<script" not in answer.text


class TestTheRequest:
    async def test_a_repeated_parameter_is_refused(
        self, http: ClientSession, simulator: Simulator
    ) -> None:
        url = f"{simulator.url}{AUTHORIZE['linear']}?client_id=client&state=a&state=b"
        answer = await get(http, url)

        assert answer.status == 400
        assert "state" in answer.text

    @pytest.mark.parametrize("provider", ["linear", "notion", "acme"])
    async def test_another_response_type_is_told_to_the_client(
        self, http: ClientSession, simulator: Simulator, provider: str
    ) -> None:
        answer = await authorize(http, simulator, provider, response_type="token")

        assert answer.query["error"] == "unsupported_response_type"

    @pytest.mark.parametrize("method", ["plain", ""])
    async def test_a_challenge_must_be_s256(
        self, http: ClientSession, simulator: Simulator, method: str
    ) -> None:
        answer = await authorize(
            http, simulator, "acme", code_challenge="c" * 43, code_challenge_method=method
        )

        assert answer.query["error"] == "invalid_request"

    async def test_the_only_registered_uri_is_the_default(
        self, http: ClientSession, simulator: Simulator
    ) -> None:
        answer = await authorize(http, simulator, "github", redirect_uri="")

        assert urlsplit(answer.headers["Location"]).hostname == "waypost.example"

    async def test_a_query_of_the_redirect_uri_is_kept(
        self, http: ClientSession, simulator: Simulator
    ) -> None:
        uri = CALLBACK + "?tenant=a%20b"
        simulator.register_app("acme", "second", "s", [uri])
        answer = await authorize(http, simulator, "acme", client_id="second", redirect_uri=uri)

        assert answer.query["tenant"] == "a b"
        assert "code" in answer.query

    async def test_an_issuer_is_announced_where_the_app_has_one(
        self, http: ClientSession, simulator: Simulator
    ) -> None:
        simulator.world.app_of("acme").issuer = "https://acme.example"
        answer = await authorize(http, simulator, "acme")

        assert answer.query["iss"] == "https://acme.example"


class TestTheDoor:
    async def test_only_loopback_names_are_answered(
        self, http: ClientSession, simulator: Simulator
    ) -> None:
        """A web page cannot reach the simulator through a name it rebinds to 127.0.0.1."""
        answer = await get(
            http, simulator.url + "/__ctl/log", headers={"Host": "rebound.example"}
        )

        assert answer.status == 403

    @pytest.mark.parametrize("host", ["0.0.0.0", "192.0.2.1", "::", "example.org"])
    def test_it_listens_on_loopback_only(self, host: str) -> None:
        with pytest.raises(ValueError, match="loopback"):
            Simulator(host)

    async def test_ports_are_told(self) -> None:
        async with Simulator("::1") as running:
            assert running.url.startswith("http://[::1]:")
            assert not running.url.endswith(":0")
