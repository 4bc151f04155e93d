"""Rules of `oauth`, `inputs` and placeholders: each refusal names the field and the fix."""

from __future__ import annotations

from typing import Any

import pytest

from shared.integrations.definition import decode
from tests.integrations.definition_builders import a_document, refusal

HOST = {"type": "host", "suffixes": ["acme.example"]}
CALL = {"url": "https://acme.example/me"}


class TestInputs:
    @pytest.mark.parametrize(
        ("rule", "field", "words"),
        [
            ({"type": "enum"}, "choices", "is missing"),
            ({"choices": ["a"]}, "type", "is no enum"),
            ({"type": "host", "suffixes": ["co.uk"]}, "suffixes[0]", "anybody can have a name"),
            ({"type": "host", "suffixes": ["com"]}, "suffixes[0]", "is no domain"),
            ({"type": "host", "suffixes": ["https://a.example"]}, "suffixes[0]", "no domain"),
            ({"pattern": "("}, "pattern", "no regular expression"),
            ({"pattern": "a" * 201}, "pattern", "too long"),
            ({"type": "digits", "default": "x"}, "default", "does not fit"),
        ],
    )
    def test_must_be_able_to_hold(self, rule: dict[str, Any], field: str, words: str) -> None:
        refused = refusal(a_document(inputs__site=rule))

        assert f"inputs.site.{field}" == refused.field
        assert words in refused.problem
        assert refused.fix

    @pytest.mark.parametrize("name", ["clientId", "token", "1st", "a b"])
    def test_have_names_that_templates_can_use(self, name: str) -> None:
        assert f"inputs.{name}" == refusal(a_document(**{f"inputs__{name}": {}})).field


class TestTheHostOfAnAddress:
    @pytest.mark.parametrize(
        ("url", "rule"),
        [
            ("https://{x}.acme.example/a", {"type": "dns_label"}),
            ("https://{x}.acme.example/a", {}),
            ("https://api.{x}.acme.example/a", {}),
            ("https://accounts.acme.{x}/a", {"type": "enum", "choices": ["com", "co.uk"]}),
            ("https://{x}/a", HOST),
            ("https://{x}/a", {**HOST, "type": "url"}),
            ("https://{x}/a", {"type": "enum", "choices": ["eu.acme.example"]}),
        ],
    )
    def test_may_hold_what_the_definition_confines(
        self, url: str, rule: dict[str, Any]
    ) -> None:
        assert decode(a_document(inputs__x=rule, oauth__token__url=url))

    @pytest.mark.parametrize(
        ("url", "rule", "fix"),
        [
            ("https://{x}/a", {}, 'type = "host" and suffixes'),
            ("https://{x}.example/a", {"type": "dns_label"}, "a fixed domain"),
            ("https://{x}.co.uk/a", {"type": "dns_label"}, "a fixed domain"),
            ("https://{x}acme.example.org/a", {"type": "dns_label"}, "a fixed domain"),
            ("https://acme.{x}/a", {"type": "dns_label"}, "enum"),
            ("https://{x}/a", {"type": "host"}, "suffixes"),
        ],
    )
    def test_may_not_be_chosen_by_whoever_fills_it(
        self, url: str, rule: dict[str, Any], fix: str
    ) -> None:
        refused = refusal(a_document(inputs__x=rule, oauth__token__url=url))

        assert "oauth.token.url" == refused.field
        assert fix in refused.fix

    def test_may_be_any_host_where_the_client_secret_comes_from_the_same_person(self) -> None:
        """Somebody's own server, GitLab for one: this server's secret never goes there."""
        own = {
            "client": {
                "id": {"from": "configuration", "name": "site"},
                "secret": {"from": "configuration", "name": "token"},
            },
            "token": {"url": "https://{site}/oauth/token"},
        }

        assert decode(a_document(configurations__manual__oauth=own))
        own["client"]["secret"] = {"from": "global", "name": "CLIENT_SECRET"}
        refused = refusal(a_document(configurations__manual__oauth=own))
        assert "this server's client secret" in refused.problem


