"""
Every integration that comes with Waypost, against its provider as recorded in `fixtures/NAME/conformance.toml`.

The folders are found, not listed: a new one is under test the moment it is there, and fails until it has fixtures.
"""

from __future__ import annotations

from pathlib import Path
from urllib.parse import parse_qsl, urlsplit

import pytest

from shared.errors import FlowRefused, ProviderRefused
from shared.integrations.configurations import provider_of, schemes_in
from shared.integrations.definition import compile_scripts
from shared.oauth import (
    OAuthProvider,
    authorize_url,
    captured,
    challenge_of,
    check_issuer,
    refresh_call,
    refresh_endpoint,
    revoke_call,
    tokens_of,
)
from shared.oauth.clientcalls import follow_up_call
from shared.oauth.lifetimes import renewable
from shared.oauth.tokens import tokens_in
from shared.steps.effects import perform
from shared.steps.identify import Who, identified
from shared.vrl.pool import VrlPool
from tests.integrations.conformance import (
    FOLDERS,
    NOON,
    OAuthCase,
    by_click,
    definition_of,
    everyone,
    folders_in,
    one_loop,
    recorded,
)
from tests.integrations.conformance_steps import (
    CALLBACK,
    CLIENT,
    VERIFIER,
    Asked,
    address_of,
    answered,
    credentials,
    exchange_of,
    expectation,
    fields_in,
    granted,
    in_brief,
)


def oauth_of(name: str) -> tuple[OAuthProvider, OAuthCase]:
    """The definition's OAuth and the provider's own."""
    case, provider = recorded(name).oauth, definition_of(name).oauth
    assert case is not None
    assert provider is not None
    return provider, case


def issuers_of(name: str) -> set[str]:
    """The issuers that its ways to connect by a click declare."""
    definition = definition_of(name)
    ways = (None, *definition.configurations)
    providers = [provider_of(definition, way) for way in ways]
    return {one.authorize.issuer for one in providers if one is not None}


class TestFolder:
    def test_a_new_one_is_found_and_fails_until_it_has_fixtures(self, tmp_path: Path) -> None:
        (tmp_path / "new").mkdir()
        (tmp_path / "new" / "definition.toml").write_text("")

        assert {"new": tmp_path / "new"} == folders_in(tmp_path)
        with pytest.raises(FileNotFoundError):
            recorded("new")

    @everyone
    def test_it_has_recorded_fixtures(self, name: str) -> None:
        """At least one request, and a reason for whatever is left out."""
        definition, case = definition_of(name), recorded(name)

        assert name == definition.name
        assert case.webhooks
        assert (case.oauth is None) == bool(case.without_oauth) == (definition.oauth is None)
        assert bool(case.unsigned) == ("none" in schemes_in(definition.verify))

    @everyone
    @one_loop
    async def test_its_scripts_compile(self, name: str, engine: VrlPool) -> None:
        await compile_scripts(definition_of(name), engine)

    @everyone
    def test_its_page_tells_the_operator_what_to_click(self, name: str) -> None:
        """What to do at the provider, where to paste which URL, and every secret that must be set."""
        definition = definition_of(name)
        text = (FOLDERS[name] / "README.md").read_text()
        required = [secret for secret, rule in definition.secrets.items() if not rule.optional]

        assert text.startswith(f"# {definition.title}\n")
        assert "\n## Once" in text
        assert "\n1. " in text
        assert "\n## Good to know\n" in text
        assert [] == [
            secret for secret in required if f"waypost secrets set {name} {secret}" not in text
        ]
        assert (definition.oauth is None) == ("https://YOUR-ORIGIN/oauth" not in text)
        assert (
            f"https://YOUR-ORIGIN/integration/global/{name}" in text or "`webhookUrl`" in text
        )

    @everyone
    def test_its_facts_name_their_pages(self, name: str) -> None:
        """A fact without its source cannot be checked again."""
        assert "# https://" in (FOLDERS[name] / "definition.toml").read_text()

    @everyone
    def test_provider_names_are_told(self, name: str) -> None:
        definition = definition_of(name)

        assert "" not in {definition.title, definition.description}


class TestAuthorize:
    @by_click
    def test_the_browser_goes_where_the_provider_says(self, name: str) -> None:
        provider, case = oauth_of(name)
        url = urlsplit(
            authorize_url(
                provider,
                client_id="client",
                redirect_uri=CALLBACK,
                oauth_state="s1",
                challenge=challenge_of(VERIFIER),
                inputs=case.inputs,
            )
        )
        expected = {
            "response_type": "code",
            "client_id": "client",
            "redirect_uri": CALLBACK,
            "state": "s1",
        }
        if case.authorize.pkce:
            expected |= {
                "code_challenge": challenge_of(VERIFIER),
                "code_challenge_method": "S256",
            }
        kept = {
            key: value for key, value in expected.items() if key not in case.authorize.without
        }

        assert case.authorize.url == f"{url.scheme}://{url.netloc}{url.path}"
        assert {**kept, **case.authorize.query} == dict(
            parse_qsl(url.query, strict_parsing=True)
        )


