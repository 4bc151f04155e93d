"""Where the reply of a record goes."""

from __future__ import annotations

import msgspec
import pytest

from shared.model.jobs import Claim, JobKind, Record
from shared.model.operations import Operation
from shared.model.requests import RawRequest, ReplyAddress
from workers.main import address_of

ADDRESS = ReplyAddress(inbox="api-1", nonce="n1")
PING = Operation(webhook_id="w1", name="ping")


def a_claim(job: JobKind, body: object) -> Claim:
    return Claim(
        record=Record(id="req_1", job=job, state="leased"), body=msgspec.msgpack.encode(body)
    )


def a_request(reply_to: ReplyAddress | None) -> RawRequest:
    return RawRequest(
        id="req_1", door="global", method="POST", path="/", received_at=0.0, reply_to=reply_to
    )


@pytest.mark.parametrize("wanted", [ADDRESS, None])
def test_a_request_and_an_operation_say_who_waits(wanted: ReplyAddress | None) -> None:
    operation = msgspec.structs.replace(PING, reply_to=wanted)

    assert wanted == address_of(a_claim("operation", operation))
    assert wanted == address_of(a_claim("webhook", a_request(wanted)))


@pytest.mark.parametrize("job", ["event", "registration"])
def test_nobody_waits_for_what_waypost_began_itself(job: JobKind) -> None:
    assert address_of(a_claim(job, {"anything": 1})) is None
