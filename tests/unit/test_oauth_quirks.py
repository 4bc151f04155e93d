"""What providers do otherwise than RFC 6749, each said in a definition and done by the same code."""

from __future__ import annotations

import base64
from datetime import timedelta
from urllib.parse import parse_qs, parse_qsl, urlsplit

import orjson
import pytest
from joserfc import jwt
from joserfc.jwk import ECKey, OctKey, RSAKey

from shared.errors import FlowRefused, ProviderBusy, ProviderRefused
from shared.model.calls import HttpCall
from shared.oauth import (
    Client,
    authorize_url,
    callback_values,
    captured,
    check_equal,
    code_in,
    merged,
    refresh_call,
    refresh_due_at,
    refresh_endpoint,
    revoke_call,
    token_call,
    tokens_of,
)
from shared.oauth.claims import check_claims
from shared.oauth.clientcalls import follow_up_call
from shared.oauth.identities import Claims
from shared.oauth.tokens import tokens_in
from shared.secret import Secret
from tests.unit.oauth_builders import CLIENT, NOON, a_provider, answered, granted, some_tokens

URL = "https://acme.example/oauth/token"


def sent(call: HttpCall) -> dict[str, str]:
    """Body and query of a call, whatever the form."""
    query = dict(parse_qsl(urlsplit(call.url).query, keep_blank_values=True))
    if call.body.startswith(b"{"):
        return {**query, **orjson.loads(call.body)}
    return {**query, **dict(parse_qsl(call.body.decode(), keep_blank_values=True))}


def exchanged(section: dict, client: Client = CLIENT, **inputs: str) -> HttpCall:
    provider = a_provider(token={"url": URL, **section})
    return token_call(
        provider, client, code="c", redirect_uri="https://way.test/oauth", verifier="v",
        inputs=inputs, now=NOON,
    )  # fmt: skip


def asked(section: dict, **inputs: str) -> str:
    authorize = {"url": "https://acme.example/authorize", **section}
    return authorize_url(
        a_provider(authorize=authorize), client_id="client-1", redirect_uri="https://way.test/oauth",
        oauth_state="s", challenge="ch", inputs=inputs,
    )  # fmt: skip


class TestTheWayToTheProvider:
    def test_leaves_out_what_an_optional_input_did_not_fill(self) -> None:
        params = {"team": "{team}", "prompt": "consent"}

        assert "team" not in parse_qs(urlsplit(asked({"params": params}, team="")).query)
        assert "team=T1" in asked({"params": params}, team="T1")

    def test_can_send_scopes_without_encoding(self) -> None:
        scopes = {"join": ",", "default": ["a:read", "b"]}

        assert "&scope=a:read,b&" in asked({"scopes": scopes, "raw": ["scope"]})
        assert "&scope=a%3Aread%2Cb&" in asked({"scopes": scopes})

    def test_never_sends_raw_what_would_be_read_as_something_else(self) -> None:
        with pytest.raises(FlowRefused, match="without encoding"):
            asked({"scopes": {"default": ["a&state=evil"]}, "raw": ["scope"]})

    def test_may_end_in_a_fragment(self) -> None:
        assert asked({"fragment": "connect"}).endswith("#connect")


