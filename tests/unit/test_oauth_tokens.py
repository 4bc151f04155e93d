"""What a token endpoint is sent, and what its answers mean."""

from __future__ import annotations

import base64
from datetime import timedelta
from urllib.parse import parse_qs

import orjson
import pytest

from shared.errors import (
    FlowRefused,
    ProviderBusy,
    ProviderRefused,
    UnknownOutcome,
    WaypostError,
)
from shared.model.calls import HttpCall
from shared.oauth import (
    Client,
    merged,
    payload_of,
    refresh_call,
    refresh_due_at,
    revoke_call,
    token_call,
    tokens_from,
    tokens_of,
)
from shared.secret import Secret
from tests.unit.oauth_builders import (
    CLIENT,
    GITHUB_APP,
    NOON,
    NOTION,
    SLACK,
    a_provider,
    answered,
    granted,
    some_tokens,
)


def exchanged(provider, client=CLIENT, **inputs: str) -> HttpCall:
    return token_call(
        provider,
        client,
        code="the-code",
        redirect_uri="https://way.test/oauth",
        verifier="the-verifier",
        inputs=inputs,
    )


def form(call: HttpCall) -> dict[str, str]:
    return {name: value for name, [value] in parse_qs(call.body.decode()).items()}


def basic(call: HttpCall) -> str:
    scheme, _, pair = dict(call.headers)["authorization"].partition(" ")
    assert "Basic" == scheme
    return base64.b64decode(pair).decode()


class TestTheExchangeCall:
    def test_posts_a_form_with_the_client_in_the_body(self) -> None:
        call = exchanged(a_provider())

        assert "application/x-www-form-urlencoded" == dict(call.headers)["content-type"]
        assert {
            "grant_type": "authorization_code",
            "code": "the-code",
            "redirect_uri": "https://way.test/oauth",
            "code_verifier": "the-verifier",
            "client_id": "client-1",
            "client_secret": "client-secret-canary",
        } == form(call)

    def test_is_never_marked_as_repeatable(self) -> None:
        assert not exchanged(a_provider()).idempotent

    def test_of_notion_is_basic_with_json(self) -> None:
        call = exchanged(NOTION)

        assert "client-1:client-secret-canary" == basic(call)
        assert {
            "grant_type": "authorization_code",
            "code": "the-code",
            "redirect_uri": "https://way.test/oauth",
        } == orjson.loads(call.body)

    def test_form_encodes_both_halves_of_basic(self) -> None:
        """RFC 6749 §2.3.1; a colon in the client id would move the border otherwise."""
        client = Client(id="a:b", secret=Secret("p%w ü".encode()))

        assert "a%3Ab:p%25w+%C3%BC" == basic(exchanged(NOTION, client))

    def test_can_use_the_secret_as_user_name(self) -> None:
        provider = a_provider(token={"url": "https://a.example", "auth": "secret_as_user"})

        assert "client-secret-canary:" == basic(exchanged(provider))

    def test_of_a_public_client_has_the_id_alone(self) -> None:
        provider = a_provider(token={"url": "https://a.example", "auth": "none"})

        fields = form(exchanged(provider, Client(id="client-1")))

        assert "client-1" == fields["client_id"]
        assert "client_secret" not in fields

    def test_says_that_the_secret_is_not_set(self) -> None:
        with pytest.raises(FlowRefused, match="client secret is not set"):
            exchanged(a_provider(), Client(id="client-1"))

    def test_of_a_github_app_leaves_the_redirect_uri_out(self) -> None:
        assert "redirect_uri" not in form(exchanged(GITHUB_APP))

    def test_fills_its_templates(self) -> None:
        provider = a_provider(
            token={"url": "https://{sub}.zendesk.com/t", "params": {"for": "{sub}", "v": "1"}}
        )

        call = exchanged(provider, sub="acme")

        assert "https://acme.zendesk.com/t" == call.url
        assert ("acme", "1") == (form(call)["for"], form(call)["v"])

    def test_prints_neither_code_nor_secret(self) -> None:
        assert "HttpCall(token POST)" == repr(exchanged(a_provider()))


