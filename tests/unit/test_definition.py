"""A definition is read whole, or refused with the place and the fix."""

from __future__ import annotations

from typing import Any

import pytest

from shared.errors import DefinitionInvalid
from shared.integrations.definition import decode, document_of, door_of, from_stored, stored
from tests.integrations.definition_builders import a_document, refusal


class TestDecode:
    """What is accepted."""

    def test_a_good_document_becomes_a_definition(self) -> None:
        """With Botpress's keys beside ours."""
        definition = decode(a_document(), "acme.json")

        assert ("acme", "1.0.0") == (definition.name, definition.version)

    @pytest.mark.parametrize("name", ["a", "acme", "my-team/acme_crm", "9lives", "a" * 200])
    def test_a_name_may_have_a_handle(self, name: str) -> None:
        """Botpress writes `handle/name` for integrations of a workspace."""
        assert name == decode(a_document(name=name)).name

    @pytest.mark.parametrize("short", ["none", "handler"])
    def test_verify_has_a_short_form(self, short: str) -> None:
        """`verify = "none"` is the table with that scheme."""
        definition = decode(a_document(verify=short, runtime="python"))

        assert definition.verify is not None
        assert short == definition.verify.scheme

    def test_a_handler_that_is_not_there_verifies_nothing(self) -> None:
        """Without code every unsigned request would be believed."""
        with pytest.raises(DefinitionInvalid, match="verify.scheme: .*there is no code"):
            decode(a_document(verify="handler"))

    def test_an_integration_server_verifies_by_itself(self) -> None:
        """Botpress's integrations bring no `verify`; their own code checks."""
        assert decode(a_document(verify=None, url="http://127.0.0.1:8072")).verify is None

    def test_a_simulator_may_be_http_on_this_machine_when_allowed(self) -> None:
        """Only with the flag, and only on loopback."""
        document = a_document(
            oauth__token={"url": "http://127.0.0.1:9/acme/acme.example/token"}
        )

        assert decode(document, allow_loopback=True).oauth is not None
        assert "oauth.token.url" == refusal(document).field

    def test_what_is_stored_is_read_back(self) -> None:
        """Bytes for the store, and the document for people, say the same."""
        definition = decode(a_document())

        assert definition == from_stored(stored(definition))
        assert definition == decode(document_of(definition))


class TestUnknownNames:
    """A name that does not exist is refused with the nearest one that does."""

    @pytest.mark.parametrize(
        ("changes", "field", "fix"),
        [
            ({"titel": "x"}, "titel", "did you mean title?"),
            (
                {"identifier__extractscript": "."},
                "identifier.extractscript",
                "did you mean extractScript?",
            ),
            ({"oauth__authorise": {}}, "oauth.authorise", "did you mean authorize?"),
            ({"oauth__token__uri": "x"}, "oauth.token.uri", "did you mean url?"),
            (
                {"oauth__authorize__scopes__defaults": []},
                "oauth.authorize.scopes.defaults",
                "did you mean default?",
            ),
            (
                {"secrets__CLIENT_ID__pubic": True},
                "secrets.CLIENT_ID.pubic",
                "did you mean public?",
            ),
            (
                {"configurations__manual__veryfy": "none"},
                "configurations.manual.veryfy",
                "did you mean verify?",
            ),
            (
                {"handshakes": [{"form": "empty", "methd": "GET"}]},
                "handshakes[0].methd",
                "did you mean method?",
            ),
            ({"reply": {"polices": "ack"}}, "reply.polices", "did you mean policy?"),
            ({"ownership": "takeover"}, "ownership", "did you mean take_over?"),
            ({"reply": "wiat"}, "reply", "did you mean wait?"),
            (
                {"oauth__token__body": "xml"},
                "oauth.token.body",
                "known here: form, json, query",
            ),
        ],
    )
    def test_the_nearest_right_name_is_the_fix(
        self, changes: dict[str, Any], field: str, fix: str
    ) -> None:
        """Wherever it stands."""
        refused = refusal(a_document(**changes))

        assert (field, fix) == (refused.field, refused.fix)

    def test_a_type_s_own_oauth_is_read_as_strictly(self) -> None:
        """It is laid over the definition's, and the whole is checked."""
        document = a_document(configurations__own={"oauth": {"token": {"ulr": "x"}}})

        assert "configurations.own.oauth.token.ulr" == refusal(document).field


class TestTypes:
    """A value of the wrong kind is named by its path, in words."""

    @pytest.mark.parametrize(
        ("changes", "sentence"),
        [
            ({"name": None}, "acme.json: name: is missing (add name)"),
            (
                {"version": 1},
                "acme.json: version: expected text, got a whole number (write text here)",
            ),
            (
                {"oauth__token__url": 5},
                "acme.json: oauth.token.url: expected text, got a whole number (write text here)",
            ),
            (
                {"oauth__identity": {}},
                "acme.json: oauth.identity.externalId: is missing (add externalId)",
            ),
            (
                {"secrets__CLIENT_ID__public": "yes"},
                "acme.json: secrets.CLIENT_ID.public: expected true or false, got text (write true or false here)",
            ),
            (
                {"egress": "acme.example"},
                "acme.json: egress: expected a list, got text (write a list here)",
            ),
            (
                {"identifier": "extract.vrl"},
                "acme.json: identifier: expected a table, got text (write a table here)",
            ),
            (
                {"configurations__manual__token": {"from": "configuration"}},
                "acme.json: configurations.manual.token.name: is missing (add name)",
            ),
        ],
    )
    def test_the_path_is_written_as_in_the_file(
        self, changes: dict[str, Any], sentence: str
    ) -> None:
        """Never msgspec's `$.oauth.token.url`."""
        assert sentence == str(refusal(a_document(**changes)))

    @pytest.mark.parametrize("document", [None, [], "acme", 7])
    def test_anything_but_a_table_is_refused(self, document: Any) -> None:
        """Whatever a caller posts."""
        assert "is not a table" == refusal(document).problem


class TestDoor:
    """What the ingress may know."""

    @pytest.mark.parametrize(
        ("changes", "reply"),
        [
            ({}, "ack"),
            ({"url": "https://acme.example"}, "wait"),
            ({"url": "https://acme.example", "reply": "ack"}, "ack"),
            ({"reply": "wait"}, "wait"),
            ({"identifier__fallbackHandlerScript": "{}"}, "wait"),
            (
                {
                    "identifier__fallbackHandlerScript": "{}",
                    "handshakes": [{"form": "empty", "header": "x-hook"}],
                },
                "ack",
            ),
        ],
    )
    def test_it_waits_where_the_worker_has_something_to_say(
        self, changes: dict[str, Any], reply: str
    ) -> None:
        """And answers at once where nothing but "stored" is to be said."""
        assert reply == door_of(decode(a_document(**changes))).reply

    def test_it_carries_limits_and_no_secret(self) -> None:
        """Name, limits and the answer; neither scripts nor places of secrets."""
        document = a_document(
            bodyLimit=2048,
            deliveryId="x-acme-delivery",
            reply={"status": 202, "headers": {"x-a": "b"}, "body": "ok"},
        )
        door = door_of(decode(document))

        assert (2048, "x-acme-delivery") == (door.body_limit, door.delivery_id)
        assert (202, {"x-a": "b"}, "ok") == (door.ack_status, door.ack_headers, door.ack_body)
        assert "WEBHOOK_SECRET" not in repr(door)
