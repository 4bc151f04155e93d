"""The way out to the provider and the way back."""

from __future__ import annotations

from urllib.parse import parse_qs, urlsplit

import msgspec
import pytest

from shared.errors import FlowRefused
from shared.model.flows import CAUSES
from shared.oauth import (
    OAuthProvider,
    authorize_url,
    callback_cause,
    captured,
    challenge_of,
    check_issuer,
    checked_inputs,
    new_verifier,
    return_to_allowed,
    words_of,
)
from shared.oauth.section import InputRule
from shared.oauth.templates import filled_url
from tests.unit.oauth_builders import GITHUB_APP, LINEAR, SLACK, a_provider


def asked(provider: OAuthProvider, **changes) -> dict[str, str]:
    usual = {
        "client_id": "client-1",
        "redirect_uri": "https://way.test/oauth",
        "oauth_state": "s1",
        "challenge": "c1",
        "inputs": {"APP_SLUG": "my-app"},
    }
    query = urlsplit(authorize_url(provider, **{**usual, **changes})).query
    return {name: value for name, [value] in parse_qs(query).items()}


class TestTheAuthorizationAddress:
    def test_carries_the_parameters_of_rfc_6749_and_an_s256_challenge(self) -> None:
        expected = {
            "response_type": "code",
            "client_id": "client-1",
            "redirect_uri": "https://way.test/oauth",
            "scope": "read write",
            "state": "s1",
            "code_challenge": "c1",
            "code_challenge_method": "S256",
        }

        assert expected == asked(a_provider())

    def test_encodes_a_space_as_percent_20(self) -> None:
        """Some servers read the plus sign of forms as a plus sign."""
        url = authorize_url(
            a_provider(), client_id="c", redirect_uri="r", oauth_state="s", challenge="x"
        )

        assert "scope=read%20write" in url

    def test_joins_slack_scopes_by_commas_and_has_no_challenge(self) -> None:
        query = asked(SLACK)

        assert "chat:write,users:read" == query["scope"]
        assert "search:read" == query["user_scope"]
        assert "code_challenge" not in query

    def test_of_a_github_app_is_its_install_page_with_nothing_but_the_state(self) -> None:
        url = authorize_url(
            GITHUB_APP,
            client_id="c",
            redirect_uri="r",
            oauth_state="s1",
            challenge="",
            inputs={"APP_SLUG": "my-app"},
        )

        assert "https://github.com/apps/my-app/installations/new?state=s1" == url

    def test_adds_the_extra_parameters_of_the_definition(self) -> None:
        query = asked(LINEAR)

        assert ("app", "consent") == (query["actor"], query["prompt"])

    def test_extra_parameters_never_replace_ours(self) -> None:
        section = {"url": "https://a.example/x?state=theirs&keep=1", "params": {"state": "p"}}

        query = asked(a_provider(authorize=section))

        assert ("s1", "1") == (query["state"], query["keep"])

    def test_renames_parameters(self) -> None:
        section = {
            "url": "https://a.example/x",
            "rename": {"client_id": "client_key", "response_type": ""},
        }

        query = asked(a_provider(authorize=section))

        assert "client-1" == query["client_key"]
        assert not {"client_id", "response_type"} & set(query)

    def test_is_refused_without_a_challenge_where_pkce_is_on(self) -> None:
        with pytest.raises(FlowRefused, match="PKCE"):
            asked(a_provider(), challenge="")

    def test_names_a_value_that_is_not_set(self) -> None:
        with pytest.raises(FlowRefused, match="APP_SLUG is not set") as refused:
            asked(GITHUB_APP, inputs={})

        assert "misconfigured" == refused.value.cause


class TestPkce:
    def test_gives_the_challenge_of_rfc_7636_appendix_b(self) -> None:
        octets = bytes(
            [116, 24, 223, 180, 151, 153, 224, 37, 79, 250, 96, 125, 216, 173, 187, 186,
             22, 212, 37, 77, 105, 214, 191, 240, 91, 88, 5, 88, 83, 132, 141, 121]
        )  # fmt: skip

        verifier = new_verifier(octets)

        assert "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk" == verifier
        assert "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM" == challenge_of(verifier)

    def test_refuses_too_little_chance(self) -> None:
        with pytest.raises(ValueError, match="32 random bytes"):
            new_verifier(bytes(31))


class TestTemplates:
    @pytest.mark.parametrize(
        "value",
        ["evil.test/", "evil.test#", "evil.test?x=", "a@evil.test:443/", "127.0.0.1:6379/", "[::1]/",
         "evil。test/", "a\nb", "ab\n", "ＡＢ", "UPPER", "-a", "a-", "a" * 64, "a.b", "..", "%2e"],
    )  # fmt: skip
    def test_a_host_takes_one_label_and_nothing_else(self, value: str) -> None:
        with pytest.raises(FlowRefused) as refused:
            filled_url("https://{sub}.zendesk.com/oauth/tokens", {"sub": value})

        assert "invalid_input" == refused.value.cause

    @pytest.mark.parametrize("value", ["..", ".", "a\r\nb"])
    def test_a_path_takes_no_way_up(self, value: str) -> None:
        with pytest.raises(FlowRefused):
            filled_url("https://a.example/x/{id}/y", {"id": value})

    def test_a_path_takes_anything_else_encoded(self) -> None:
        url = filled_url("https://a.example/x/{id}/y", {"id": "../?#&/é"})

        assert "https://a.example/x/..%2F%3F%23%26%2F%C3%A9/y" == url

    def test_inputs_are_checked_by_their_type(self) -> None:
        rules = {
            "shop": InputRule(type="dns_label", title="Shop"),
            "region": InputRule(type="enum", choices=("eu", "us")),
            "note": InputRule(optional=True),
        }

        assert {"shop": "acme", "region": "eu", "note": ""} == checked_inputs(
            rules, {"shop": "acme", "region": "eu", "other": "x"}
        )
        with pytest.raises(FlowRefused, match="Shop: lower-case letters"):
            checked_inputs(rules, {"shop": "acme.evil", "region": "eu"})
        with pytest.raises(FlowRefused, match="region: one of eu, us"):
            checked_inputs(rules, {"shop": "acme"})