class TestRefreshAndRevoke:
    def test_a_refresh_posts_the_refresh_token(self) -> None:
        call = refresh_call(a_provider(), CLIENT, Secret(b"refresh-1"))

        assert ("refresh", False) == (call.name, call.idempotent)
        assert ("refresh_token", "refresh-1") == (
            form(call)["grant_type"],
            form(call)["refresh_token"],
        )

    def test_a_refresh_may_have_its_own_address(self) -> None:
        provider = a_provider(refresh={"url": "https://a.example/refresh"})

        assert "https://a.example/refresh" == refresh_call(provider, CLIENT, Secret(b"r")).url

    def test_slack_is_told_by_the_token_itself(self) -> None:
        call = revoke_call(SLACK, CLIENT, some_tokens())

        assert call is not None
        assert "Bearer access-1" == dict(call.headers)["authorization"]
        assert b"" == call.body

    def test_github_deletes_one_token_not_the_grant(self) -> None:
        call = revoke_call(GITHUB_APP, CLIENT, some_tokens())

        assert call is not None
        assert ("DELETE", "https://api.github.com/applications/client-1/token") == (
            call.method,
            call.url,
        )
        assert {"access_token": "access-1"} == orjson.loads(call.body)

    def test_there_is_no_call_where_the_definition_has_none(self) -> None:
        refresh_only = a_provider(revoke={"url": "https://a.example", "token": "refresh"})

        assert revoke_call(a_provider(revoke=None), CLIENT, some_tokens()) is None
        assert revoke_call(refresh_only, CLIENT, some_tokens(refresh=None)) is None


class TestSuccess:
    def test_is_a_token_with_its_life_and_scopes(self) -> None:
        answer = granted(refresh_token="refresh-1", expires_in=3600)

        tokens = tokens_of(a_provider(), answer, now=NOON)

        assert Secret(b"access-1") == tokens.access
        assert Secret(b"refresh-1") == tokens.refresh
        assert NOON + 3600 == tokens.expires_at
        assert ("read", "write") == tokens.scopes

    def test_may_be_form_encoded_whatever_the_content_type(self) -> None:
        answer = answered(b"access_token=gho_1&scope=repo%2Cgist&token_type=bearer")

        tokens = tokens_of(a_provider(), answer, now=NOON)

        assert Secret(b"gho_1") == tokens.access
        assert ("repo", "gist") == tokens.scopes

    def test_may_lie_deeper(self) -> None:
        """A user-only installation of Slack has its token below authed_user."""
        provider = a_provider(
            token={"url": "https://a.example", "ok": {"path": "ok"}, "unwrap": "authed_user"}
        )
        answer = answered({"ok": True, "authed_user": {"access_token": "xoxp", "scope": "a,b"}})

        assert Secret(b"xoxp") == tokens_of(provider, answer, now=NOON).access

    @pytest.mark.parametrize("given", [None, "", "soon", -1, True, [], {}, "1e9", 1e30])
    def test_tolerates_junk_for_a_lifetime(self, given) -> None:
        provider = a_provider(token={"url": "https://a.example", "assumeExpiresIn": 60})

        assert tokens_of(a_provider(), granted(expires_in=given), now=NOON).expires_at is None
        assert NOON + 60 == tokens_of(provider, granted(expires_in=given), now=NOON).expires_at

    @pytest.mark.parametrize("given", [0, "0", 0.0])
    def test_takes_zero_for_never(self, given) -> None:
        provider = a_provider(token={"url": "https://a.example", "assumeExpiresIn": 60})

        assert tokens_of(provider, granted(expires_in=given), now=NOON).expires_at is None

    def test_keeps_the_answer_without_its_secrets(self) -> None:
        answer = granted(
            refresh_token="canary",
            id_token="canary",
            authed_user={"access_token": "canary", "id": "U1"},
        )

        said = tokens_of(a_provider(), answer, now=NOON).said

        assert {
            "team": {"id": "T1"},
            "scope": "read write",
            "authed_user": {"id": "U1"},
        } == said


