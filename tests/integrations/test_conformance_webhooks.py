"""Every integration's webhooks, as its provider sends them: recorded in `fixtures/NAME/conformance.toml`."""

from __future__ import annotations

import json

from shared.model.requests import RawRequest
from shared.uninstalls import uninstall_in
from shared.vrl.pool import VrlPool
from tests.integrations.conformance import (
    NOON,
    WebhookCase,
    definition_of,
    everyone,
    one_loop,
    received,
    recorded,
    signed_as,
)
from tests.integrations.conformance_steps import altered, check, found_in, handshake, passes


def ordinary(name: str) -> list[WebhookCase]:
    """The requests that are no handshake."""
    return [one for one in recorded(name).webhooks if one.reply is None]


class TestWebhooks:
    @everyone
    def test_what_the_provider_signed_is_accepted(self, name: str) -> None:
        definition = definition_of(name)
        for case in ordinary(name):
            request, signer = signed_as(case, name)

            assert signer.page or recorded(name).unsigned, case.about
            check(definition, received(request, name), request, request.now)

    @everyone
    def test_what_another_signed_or_changed_is_refused(self, name: str) -> None:
        """Another secret, another body, no signature at all, too old, too early."""
        definition, refused = definition_of(name), 0
        for case in ordinary(name):
            for what, request, at in altered(case, name):
                assert not passes(definition, received(request, name), request, at), (
                    case.about,
                    what,
                )
                refused += 1

        assert bool(refused) != bool(recorded(name).unsigned)

    @everyone
    @one_loop
    async def test_it_finds_whose_it_is(self, name: str, engine: VrlPool) -> None:
        """And each one's own part, where a request is for several."""
        definition = definition_of(name)
        for case in recorded(name).webhooks:
            request, _ = signed_as(case, name)
            found = await found_in(definition, received(request, name), engine)

            assert list(case.identifiers) == [who for who, _ in found], case.about
            parts = (
                [None] * len(found)
                if case.parts is None
                else [json.loads(one) for one in case.parts]
            )
            assert parts == [part for _, part in found], case.about

    @everyone
    def test_handshakes_are_answered_and_nothing_else_is_one(self, name: str) -> None:
        definition = definition_of(name)
        for case in recorded(name).webhooks:
            request, _ = signed_as(case, name)
            reply = handshake(definition, received(request, name), request.secret)
            if case.reply is None:
                assert reply is None, case.about
                continue
            assert reply is not None, case.about
            assert (case.reply.status, case.reply.body) == (
                reply.status,
                reply.body.decode(),
            ), case.about
            assert case.reply.headers.items() <= dict(reply.headers).items(), case.about

    @everyone
    def test_an_event_that_ends_an_installation_is_told_from_the_others(
        self, name: str
    ) -> None:
        """And where a definition knows such events, one of them is recorded."""
        definition, ended = definition_of(name), 0
        for case in recorded(name).webhooks:
            request, _ = signed_as(case, name)
            found = uninstall_in(definition.uninstalls, received(request, name))

            assert case.uninstall == (found is not None), case.about
            ended += case.uninstall
        assert bool(ended) == bool(definition.uninstalls)

    @everyone
    @one_loop
    async def test_no_body_at_all_is_nobody_s(self, name: str, engine: VrlPool) -> None:
        """Whatever stands in its place."""
        definition = definition_of(name)
        for body in (b"", b"not json {", b"null", b"[]", b"{}", b"\xff\xfe"):
            raw = RawRequest(
                id="req_1",
                door="global",
                name=name,
                method="POST",
                path="/",
                body=body,
                received_at=NOON,
            )

            assert [] == await found_in(definition, raw, engine), body
