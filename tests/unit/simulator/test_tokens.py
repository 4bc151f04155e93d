"""Codes and tokens: every rule of the exchange, the same at all providers."""

from __future__ import annotations

import base64
import hashlib

import pytest
from aiohttp import ClientSession

from services.simulator import Simulator, code_hash
from tests.unit.simulator.simulator_builders import (
    ACCOUNTS,
    CALLBACK,
    PROVIDERS,
    SECRET,
    TOKEN,
    Answer,
    Hand,
    a_code,
    authorize,
    call,
    exchange,
    is_live,
    refresh,
    whoami,
)

# RFC 7636 appendix B
VERIFIER = "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk"
CHALLENGE = "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM"

# Each provider's words for the same refusal, with the HTTP status
BAD_CODE = {
    "slack": (200, "invalid_code"),
    "github": (200, "bad_verification_code"),
    "linear": (400, "invalid_grant"),
    "notion": (400, "invalid_grant"),
    "acme": (400, "invalid_grant"),
}
USED_CODE = {**BAD_CODE, "slack": (200, "code_already_used")}
BAD_VERIFIER = {**BAD_CODE, "slack": (200, "invalid_grant")}
BAD_REDIRECT = {
    **BAD_CODE,
    "slack": (200, "bad_redirect_uri"),
    "github": (200, "redirect_uri_mismatch"),
}
BAD_CLIENT = {
    "slack": (200, "bad_client_secret"),
    "github": (200, "incorrect_client_credentials"),
    "linear": (401, "invalid_client"),
    "notion": (401, "invalid_client"),
    "acme": (401, "invalid_client"),
}


def refusal(answer: Answer) -> tuple[int, str]:
    """Status and error of a token answer, which must not hold a token."""
    assert "access_token" not in answer.json
    return answer.status, answer.json["error"]


@pytest.mark.parametrize("provider", PROVIDERS)
class TestACode:
    async def test_it_buys_a_token_that_tells_who_it_is(
        self, http: ClientSession, simulator: Simulator, provider: str
    ) -> None:
        code = await a_code(http, simulator, provider)
        tokens = await exchange(http, simulator, provider, code)
        identity = await whoami(http, simulator, provider, tokens.json["access_token"])

        assert tokens.status == 200
        assert is_live(identity)
        assert ("700" if provider == "github" else ACCOUNTS[provider]) in identity.text

    async def test_a_second_use_is_refused_and_ends_the_tokens_of_the_first(
        self, http: ClientSession, simulator: Simulator, provider: str
    ) -> None:
        """RFC 6749 §4.1.2, which is why an exchange must never be repeated blindly."""
        code = await a_code(http, simulator, provider)
        tokens = await exchange(http, simulator, provider, code)
        before = await whoami(http, simulator, provider, tokens.json["access_token"])
        second = await exchange(http, simulator, provider, code)
        after = await whoami(http, simulator, provider, tokens.json["access_token"])

        assert is_live(before)
        assert refusal(second) == USED_CODE[provider]
        assert not is_live(after)

    async def test_it_expires(
        self, http: ClientSession, simulator: Simulator, hand: Hand, provider: str
    ) -> None:
        code = await a_code(http, simulator, provider)
        hand.at += 600
        answer = await exchange(http, simulator, provider, code)

        assert refusal(answer) == BAD_CODE[provider]

    async def test_an_unknown_one_is_refused(
        self, http: ClientSession, simulator: Simulator, provider: str
    ) -> None:
        answer = await exchange(http, simulator, provider, "never-issued")

        assert refusal(answer) == BAD_CODE[provider]

    async def test_it_is_of_no_use_to_another_client(
        self, http: ClientSession, simulator: Simulator, provider: str
    ) -> None:
        simulator.register_app(provider, "other", "other-secret", [CALLBACK])
        code = await a_code(http, simulator, provider)
        answer = await exchange(
            http, simulator, provider, code, client_id="other", secret="other-secret"
        )

        assert refusal(answer) == BAD_CODE[provider]

    async def test_a_wrong_secret_leaves_it_usable(
        self, http: ClientSession, simulator: Simulator, provider: str
    ) -> None:
        code = await a_code(http, simulator, provider)
        wrong = await exchange(http, simulator, provider, code, secret="wrong")
        right = await exchange(http, simulator, provider, code)

        assert refusal(wrong) == BAD_CLIENT[provider]
        assert right.json["access_token"]

    async def test_another_redirect_uri_leaves_it_usable(
        self, http: ClientSession, simulator: Simulator, provider: str
    ) -> None:
        code = await a_code(http, simulator, provider)
        wrong = await exchange(http, simulator, provider, code, redirect_uri=CALLBACK + "/")
        right = await exchange(http, simulator, provider, code)

        assert refusal(wrong) == BAD_REDIRECT[provider]
        assert right.json["access_token"]

    @pytest.mark.parametrize("verifier", ["w" * 43, "", CHALLENGE])
    async def test_a_wrong_verifier_leaves_it_usable(
        self, http: ClientSession, simulator: Simulator, provider: str, verifier: str
    ) -> None:
        code = await a_code(
            http, simulator, provider, code_challenge=CHALLENGE, code_challenge_method="S256"
        )
        wrong = await exchange(http, simulator, provider, code, code_verifier=verifier)
        right = await exchange(http, simulator, provider, code, code_verifier=VERIFIER)

        assert refusal(wrong) == BAD_VERIFIER[provider]
        assert right.json["access_token"]

    async def test_the_log_counts_its_exchanges_without_holding_it(
        self, http: ClientSession, simulator: Simulator, provider: str
    ) -> None:
        code = await a_code(http, simulator, provider)
        await exchange(http, simulator, provider, code)
        await exchange(http, simulator, provider, code)
        calls = simulator.calls(provider, code_hash=code_hash(code))

        path = TOKEN[provider].removeprefix(f"/{provider}/")
        exchanges = [(one.path, one.outcome) for one in calls if one.grant_type]
        assert exchanges == [(path, "issued"), (path, "code_used")]
        assert code not in repr(simulator.log)