class TestWhatATemplateMayName:
    def test_grows_with_what_is_known(self) -> None:
        """Early calls know little; the host that the token answer named is known to the identity call."""
        facts = {"api": {"path": "api_domain", "type": "host", "suffixes": ["acme.example"]}}
        document = a_document(
            oauth__identity__facts=facts,
            oauth__identity__call={"url": "https://{api}/me"},
            oauth__revoke={"url": "https://{api}/revoke/{token}"},
        )

        assert decode(document)
        document["oauth"]["token"]["params"] = {"where": "{api}"}
        assert "oauth.token.params.where" == refusal(document).field

    def test_a_fact_from_the_call_comes_too_late_for_the_call(self) -> None:
        facts = {"dc": {"from": "call", "path": "dc"}}
        call = {"url": "https://{dc}.acme.example/me"}
        document = a_document(oauth__identity__facts=facts, oauth__identity__call=call)

        assert "oauth.identity.call.url" == refusal(document).field

    def test_values_of_the_callback_reach_the_token_endpoint(self) -> None:
        """Zoho says in the callback which of its hosts has the account."""
        document = a_document(
            oauth__callback__inputs={"accounts-server": HOST},
            oauth__token__url="https://{accounts-server}/oauth/v2/token",
        )

        assert decode(document)
        document["oauth"]["authorize"]["url"] = "https://{accounts-server}/oauth/v2/auth"
        assert "oauth.authorize.url" == refusal(document).field

    def test_headers_are_templates_too(self) -> None:
        assert (
            "oauth.token.headers.x-key"
            == refusal(a_document(oauth__token__headers={"x-key": "{nope}"})).field
        )


class TestSections:
    @pytest.mark.parametrize(
        ("changes", "field", "fix"),
        [
            (
                {"oauth__authorize__rename": {"state": ""}},
                "oauth.authorize.rename.state",
                "leave it",
            ),
            (
                {"oauth__authorize__scopes__optional": ["raed"]},
                "oauth.authorize.scopes.optional",
                "did you mean read?",
            ),
            ({"oauth__callback__mac": "slack"}, "oauth.callback.mac", "shopify-callback"),
            ({"oauth__client__secret": None}, "oauth.token.auth", 'auth = "none"'),
            ({"oauth__token__method": "GET"}, "oauth.token.body", 'body = "query"'),
            ({"oauth__refresh": {"method": "GET"}}, "oauth.refresh.body", 'body = "query"'),
            (
                {"oauth__revoke": {"url": "https://a.example", "method": "GET"}},
                "oauth.revoke.body",
                "query",
            ),
            (
                {"oauth__token__then": [{"url": "https://acme.example/x", "method": "GET"}]},
                "oauth.token.then[0].body",
                'body = "query"',
            ),
            (
                {"oauth__token__then": [{"url": "https://{nope}.acme.example/x"}]},
                "oauth.token.then[0].url",
                "known here",
            ),
            (
                {"oauth__token__error": {"means": {"X": "expired"}}},
                "oauth.token.error.means.X",
                "did you mean link_expired?",
            ),
            (
                {"oauth__token__auth": "client_secret_jwt"},
                "oauth.token.assertion.algorithm",
                "HS256",
            ),
            (
                {"oauth__identity__externalId": {"from": "choice", "path": "id"}},
                "oauth.identity.choose",
                "the list to choose from",
            ),
            (
                {"oauth__identity__choose": {"items": "sites"}},
                "oauth.identity.choose.url",
                "the address of the list",
            ),
            (
                {"oauth__identity__choose": {"from": "call"}},
                "oauth.identity.call",
                "the address to ask",
            ),
            (
                {"oauth__identity__externalId": {"path": "id", "pattern": "/id/.+"}},
                "oauth.identity.externalId.pattern",
                "parentheses",
            ),
            (
                {"oauth__identity__facts": {"api": {"path": "x", "type": "host"}}},
                "oauth.identity.facts.api.suffixes",
                "list the domains",
            ),
            (
                {"oauth__identity__facts": {"accountId": {"path": "x"}}},
                "oauth.identity.facts.accountId",
                "another name",
            ),
            (
                {"oauth__identity__externalId": {"from": "input", "path": "shop"}},
                "oauth.identity.externalId.from",
                "the provider's answer",
            ),
        ],
    )
    def test_say_what_is_wrong(self, changes: dict[str, Any], field: str, fix: str) -> None:
        refused = refusal(a_document(**changes))

        assert field == refused.field
        assert fix in refused.fix

    def test_an_input_is_an_identity_where_the_token_comes_from_its_host(self) -> None:
        document = a_document(
            inputs__shop={"type": "dns_label"},
            oauth__token__url="https://{shop}.acme.example/token",
            oauth__identity__externalId={"from": "input", "path": "shop"},
        )

        assert decode(document)

    def test_a_signed_callback_needs_no_further_proof(self) -> None:
        """Shopify signs the whole query with the client secret."""
        document = a_document(
            oauth__callback={"capture": ["shop"], "mac": "shopify-callback"},
            oauth__identity__externalId={"from": "callback", "path": "shop"},
        )

        assert decode(document)
