"""What a definition must keep beyond its names and types."""

from __future__ import annotations

from typing import Any

import pytest

from shared.integrations.definition import decode
from tests.integrations.definition_builders import a_document, refusal

HOOK = {"from": "global", "name": "WEBHOOK_SECRET"}
APP = {"from": "global", "name": "APP_ID"}


class TestRules:
    """What must hold beyond the types."""

    @pytest.mark.parametrize(
        ("changes", "field", "words"),
        [
            ({"name": "Acme CRM"}, "name", "is not a name"),
            ({"name": "a" * 201}, "name", "is not a name"),
            ({"name": "a/b/c"}, "name", "is not a name"),
            ({"name": "acme\n"}, "name", "is not a name"),
            ({"version": "one"}, "version", "is not a version"),
            ({"secrets__client_id": {}}, "secrets.client_id", "SCREAMING_SNAKE"),
            ({"states__my state": {}}, "states.my state", "is not a name"),
            ({"configurations__1st": {}}, "configurations.1st", "is not a name"),
            ({"bodyLimit": 12}, "bodyLimit", "out of range"),
            ({"deliveryId": "X-Delivery"}, "deliveryId", "lower-case"),
            ({"runtime": "botpress"}, "url", "is missing"),
            ({"runtime": "python", "url": "https://a.example"}, "runtime", "contradicts"),
            ({"stateBinding": "plain"}, "stateBinding", "integration servers"),
            ({"event": "  "}, "event", "empty script"),
            (
                {"identifier__extractScript": "#" * 16385},
                "identifier.extractScript",
                "larger than 16 KiB",
            ),
            (
                {"configuration": {"schema": {"properties": {"a": {"secrt": True}}}}},
                "configuration.schema.properties.a.secrt",
                "not a word",
            ),
        ],
    )
    def test_names_and_limits(self, changes: dict[str, Any], field: str, words: str) -> None:
        """Each says what it wants."""
        refused = refusal(a_document(**changes))

        assert field == refused.field
        assert words in refused.problem
        assert refused.fix

    @pytest.mark.parametrize(
        ("changes", "field", "words"),
        [
            (
                {"oauth__authorize__url": "http://acme.example/a"},
                "oauth.authorize.url",
                "must be https",
            ),
            (
                {"oauth__authorize__url": "https://me@acme.example/a"},
                "oauth.authorize.url",
                "is no address",
            ),
            (
                {"oauth__authorize__url": "https://acme.example/\\a"},
                "oauth.authorize.url",
                "is no address",
            ),
            ({"oauth__authorize__url": "acme.example"}, "oauth.authorize.url", "is no address"),
            (
                {"oauth__authorize__url": "https://{site}.acme.example/a"},
                "oauth.authorize.url",
                "neither an input nor a public secret",
            ),
            (
                {"oauth__token__url": "https://acme.example/{CLIENT_SECRET}"},
                "oauth.token.url",
                "neither an input nor a public secret",
            ),
            (
                {"oauth__revoke": {"url": "ftp://acme.example"}},
                "oauth.revoke.url",
                "must be https",
            ),
            ({"url": "ftp://acme.example"}, "url", "is no address"),
            ({"publicUrl": "http://acme.example"}, "publicUrl", "must be https"),
            ({"publicUrl": "https://acme.example/path"}, "publicUrl", "must be an origin"),
            (
                {"publicUrl": "https://webhook.acme.example"},
                "publicUrl",
                "must not contain 'webhook'",
            ),
            ({"egress": ["*"]}, "egress[0]", "is no host"),
            ({"egress": ["api.acme.example", "https://x.example"]}, "egress[1]", "is no host"),
        ],
    )
    def test_addresses(self, changes: dict[str, Any], field: str, words: str) -> None:
        """Provider addresses are https, whole, and filled only from what may be shown."""
        refused = refusal(a_document(**changes))

        assert field == refused.field
        assert words in refused.problem

    def test_a_public_field_may_fill_a_type_s_address(self) -> None:
        """A secret one may not."""
        own = {"authorize": {"url": "https://acme.example/{site}"}}

        decode(a_document(configurations__manual__oauth=own))
        own["authorize"]["url"] = "https://acme.example/{token}"
        assert (
            "configurations.manual.oauth.authorize.url"
            == refusal(a_document(configurations__manual__oauth=own)).field
        )

    @pytest.mark.parametrize(
        ("changes", "field", "fix"),
        [
            ({"verify": None}, "verify", 'write verify = "none" if nobody signs'),
            ({"verify__scheme": "hmac-sha256-hx"}, "verify", "see docs/definition.md"),
            (
                {"verify__secret__name": "WEBHOK_SECRET"},
                "verify.secret.name",
                "did you mean WEBHOOK_SECRET?",
            ),
            (
                {"verify__secret__name": "CLIENT_ID"},
                "verify.secret.name",
                "remove public = true",
            ),
            (
                {"verify": [{"scheme": "none"}, {"scheme": "slack", "secret": HOOK}]},
                "verify",
                "remove the rule, or the others",
            ),
            ({"verify": [{"scheme": "slack", "secret": HOOK, "also": True}]}, "verify", "also"),
            (
                {"verify": [{"scheme": "slack", "secret": HOOK}, {"scheme": "slak"}]},
                "verify[1]",
                "docs/definition.md",
            ),
            (
                {"verify": {"scheme": "bot-framework", "jwt": {"audience": APP}}},
                "verify.jwt.name",
                "known here: ",
            ),
            (
                {"verify__jwt": {"keys": "http://keys.example", "audience": "any"}},
                "verify.jwt.keys",
                "write https://keys.example",
            ),
            ({"uninstalls": [{"note": "x"}]}, "uninstalls[0]", "docs/definition.md"),
            (
                {
                    "handshakes": [
                        {
                            "form": "static",
                            "json": "t",
                            "catch": {"from": "global", "name": "T"},
                        }
                    ]
                },
                "handshakes[0].catch.name",
                "known here: ",
            ),
            (
                {"oauth__client__secret__name": "CLIENT_SECRT"},
                "oauth.client.secret.name",
                "did you mean CLIENT_SECRET?",
            ),
            (
                {"oauth__client__id__name": "ID"},
                "oauth.client.id.name",
                "known here: CLIENT_ID",
            ),
            (
                {"configurations__manual__token__name": "site"},
                "configurations.manual.token.name",
                "secret = true",
            ),
            (
                {"configurations__manual__token__name": "tokn"},
                "configurations.manual.token.name",
                "did you mean token?",
            ),
            ({"oauth__authorize__pkce": "off"}, "oauth.authorize.whyNoPkce", "say why"),
            (
                {"oauth__identity__externalId__from": "callback"},
                "oauth.identity.verify",
                "the user's own token",
            ),
            (
                {"oauth__identity__externalId__from": "call"},
                "oauth.identity.call",
                "the address to ask",
            ),
        ],
    )
    def test_trust(self, changes: dict[str, Any], field: str, fix: str) -> None:
        """Nobody is believed by accident, and every secret can be found."""
        refused = refusal(a_document(**changes))

        assert field == refused.field
        assert fix in refused.fix

    def test_an_identifier_from_the_callback_must_be_captured_and_verified(self) -> None:
        """Both are asked for, one after the other."""
        document = a_document(
            oauth__identity={
                "externalId": {"from": "callback", "path": "installation_id"},
                "verify": {"url": "https://acme.example/installations"},
            }
        )
        assert "oauth.callback.capture" == refusal(document).field

        document["oauth"]["callback"] = {"capture": ["installation_id"]}
        assert decode(document).oauth is not None