class TestRefresh:
    @pytest.mark.parametrize("provider", ["linear", "notion", "acme"])
    async def test_it_brings_a_new_pair(
        self, http: ClientSession, simulator: Simulator, provider: str
    ) -> None:
        first = await self._tokens(http, simulator, provider)
        second = await refresh(http, simulator, provider, first.json["refresh_token"])
        identity = await whoami(http, simulator, provider, second.json["access_token"])

        assert second.json["refresh_token"] != first.json["refresh_token"]
        assert is_live(identity)

    @pytest.mark.parametrize("provider", ["slack", "github"])
    async def test_it_exists_only_where_the_app_has_rotation(
        self, http: ClientSession, simulator: Simulator, provider: str
    ) -> None:
        app = simulator.world.app_of(provider)
        app.slug = "an-app"
        lasting = await self._tokens(http, simulator, provider)
        app.rotation = True
        rotating = await self._tokens(http, simulator, provider)
        again = await refresh(http, simulator, provider, rotating.json["refresh_token"])

        assert "refresh_token" not in lasting.json
        assert rotating.json["expires_in"] > 0
        assert again.json["access_token"]

    @pytest.mark.parametrize("provider", ["notion", "acme"])
    async def test_a_second_use_ends_the_whole_family(
        self, http: ClientSession, simulator: Simulator, provider: str
    ) -> None:
        first = await self._tokens(http, simulator, provider)
        second = await refresh(http, simulator, provider, first.json["refresh_token"])
        stolen = await refresh(http, simulator, provider, first.json["refresh_token"])
        identity = await whoami(http, simulator, provider, second.json["access_token"])

        assert refusal(stolen) == (400, "invalid_grant")
        assert not is_live(identity)

    async def test_linear_forgives_a_repetition_for_half_an_hour(
        self, http: ClientSession, simulator: Simulator, hand: Hand
    ) -> None:
        first = await self._tokens(http, simulator, "linear")
        await refresh(http, simulator, "linear", first.json["refresh_token"])
        hand.at += 1799
        repeated = await refresh(http, simulator, "linear", first.json["refresh_token"])
        hand.at += 1
        late = await refresh(http, simulator, "linear", first.json["refresh_token"])

        assert repeated.json["access_token"]
        assert refusal(late) == (400, "invalid_grant")

    async def test_an_access_token_expires(
        self, http: ClientSession, simulator: Simulator, hand: Hand
    ) -> None:
        tokens = await self._tokens(http, simulator, "linear")
        hand.at += tokens.json["expires_in"]
        identity = await whoami(http, simulator, "linear", tokens.json["access_token"])

        assert identity.status == 401
        assert identity.json["errors"][0]["extensions"]["code"] == "AUTHENTICATION_ERROR"

    async def _tokens(self, http: ClientSession, simulator: Simulator, provider: str) -> Answer:
        code = await a_code(http, simulator, provider)
        return await exchange(http, simulator, provider, code)


class TestRevocation:
    @pytest.mark.parametrize("provider", PROVIDERS)
    async def test_a_revoked_token_is_dead(
        self, http: ClientSession, simulator: Simulator, provider: str
    ) -> None:
        code = await a_code(http, simulator, provider)
        token = (await exchange(http, simulator, provider, code)).json["access_token"]
        answer = await self._revoke(http, simulator, provider, token)
        identity = await whoami(http, simulator, provider, token)

        assert answer.status < 300
        assert not is_live(identity)

    async def test_a_refresh_token_dies_with_its_grant(
        self, http: ClientSession, simulator: Simulator
    ) -> None:
        code = await a_code(http, simulator, "linear")
        tokens = (await exchange(http, simulator, "linear", code)).json
        await self._revoke(http, simulator, "linear", tokens["access_token"])
        answer = await refresh(http, simulator, "linear", tokens["refresh_token"])

        assert refusal(answer) == (400, "invalid_grant")

    async def _revoke(
        self, http: ClientSession, simulator: Simulator, provider: str, token: str
    ) -> Answer:
        client = base64.b64encode(f"client:{SECRET}".encode()).decode()
        basic = {"Authorization": f"Basic {client}"}
        bearer = {"Authorization": f"Bearer {token}"}
        url = simulator.url + f"/{provider}/"
        match provider:
            case "slack":
                return await call(
                    http, "POST", url + "slack.com/api/auth.revoke", headers=bearer
                )
            case "github":
                url += "api.github.com/applications/client/token"
                return await call(
                    http, "DELETE", url, headers=basic, json={"access_token": token}
                )
            case "linear":
                url += "api.linear.app/oauth/revoke"
                return await call(http, "POST", url, data={"token": token})
            case "notion":
                url += "api.notion.com/v1/oauth/revoke"
                return await call(http, "POST", url, headers=basic, json={"token": token})
            case _:
                url += "acme.example/oauth/revoke"
                return await call(http, "POST", url, headers=basic, data={"token": token})


def test_the_code_hash_of_the_log_is_sha_256() -> None:
    assert code_hash("c") == hashlib.sha256(b"c").hexdigest()[:16]


async def test_two_simulators_do_not_know_each_others_codes(
    http: ClientSession, simulator: Simulator
) -> None:
    async with Simulator() as other:
        other.register_app("acme", "client", SECRET, [CALLBACK])
        other.add_account("acme", ACCOUNTS["acme"])
        code = (await authorize(http, other, "acme")).query["code"]

        assert (await exchange(http, simulator, "acme", code)).status == 400