class TestWhatTheCallbackBrings:
    ZOHO = a_provider(
        callback={
            "inputs": {"accounts-server": {"type": "host", "suffixes": ["zoho.com", "zoho.eu"]}}
        },
        token={"url": "https://{accounts-server}/oauth/v2/token"},
    )

    def test_may_be_the_host_of_the_token_endpoint(self) -> None:
        given = callback_values(self.ZOHO, {"accounts-server": "https://accounts.zoho.eu"})

        call = token_call(self.ZOHO, CLIENT, code="c", redirect_uri="r", inputs=given)
        assert "https://accounts.zoho.eu/oauth/v2/token" == call.url

    @pytest.mark.parametrize(
        "host",
        ["", "https://evil.test", "https://zoho.com.evil.test", "https://accounts.zoho.eu@evil.test",
         "http://accounts.zoho.eu", "accounts.zoho.eu:443", "127.0.0.1", "accounts.zoho.eu\n", "https://evil。zoho.eu"],
    )  # fmt: skip
    def test_is_never_a_host_of_somebody_else(self, host: str) -> None:
        with pytest.raises(FlowRefused) as refused:
            callback_values(self.ZOHO, {"accounts-server": host})

        assert "provider_error" == refused.value.cause

    def test_must_be_what_the_flow_began_with(self) -> None:
        provider = a_provider(callback={"equals": {"shop": "{shop}.acme.example"}})

        check_equal(provider, {"shop": "ada.acme.example"}, {"shop": "ada"})
        for query in ({}, {"shop": "eve.acme.example"}):
            with pytest.raises(FlowRefused) as refused:
                check_equal(provider, query, {"shop": "ada"})
            assert "wrong_account" == refused.value.cause

    def test_may_have_a_code_with_another_name_and_an_ending(self) -> None:
        provider = a_provider(callback={"code": "spapi_oauth_code", "strip": "#_"})

        assert "abc" == code_in(provider, {"spapi_oauth_code": "abc#_"})

    def test_keeps_its_typed_values_for_the_identity(self) -> None:
        query = {"accounts-server": "https://accounts.zoho.eu", "x": "y"}

        assert {"accounts-server": "https://accounts.zoho.eu"} == captured(self.ZOHO, query)


class TestTheExchange:
    def test_may_be_a_query(self) -> None:
        call = exchanged({"body": "query"})

        assert (b"", "c") == (call.body, sent(call)["code"])
        assert "content-type" not in dict(call.headers)

    def test_may_be_a_get(self) -> None:
        call = exchanged({"method": "GET", "body": "query"})

        assert ("GET", "client-secret-canary") == (call.method, sent(call)["client_secret"])

    def test_renames_what_the_provider_calls_otherwise(self) -> None:
        call = exchanged({"rename": {"client_id": "client_key", "redirect_uri": ""}})

        assert "client-1" == sent(call)["client_key"]
        assert not {"client_id", "redirect_uri"} & sent(call).keys()

    def test_fills_parameters_and_headers(self) -> None:
        section = {"params": {"team": "{team}"}, "headers": {"X-Key": "{clientId}"}}
        call = exchanged(section, team="T1")

        assert ("T1", "client-1") == (sent(call)["team"], dict(call.headers)["x-key"])

    @pytest.mark.parametrize("algorithm", ["HS256", "RS256", "PS256", "ES256"])
    def test_can_be_signed_by_the_client(self, algorithm: str) -> None:
        """RFC 7523; the provider checks it with the public half."""
        made = {"H": OctKey, "R": RSAKey, "P": RSAKey, "E": ECKey}[algorithm[0]]
        key = (
            OctKey.import_key(b"k" * 32)
            if made is OctKey
            else made.generate_key(auto_kid=False)
        )
        pem = b"k" * 32 if made is OctKey else key.as_pem(private=True)
        auth = "client_secret_jwt" if made is OctKey else "private_key_jwt"
        section = {"auth": auth, "assertion": {"algorithm": algorithm, "keyId": "{KEY_ID}"}}

        call = exchanged(
            section, Client(id="client-1", secret=Secret(pem), nonce="n1"), KEY_ID="k1"
        )
        signed = jwt.decode(sent(call)["client_assertion"], key, algorithms=[algorithm])

        assert {
            "iss": "client-1", "sub": "client-1", "aud": URL, "jti": "n1", "iat": NOON, "exp": NOON + 300,
        } == signed.claims  # fmt: skip
        assert "k1" == signed.header["kid"]
        assert "client_secret" not in sent(call)

    def test_says_so_when_the_key_is_none(self) -> None:
        with pytest.raises(FlowRefused, match="not a key for RS256") as refused:
            exchanged({"auth": "private_key_jwt"})

        assert "canary" not in str(refused.value)