class TestCallback:
    @by_click
    def test_it_must_come_from_the_provider_where_it_says_whence_it_comes(
        self, name: str
    ) -> None:
        """None of them promises to say so always: without `iss` nobody is turned away."""
        provider, case = oauth_of(name)
        given, said = {"code": "the-code"}, case.authorize.issuer

        check_issuer(provider, given)
        assert {said} == issuers_of(name)
        if said:
            check_issuer(provider, {**given, "iss": said})
        for other in ("", f"{said}/", "https://evil.example") if said else ():
            with pytest.raises(FlowRefused):
                check_issuer(provider, {**given, "iss": other})


class TestTokens:
    @by_click
    def test_the_code_is_exchanged_as_the_provider_wants_it(self, name: str) -> None:
        provider, case = oauth_of(name)
        call = exchange_of(provider, case)
        who, header = credentials(case.token.auth)
        expected = {
            "grant_type": "authorization_code",
            "code": "the-code",
            "redirect_uri": CALLBACK,
            **who,
        }
        if case.authorize.pkce:
            expected["code_verifier"] = VERIFIER
        kept = {key: value for key, value in expected.items() if key not in case.token.without}

        assert f"POST {case.token.url}" == address_of(call)
        assert {**kept, **case.token.fields} == fields_in(call)
        assert header == dict(call.headers).get("authorization")
        assert case.token.body in dict(call.headers)["content-type"]
        assert case.token.headers.items() <= dict(call.headers).items()

    @by_click
    def test_its_answers_are_read(self, name: str) -> None:
        provider, case = oauth_of(name)
        good = [one for one in case.token.answers if not one.code]

        assert good
        for one in good:
            tokens = tokens_of(provider, answered(one), now=NOON)

            assert expectation(one) == in_brief(tokens)
            assert one.scopes is None or one.scopes == tokens.scopes

    @by_click
    def test_its_refusals_are_no_success(self, name: str) -> None:
        """Whatever their status is."""
        provider, case = oauth_of(name)
        bad = [one for one in case.token.answers if one.code]

        assert bad
        for one in bad:
            with pytest.raises(ProviderRefused) as refused:
                tokens_of(provider, answered(one), now=NOON)
            assert one.code == refused.value.code

    @by_click
    def test_they_are_refreshed(self, name: str) -> None:
        provider, case = oauth_of(name)
        if case.refresh is None:
            assert not provider.token.fields.refresh or not case.token.answers[0].refresh
            return
        wanted = case.refresh
        token = renewable(provider, granted(provider, case))
        assert token is not None
        call = refresh_call(provider, CLIENT, token, case.inputs)
        who, header = credentials(case.token.auth)
        expected = {
            "grant_type": "refresh_token",
            "refresh_token": token.reveal().decode(),
            **who,
        }
        kept = {key: value for key, value in expected.items() if key not in wanted.without}
        rule = refresh_endpoint(provider)
        fresh = tokens_in(provider, rule, answered(wanted.answer), now=NOON)

        assert f"{wanted.method} {wanted.url or case.token.url}" == address_of(call)
        assert {**kept, **wanted.fields} == fields_in(call)
        assert header == dict(call.headers).get("authorization")
        assert expectation(wanted.answer) == in_brief(fresh)
        assert wanted.kept == (not provider.refresh.rotates)

    @by_click
    def test_they_are_exchanged_for_longer_ones(self, name: str) -> None:
        """Where the provider has such a step after the first exchange."""
        provider, case = oauth_of(name)
        tokens, rules = granted(provider, case), provider.token.then

        assert len(case.token.then) == len(rules)
        for wanted, rule in zip(case.token.then, rules, strict=True):
            call = follow_up_call(rule, CLIENT, tokens.access, case.inputs)
            longer = tokens_in(provider, rule, answered(wanted.answer), now=NOON)

            assert wanted.request == address_of(call)
            assert wanted.fields == fields_in(call)
            assert expectation(wanted.answer) == in_brief(longer)

    @by_click
    def test_they_are_revoked(self, name: str) -> None:
        provider, case = oauth_of(name)
        call = revoke_call(provider, CLIENT, granted(provider, case), case.inputs)
        if case.revoke is None or call is None:
            assert case.revoke is None
            assert call is None
            return
        who, header = credentials(case.revoke.auth)
        if case.revoke.auth == "bearer":
            who, header = {}, f"Bearer {case.token.answers[0].access}"

        assert case.revoke.request == address_of(call)
        assert {**who, **case.revoke.fields} == fields_in(call)
        assert header == dict(call.headers).get("authorization")


class TestIdentity:
    @by_click
    async def test_the_account_is_found(self, name: str) -> None:
        """It is the identifier that the provider's webhooks carry."""
        provider, case = oauth_of(name)
        tokens = granted(provider, case)
        asked = Asked(case.identity.calls, tokens.access.reveal().decode())
        who = Who(
            provider=provider,
            client_id="client",
            callback=captured(provider, case.identity.callback),
            inputs=case.inputs,
            given=case.inputs,
        )
        account, _ = await perform(identified(who, tokens), asked)

        assert (case.identity.id, case.identity.name) == (account.id, account.name)
        assert case.identity.facts.items() <= account.facts.items()
        assert [] == asked.left
