"""One event to a bot's URL."""

from __future__ import annotations

import base64
import time
from datetime import timedelta

import pytest
from standardwebhooks.webhooks import Webhook, WebhookVerificationError

from shared.errors import (
    EgressRefused,
    HandlerUnavailable,
    Permanent,
    ProviderBusy,
    UnknownOutcome,
)
from shared.secret import Secret
from shared.steps.delivery import DeliveryOrder, delivery, standard_webhooks_headers
from shared.steps.effects import Call
from tests.unit.oauth_builders import NOON, answered
from tests.unit.steps_builders import Played

KEY = b"0123456789abcdef01234567"
SECRET = Secret(b"whsec_" + base64.b64encode(KEY))
BODY = '{"id":"evt_1","text":"größer"}'.encode()
ORDER = DeliveryOrder(event_id="evt_1", url="https://bot.test/events", body=BODY, secret=SECRET)


def headers_of(played: Played) -> dict[str, str]:
    [call] = [one.call for one in played.effects if isinstance(one, Call)]
    return dict(call.headers)


class TestTheSignature:
    def test_is_the_published_example_of_standard_webhooks(self) -> None:
        """https://github.com/standard-webhooks/standard-webhooks/blob/main/spec/standard-webhooks.md."""
        secret = Secret(b"whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw")
        body = b'{"test": 2432232314}'

        headers = standard_webhooks_headers(
            secret, "msg_p5jXN8AQM9LWM0D4loKWxJek", 1614265330, body
        )

        assert (
            "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="
            == dict(headers)["webhook-signature"]
        )

    @pytest.mark.parametrize(
        "secret", [SECRET, Secret(KEY), Secret(SECRET.reveal().rstrip(b"="))]
    )
    def test_satisfies_the_official_library(self, secret: Secret) -> None:
        headers = dict(standard_webhooks_headers(secret, "evt_1", int(time.time()), BODY))

        assert "evt_1" == Webhook(SECRET.reveal().decode()).verify(BODY, headers)["id"]

    def test_covers_the_body_the_id_and_the_time(self) -> None:
        judge, now = Webhook(SECRET.reveal().decode()), int(time.time())
        headers = dict(standard_webhooks_headers(SECRET, "evt_1", now, BODY))

        for changed in ({"webhook-id": "evt_2"}, {"webhook-timestamp": str(now - 1)}):
            with pytest.raises(WebhookVerificationError):
                judge.verify(BODY, {**headers, **changed})
        with pytest.raises(WebhookVerificationError):
            judge.verify(BODY + b" ", headers)

    def test_is_left_out_without_a_secret(self) -> None:
        assert ["webhook-id", "webhook-timestamp"] == [
            name for name, _ in standard_webhooks_headers(None, "evt_1", 1, b"")
        ]

    def test_needs_a_readable_secret(self) -> None:
        with pytest.raises(Permanent, match="not base64") as refused:
            standard_webhooks_headers(Secret(b"whsec_canary!"), "evt_1", 1, b"")
        assert "canary" not in str(refused.value)


class TestADelivery:
    def test_names_the_event_twice_and_signs_it(self) -> None:
        played = Played(delivery(ORDER), [NOON, answered({}, 204)])

        headers = headers_of(played)
        assert ("evt_1", "evt_1") == (headers["webhook-id"], headers["idempotency-key"])
        assert str(int(NOON)) == headers["webhook-timestamp"]
        assert headers["webhook-signature"].startswith("v1,")
        assert "the bot answered 204" == played.value
        assert ["delivery.before", "delivery.sent"] == played.places

    def test_has_the_same_id_on_every_attempt(self) -> None:
        first = Played(delivery(ORDER), [NOON, answered({}, 500)])
        second = Played(delivery(ORDER), [NOON + 60, answered({}, 200)])

        assert headers_of(first)["webhook-id"] == headers_of(second)["webhook-id"]
        assert headers_of(first)["webhook-signature"] != headers_of(second)["webhook-signature"]

    @pytest.mark.parametrize("status", [301, 307, 400, 402, 404, 405, 409, 410, 413, 422, 451])
    def test_is_given_up_after_one_try_where_nothing_would_change(self, status: int) -> None:
        played = Played(delivery(ORDER), [NOON, answered({}, status)])

        assert isinstance(played.error, Permanent)
        assert str(status) in str(played.error)

    @pytest.mark.parametrize("status", [401, 403, 408, 425, 429, 500, 502, 503, 504, 599])
    def test_is_tried_again_where_it_could_help(self, status: int) -> None:
        played = Played(delivery(ORDER), [NOON, answered({}, status)])

        assert isinstance(played.error, HandlerUnavailable)
        assert played.error.after is None

    def test_waits_as_long_as_the_bot_asks(self) -> None:
        played = Played(delivery(ORDER), [NOON, answered({}, 503, retry_after="90")])

        assert isinstance(played.error, HandlerUnavailable)
        assert timedelta(seconds=90) == played.error.after

    @pytest.mark.parametrize("error", [ProviderBusy("refused"), UnknownOutcome("cut")])
    def test_is_tried_again_when_the_bot_is_not_there(self, error: Exception) -> None:
        played = Played(delivery(ORDER), [NOON, error])

        assert isinstance(played.error, HandlerUnavailable)

    def test_ends_at_the_egress_guard(self) -> None:
        played = Played(delivery(ORDER), [NOON, EgressRefused("169.254.169.254")])

        assert isinstance(played.error, EgressRefused)