class TestRefusal:
    @pytest.mark.parametrize(
        ("provider", "answer", "code"),
        [
            (SLACK, answered({"ok": False, "error": "invalid_code"}), "invalid_code"),
            (SLACK, answered({"ok": False}), "http_200"),
            (SLACK, answered({"access_token": "x"}), "http_200"),
            (GITHUB_APP, answered(b"error=bad_verification_code"), "bad_verification_code"),
            (a_provider(), answered({"error": "invalid_grant"}, 400), "invalid_grant"),
            (a_provider(), answered({"error": "invalid_client"}, 401), "invalid_client"),
            (a_provider(), answered({"error": {"type": "OAuthException", "code": 100}}, 400), "OAuthException"),
            (a_provider(), answered(b"<html>", 404), "http_404"),
            (a_provider(), answered(b"", 400), "http_400"),
            (a_provider(), answered(b"<html>"), "unreadable"),
            (a_provider(), answered(b"{" * 10), "unreadable"),
            (a_provider(), answered(b"[" * 900 + b"]" * 900), "unreadable"),
            (a_provider(), answered([1] * 30_000), "unreadable"),
            (a_provider(), answered(b'{"a":"' + b"x" * (1 << 18) + b'"}'), "unreadable"),
            (a_provider(), answered(b"a&" * 500), "unreadable"),
            (a_provider(), answered(b"\xff\xfe"), "unreadable"),
            (a_provider(), answered({}), "no_access_token"),
            (a_provider(), answered([]), "no_access_token"),
            (a_provider(), answered(b""), "no_access_token"),
            (a_provider(), answered({"access_token": ""}), "no_access_token"),
            (a_provider(), answered({"access_token": None}), "no_access_token"),
            (a_provider(), answered({"access_token": ["x"]}), "no_access_token"),
            (a_provider(), answered({"access_token": "a\r\nx-evil: 1"}), "malformed_token"),
            (a_provider(), answered({"access_token": "a\x00"}), "malformed_token"),
            (a_provider(), answered({"access_token": "é"}), "malformed_token"),
            (a_provider(), answered({"access_token": "a" * 20_000}), "malformed_token"),
            (a_provider(), answered({"access_token": "a", "refresh_token": "b\n"}), "malformed_token"),
            (a_provider(), answered({"error": "<script>\r\n"}, 400), "unknown_error"),
            (a_provider(), answered({}, 307, location="https://evil.example"), "redirected"),
        ],
    )  # fmt: skip
    def test_has_the_code_of_the_provider_or_ours(self, provider, answer, code: str) -> None:
        with pytest.raises(ProviderRefused) as refused:
            tokens_of(provider, answer, now=NOON)

        assert code == refused.value.code

    def test_never_quotes_what_could_be_a_secret(self) -> None:
        description = "bad code 4/0AX4XfWhCanaryCanaryCanary sent\r\nlater"
        answer = answered({"error": "invalid_grant", "error_description": description}, 400)

        with pytest.raises(ProviderRefused) as refused:
            tokens_of(a_provider(), answer, now=NOON)

        assert "the provider refused: invalid_grant (bad code … sent…later)" == str(
            refused.value
        )


class TestRetrying:
    @pytest.mark.parametrize(
        ("answer", "after"),
        [
            (answered({}, 429), None),
            (answered({}, 429, retry_after="30"), 30),
            (answered(b"<html>", 503, retry_after="2"), 2),
            (answered({"ok": False, "error": "ratelimited"}), None),
        ],
    )
    def test_is_safe_where_nothing_was_processed(self, answer, after) -> None:
        with pytest.raises(ProviderBusy) as busy:
            tokens_of(SLACK, answer, now=NOON)

        assert (timedelta(seconds=after) if after else None) == busy.value.after

    @pytest.mark.parametrize("status", [500, 502, 503, 504, 408, 599])
    def test_is_not_where_it_may_have_been(self, status: int) -> None:
        with pytest.raises(UnknownOutcome):
            tokens_of(a_provider(), answered({"error": "x"}, status), now=NOON)

    @pytest.mark.parametrize(
        "status", [*range(200, 210), 301, 400, 401, 403, 404, 429, 500, 503]
    )
    @pytest.mark.parametrize(
        "body", [b"", b"{", b"{}", b"null", b"[[[", b'"x"', b"a=b", b"\x00", b'{"error":[1]}']
    )
    def test_nothing_else_is_ever_raised(self, status: int, body: bytes) -> None:
        with pytest.raises(WaypostError):
            tokens_of(a_provider(), answered(body, status), now=NOON)


class TestStoredTokens:
    def test_survive_their_state(self) -> None:
        tokens = some_tokens(scopes=("a",))

        assert tokens == tokens_from(payload_of(tokens))
        assert {"accessToken": "x", "obtainedAt": NOON} == payload_of(
            some_tokens(access=Secret(b"x"), refresh=None, expires_at=None)
        )

    def test_keep_the_refresh_token_that_an_answer_leaves_out(self) -> None:
        old = some_tokens(scopes=("a",))
        new = some_tokens(access=Secret(b"access-2"), refresh=None)

        kept = merged(old, new)

        assert Secret(b"refresh-1") == kept.refresh
        assert Secret(b"access-2") == kept.access
        assert ("a",) == kept.scopes

    def test_are_due_at_four_fifths_of_their_life(self) -> None:
        provider = a_provider()

        assert NOON + 2880 == refresh_due_at(provider, some_tokens(), 0.5)
        assert NOON + 150 == refresh_due_at(provider, some_tokens(expires_at=NOON + 300), 0.5)
        assert NOON + 900 == refresh_due_at(
            provider, some_tokens(refresh_expires_at=NOON + 1200), 0.5
        )
        assert NOON + 2880 == refresh_due_at(
            provider, some_tokens(refresh_expires_at=NOON + 90_000), 0.5
        )
        assert refresh_due_at(provider, some_tokens(refresh=None), 0.5) is None
        assert refresh_due_at(provider, some_tokens(expires_at=None), 0.5) is None

    def test_print_nothing(self) -> None:
        assert "access-1" not in repr(some_tokens())