class TestTheAnswer:
    def read(self, section: dict, document: object, status: int = 200, **limits: object):
        provider = a_provider(token={"url": URL, **section}, limits=limits)
        return tokens_of(provider, answered(document, status), now=NOON)

    def test_of_a_user_only_slack_install_lies_deeper(self) -> None:
        document = {"ok": True, "authed_user": {"id": "U1", "access_token": "xoxp"}}
        section = {"ok": {"path": "ok"}, "otherwise": "authed_user"}

        assert Secret(b"xoxp") == self.read(section, document).access
        both = {**document, "access_token": "xoxb"}
        assert Secret(b"xoxb") == self.read(section, both).access

    def test_is_a_success_where_the_code_is_nought(self) -> None:
        """TikTok, Coros: a code beside the tokens, 0 for success."""
        section = {
            "ok": {"path": "code", "equals": 0},
            "error": {"path": "code", "detail": "message"},
            "unwrap": "data",
        }

        assert (
            Secret(b"a")
            == self.read(section, {"code": 0, "data": {"access_token": "a"}}).access
        )
        with pytest.raises(ProviderRefused, match="40001"):
            self.read(section, {"code": 40001, "data": {"access_token": "a"}})

    def test_may_have_one_of_several_good_values(self) -> None:
        section = {"ok": {"path": "status", "oneOf": ["ok", "created"]}}

        assert self.read(section, {"status": "created", "access_token": "a"})
        with pytest.raises(ProviderRefused):
            self.read(section, {"status": "BAD_AUTH_CODE", "access_token": "a"})

    @pytest.mark.parametrize(
        "moment", [NOON + 60, str(int(NOON) + 60), (NOON + 60) * 1000, "2026-09-21T14:14:20Z"]
    )
    def test_may_name_the_moment_it_ends(self, moment: object) -> None:
        section = {"fields": {"expiresAt": "expires_at"}}
        document = {"access_token": "a", "expires_at": moment}

        assert NOON + 60 == self.read(section, document).expires_at

    def test_may_leave_the_life_to_us(self) -> None:
        section = {"assumeExpiresIn": 3600}

        assert NOON + 3600 == self.read(section, {"access_token": "a"}).expires_at
        assert self.read(section, {"access_token": "a", "expires_in": 0}).expires_at is None

    def test_says_how_long_the_refresh_token_lives(self) -> None:
        document = {"access_token": "a", "refresh_token": "r", "refresh_expires_in": 90}
        section = {"fields": {"refreshExpiresIn": "refresh_expires_in"}}

        assert NOON + 90 == self.read(section, document).refresh_expires_at

    @pytest.mark.parametrize(
        ("limits", "status", "document"),
        [({"statuses": [420]}, 420, {}), ({"codes": ["TOO_FAST"]}, 400, {"error": "TOO_FAST"})],
    )
    def test_may_say_later_in_its_own_words(self, limits, status, document) -> None:
        with pytest.raises(ProviderBusy):
            self.read({}, document, status, **limits)

    def test_says_how_much_later_in_its_own_header(self) -> None:
        provider = a_provider(limits={"reset": ["x-requests-reset"]})
        answer = answered({}, 429, x_requests_reset=str(int(NOON) + 30))

        with pytest.raises(ProviderBusy) as busy:
            tokens_of(provider, answer, now=NOON)
        assert timedelta(seconds=30) == busy.value.after


class TestAFollowUp:
    META = a_provider(
        token={
            "url": URL,
            "then": [
                {
                    "url": "https://graph.acme.example/access_token",
                    "method": "GET",
                    "body": "query",
                    "param": "fb_exchange_token",
                    "params": {"grant_type": "fb_exchange_token"},
                    "assumeExpiresIn": 5_184_000,
                }
            ],
        }
    )

    def test_trades_a_short_lived_token(self) -> None:
        call = follow_up_call(self.META.token.then[0], CLIENT, Secret(b"short"))

        assert "GET" == call.method
        assert {
            "grant_type": "fb_exchange_token", "fb_exchange_token": "short",
            "client_id": "client-1", "client_secret": "client-secret-canary",
        } == sent(call)  # fmt: skip

    def test_keeps_what_its_answer_does_not_bring(self) -> None:
        short = tokens_of(self.META, granted(refresh_token="r"), now=NOON)
        rule = self.META.token.then[0]

        long = merged(
            short, tokens_in(self.META, rule, answered({"access_token": "l"}), now=NOON)
        )

        assert (Secret(b"l"), Secret(b"r")) == (long.access, long.refresh)
        assert NOON + 5_184_000 == long.expires_at
        assert "T1" == long.said["team"]["id"]


