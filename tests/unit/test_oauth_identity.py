"""Who has connected, and what is not believed."""

from __future__ import annotations

import pytest

from shared.errors import FlowRefused, ProviderBusy
from shared.model.installations import Account
from shared.oauth import OAuthProvider, Sources, Tokens, account_of, tokens_of
from shared.oauth.identity import member_in, missing_scopes
from shared.oauth.usercalls import next_page, reading_of, user_call
from tests.unit.oauth_builders import (
    GITHUB_APP,
    LINEAR,
    NOON,
    SLACK,
    a_provider,
    answered,
    granted,
)


def said(**document) -> Tokens:
    return tokens_of(a_provider(), granted(**document), now=NOON)


def account(provider: OAuthProvider, tokens: Tokens, call=None) -> Account:
    return account_of(provider, tokens, Sources(token=tokens.said, call=call or {}))


class TestTheIdentifier:
    def test_comes_from_the_token_answer(self) -> None:
        found = account(SLACK, said(team={"id": "T7", "name": "Acme"}))

        assert ("T7", "Acme") == (found.id, found.name)

    def test_of_an_organisation_stands_elsewhere(self) -> None:
        tokens = said(team=None, enterprise={"id": "E7", "name": "Org"})

        found = account(SLACK, tokens)

        assert ("E7", "Org") == (found.id, found.name)

    def test_comes_from_graphql_with_the_users_token(self) -> None:
        rule = LINEAR.identity.call
        assert rule is not None
        call = user_call("identity", rule, rule.url, said(), {})
        document = {"data": {"organization": {"id": "org-1", "name": "Acme"}}}

        assert "Bearer access-1" == dict(call.headers)["authorization"]
        assert b'{"query":"{ organization { id name } }"}' == call.body
        assert "org-1" == account(LINEAR, said(), document).id

    def test_may_be_a_number(self) -> None:
        assert "42" == account(SLACK, said(team={"id": 42})).id

    @pytest.mark.parametrize("id", [None, "", True, [], "a\nb", "x" * 201])
    def test_is_never_guessed(self, id) -> None:
        with pytest.raises(FlowRefused) as refused:
            account(SLACK, said(team={"id": id}))

        assert "provider_error" == refused.value.cause

    def test_is_missing_when_graphql_answers_errors(self) -> None:
        document = {"errors": [{"message": "no"}], "data": None}

        with pytest.raises(FlowRefused):
            account(LINEAR, said(), document)


class TestTheUsersOwnList:
    RULE = GITHUB_APP.identity.verify
    PAGE = {"installations": [{"id": 7, "account": {"login": "acme"}}, {"id": None}, "x"]}

    def test_finds_what_is_in_it(self) -> None:
        assert self.RULE is not None
        assert "acme" == member_in(self.RULE, self.PAGE, "7")

    @pytest.mark.parametrize("identifier", ["8", "", "None", "7.0"])
    def test_finds_nothing_else(self, identifier: str) -> None:
        assert self.RULE is not None
        assert member_in(self.RULE, self.PAGE, identifier) is None
        assert member_in(self.RULE, {"installations": None}, identifier) is None

    def test_goes_on_to_the_next_page_on_the_same_host_only(self) -> None:
        here = "https://api.github.com/user/installations"
        own = answered({}, link=f'<{here}?page=1>; rel="prev", <{here}?page=3>; rel="next"')
        strange = answered({}, link='<https://evil.example/?page=2>; rel="next"')

        assert f"{here}?page=3" == next_page(here, own)
        assert "" == next_page(here, strange)
        assert "" == next_page(here, answered({}))

    @pytest.mark.parametrize("to", ["http://[", "//[::x]/", "https://api.github.com:x/"])
    def test_goes_nowhere_where_the_next_page_has_no_address(self, to: str) -> None:
        answer = answered({}, link=f'<{to}>; rel="next"')

        assert "" == next_page("https://api.github.com/user/installations", answer)


class TestReading:
    @pytest.mark.parametrize(
        "answer",
        [
            answered({}, 429),
            answered({}, 500),
            answered({}, 403, retry_after="5"),
            answered({}, 403, x_ratelimit_remaining="0"),
            answered({}, 400, x_ratelimit_requests_remaining="0"),
            answered({"errors": [{"extensions": {"code": "RATELIMITED"}}]}),
        ],
    )
    def test_is_tried_again_where_the_provider_is_busy(self, answer) -> None:
        with pytest.raises(ProviderBusy):
            reading_of(answer, NOON)

    @pytest.mark.parametrize("status", [301, 400, 401, 403, 404])
    def test_ends_the_flow_where_it_says_no(self, status: int) -> None:
        with pytest.raises(FlowRefused):
            reading_of(answered({}, status), NOON)


class TestScopes:
    def test_that_were_not_granted_are_told(self) -> None:
        found = account(a_provider(), said(scope="read"))

        assert ("read",) == found.scopes
        assert ("write",) == found.missing_scopes

    def test_are_all_granted_when_the_answer_is_silent(self) -> None:
        found = account(a_provider(), said(scope=None))

        assert ((), ("read", "write")) == (found.missing_scopes, found.scopes)

    def test_may_be_covered_by_wider_ones(self) -> None:
        assert () == missing_scopes(["read:org"], ["admin:org"], {"admin:org": ["read:org"]})


class TestFacts:
    PROVIDER = a_provider(
        identity={
            "externalId": {"path": "team.id"},
            "facts": {
                "api": {"path": "instance_url", "type": "host", "suffixes": [".force.com"]}
            },
        }
    )

    def test_keep_an_allowed_host(self) -> None:
        tokens = said(instance_url="https://Acme.my.force.com/")

        assert {"api": "acme.my.force.com"} == account(self.PROVIDER, tokens).facts

    @pytest.mark.parametrize(
        "host",
        ["http://127.0.0.1", "https://evil.test", "https://evilforce.com", "http://a.force.com",
         "https://a.force.com@evil.test", "https://a.force.com\\@evil.test/",
         "https://evil.test/.force.com", "force.com.evil"],
    )  # fmt: skip
    def test_refuse_any_other(self, host: str) -> None:
        with pytest.raises(FlowRefused, match="host"):
            account(self.PROVIDER, said(instance_url=host))
