"""The independent signers agree with each other, with the vendors' examples, and with the judges."""

from __future__ import annotations

import pytest
from gidgethub.sansio import validate_event

from tests import builders_signed
from tests.builders_signed import (
    PUBLISHED,
    SignedFixture,
    github_signed,
    linear_signed,
    notion_signed,
    openssl_hmac,
    slack_signed,
)

BODY = '{"text":"grüße ☃"}'.encode()


class TestSigners:
    def test_slacks_published_example_is_reproduced(self) -> None:
        example = PUBLISHED[0]
        ours = slack_signed(example.body, secret=example.secret, at=example.now)

        assert ours.headers["X-Slack-Signature"] == example.headers["X-Slack-Signature"]

    def test_githubs_published_example_is_reproduced(self) -> None:
        example = PUBLISHED[1]
        ours = github_signed(example.body, secret=example.secret)

        assert ours.headers["X-Hub-Signature-256"] == example.headers["X-Hub-Signature-256"]

    def test_gidgethub_accepts_what_openssl_signed(self) -> None:
        ours = github_signed(BODY)

        signature = ours.headers["X-Hub-Signature-256"]
        assert validate_event(ours.body, signature=signature, secret=ours.secret) is None  # type: ignore[func-returns-value]

    def test_a_machine_without_the_openssl_command_gets_the_same(
        self, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        usual = openssl_hmac("key", BODY)[0]
        monkeypatch.setattr(builders_signed, "_openssl", lambda: None)

        assert openssl_hmac("key", BODY) == (usual, builders_signed.LIBCRYPTO)

    @pytest.mark.parametrize(
        "fixture",
        [
            *PUBLISHED,
            slack_signed(BODY),
            github_signed(BODY),
            linear_signed(BODY),
            notion_signed(BODY),
        ],
        ids=lambda fixture: fixture.provider,
    )
    def test_every_fixture_names_its_signer(self, fixture: SignedFixture) -> None:
        assert fixture.signer
        assert fixture.secret not in repr(fixture)


class TestSpoiling:
    def test_tampering_flips_one_bit_of_the_body(self) -> None:
        fixture = notion_signed(BODY)

        assert fixture.tampered().body == b"z" + BODY[1:]
        assert fixture.tampered().headers == fixture.headers

    def test_a_header_can_be_left_out(self) -> None:
        names = [name for name, _ in linear_signed(BODY).without("LINEAR-signature").pairs]

        assert names == ["content-type", "linear-delivery", "linear-event"]