class TestARefresh:
    def test_may_go_elsewhere_in_another_form(self) -> None:
        provider = a_provider(
            token={"url": URL, "body": "json", "unwrap": "data"},
            refresh={"url": f"{URL}/renew", "auth": "basic", "body": "form", "unwrap": ""},
        )

        call = refresh_call(provider, CLIENT, Secret(b"r"))

        assert f"{URL}/renew" == call.url
        assert {"grant_type": "refresh_token", "refresh_token": "r"} == sent(call)
        assert dict(call.headers)["authorization"].startswith("Basic ")
        assert "" == refresh_endpoint(provider).unwrap

    def test_may_trade_the_access_token_itself(self) -> None:
        provider = a_provider(
            refresh={
                "url": "https://graph.acme.example/refresh_access_token",
                "method": "GET", "auth": "none", "body": "query", "uses": "access",
                "rename": {"client_id": ""}, "params": {"grant_type": "ig_refresh_token"}, "minAge": 86400,
            }
        )  # fmt: skip
        tokens = some_tokens(refresh=None, expires_at=NOON + 90000)

        call = refresh_call(provider, CLIENT, tokens.access)

        assert {"grant_type": "ig_refresh_token", "access_token": "access-1"} == sent(call)
        assert NOON + 86400 == refresh_due_at(provider, tokens, 0.5)

    def test_can_carry_its_token_as_bearer(self) -> None:
        call = refresh_call(a_provider(refresh={"auth": "bearer"}), CLIENT, Secret(b"r"))

        assert "Bearer r" == dict(call.headers)["authorization"]


class TestARevocation:
    def revoked(self, **section: object) -> HttpCall:
        provider = a_provider(revoke={"url": f"{URL}/revoke", **section})
        call = revoke_call(provider, CLIENT, some_tokens(), {"accountId": "A7"})
        assert call is not None
        return call

    def test_may_have_the_token_in_its_path(self) -> None:
        call = self.revoked(
            url="https://api.acme.example/refresh-tokens/{token}", method="DELETE", token="refresh",
            param="", auth="none",
        )  # fmt: skip

        assert "https://api.acme.example/refresh-tokens/refresh-1" == call.url

    def test_may_name_the_account(self) -> None:
        """Stripe's deauthorize."""
        call = self.revoked(param="", params={"stripe_user_id": "{accountId}"})

        assert "A7" == sent(call)["stripe_user_id"]

    def test_may_be_a_query(self) -> None:
        assert "access-1" == sent(self.revoked(body="query", method="DELETE"))["token"]


class TestClaims:
    GOOD = {"iss": "https://a.example", "aud": ["client-1"], "exp": NOON + 60, "sub": "7"}

    def test_come_with_the_token_answer(self) -> None:
        payload = base64.urlsafe_b64encode(orjson.dumps(self.GOOD)).rstrip(b"=").decode()
        tokens = tokens_of(a_provider(), granted(id_token=f"e30.{payload}.sig"), now=NOON)

        assert "7" == tokens.claims["sub"]
        assert "id_token" not in tokens.said

    def test_are_believed_when_they_are_for_us_and_fresh(self) -> None:
        check_claims(Claims(issuer="https://a.example"), self.GOOD, "client-1", NOON)

    @pytest.mark.parametrize(
        "changes",
        [{"iss": "https://evil.test"}, {"aud": "client-2"}, {"aud": None}, {"exp": NOON - 120}, {"exp": "soon"}],
    )  # fmt: skip
    def test_are_refused_otherwise(self, changes) -> None:
        with pytest.raises(FlowRefused):
            check_claims(
                Claims(issuer="https://a.example"), {**self.GOOD, **changes}, "client-1", NOON
            )