class TestTheCallback:
    @pytest.mark.parametrize(
        ("query", "cause"),
        [
            ({"code": "c"}, None),
            ({"error": "access_denied"}, "cancelled"),
            ({"error": "access_denied", "code": "c"}, "cancelled"),
            ({"error": "redirect_uri_mismatch"}, "redirect_mismatch"),
            ({"error": "invalid_scope"}, "misconfigured"),
            ({"error": "temporarily_unavailable"}, "provider_busy"),
            ({"error": "<script>alert(1)</script>"}, "provider_error"),
            ({"error": ""}, "provider_error"),
            ({}, "provider_error"),
            ({"code": ""}, "provider_error"),
            ({"setup_action": "request"}, "admin_approval"),
            ({"setup_action": "install", "code": "c"}, None),
        ],
    )
    def test_has_a_cause_from_the_allow_list(self, query, cause) -> None:
        assert cause == callback_cause(query)
        assert cause is None or cause in CAUSES

    def test_words_of_the_provider_are_one_short_line(self) -> None:
        words = words_of({"error_description": "no\r\n\x00way\u202e " + "x" * 10_000})

        assert words.startswith("no way ")
        assert 300 >= len(words)

    @pytest.mark.parametrize(
        "query", [{}, {"iss": "https://evil.example"}, {"iss": "https://a.example/"}]
    )
    def test_of_another_issuer_is_refused_where_one_is_declared(self, query) -> None:
        provider = a_provider(
            authorize={"url": "https://a.example/x", "issuer": "https://a.example"}
        )

        with pytest.raises(FlowRefused):
            check_issuer(provider, query)
        check_issuer(provider, {"iss": "https://a.example"})

    def test_without_an_issuer_is_let_in_where_it_need_not_name_one(self) -> None:
        """A provider that sends `iss` without promising it: what it sends must still be true."""
        url, issuer = "https://a.example/x", "https://a.example"
        provider = a_provider(authorize={"url": url, "issuer": issuer, "issuerRequired": False})

        check_issuer(provider, {"code": "c"})
        check_issuer(provider, {"iss": issuer})
        for other in ("", "https://a.example/", "https://evil.example"):
            with pytest.raises(FlowRefused):
                check_issuer(provider, {"iss": other})

    def test_captures_only_what_is_declared(self) -> None:
        query = {"code": "c", "installation_id": "7", "other": "x", "setup_action": "y" * 5000}

        assert {"installation_id": "7"} == captured(GITHUB_APP, query)


class TestReturnTo:
    ORIGINS = ("https://ok.test", "http://localhost:3000")

    @pytest.mark.parametrize(
        "return_to",
        ["/", "/done", "/done?next=//x#y", "https://ok.test", "https://ok.test/", "https://ok.test/a?b=c",
         "https://ok.test:443/a", "https://OK.test/", "http://localhost:3000/x"],
    )  # fmt: skip
    def test_allows_paths_and_declared_origins(self, return_to: str) -> None:
        assert return_to_allowed(return_to, self.ORIGINS)

    @pytest.mark.parametrize(
        "return_to",
        ["", "done", "//evil.test", "///evil.test", "/\\evil.test", "\\\\evil.test", "/a//evil.test", "https:evil.test",
         "https:/ok.test", "https:///evil.test", "https://ok.test@evil.test", "https://user@ok.test/",
         "https://ok.test.evil.test", "https://ok.test:444/", "http://ok.test/", "https://evil.test/https://ok.test",
         "/%0d%0aset-cookie:x", "/%0D%0A", "/%00", "/a\r\nb", "/\tb", " /done", "/done ", "javascript:alert(1)",
         "data:text/html,x", "ftp://ok.test/", "https://оk.test/", "https://ok。test/", "https://ok.test\\@evil.test",
         "https://[::1", "https://ok.test:port/", "/%5cevil.test", "https://", "/" + "a" * 3000],
    )  # fmt: skip
    def test_refuses_everything_else(self, return_to: str) -> None:
        assert not return_to_allowed(return_to, self.ORIGINS)

    def test_refuses_all_origins_when_none_is_declared(self) -> None:
        assert not return_to_allowed("https://ok.test/", ())
        assert return_to_allowed("/done", ())


class TestTheRecord:
    def test_refuses_a_field_that_does_not_exist(self) -> None:
        with pytest.raises(msgspec.ValidationError, match="ruls"):
            a_provider(token={"url": "https://a.example", "ruls": 1})

    def test_survives_the_way_through_json(self) -> None:
        for provider in (SLACK, GITHUB_APP, LINEAR):
            document = msgspec.to_builtins(provider)

            assert provider == msgspec.convert(document, OAuthProvider)
