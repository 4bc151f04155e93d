"""One record from claim to outcome: each error has its outcome, each outcome its write."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from structlog.testing import capture_logs

from shared.errors import (
    CommandRefused,
    DefinitionInvalid,
    EgressRefused,
    FlowRefused,
    GateClosed,
    HandlerUnavailable,
    LeaseLost,
    Permanent,
    ProviderBusy,
    ProviderRefused,
    ScriptFailed,
    ScriptInvalid,
    SealBroken,
    SignatureMismatch,
    StoreUnavailable,
    Transient,
    UnknownOutcome,
)
from shared.model.jobs import Claim
from shared.model.outcomes import (
    Dead,
    Done,
    Found,
    Ignored,
    Outcome,
    Retry,
    Settled,
    StreamedEvent,
    Wait,
)
from shared.model.requests import Reply, ReplyAddress
from shared.retries import MAX_ATTEMPTS
from shared.storage.ledger import Ending
from tests.unit.engine_builders import a_claim
from workers.journey import Journey

ADDRESS = ReplyAddress(inbox="i1", nonce="n1")
REPLY = Reply(status=204)
BOT = "bot:shop"
UNKNOWN = "the outcome is not known and it is never tried twice"


class Hands:
    """The ledger, the inbox and the clock of one journey."""

    def __init__(self) -> None:
        self.endings: list[Ending] = []
        self.replies: list[tuple[ReplyAddress, Reply]] = []
        self.order: list[str] = []
        self.holds = True
        self.unheard: Exception | None = None
        self.seconds = 0.0

    async def settle(self, ending: Ending) -> bool:
        self.order.append("settled")
        self.endings.append(ending)
        return self.holds

    async def answer(self, address: ReplyAddress, reply: Reply) -> None:
        self.order.append("answered")
        if self.unheard:
            raise self.unheard
        self.replies.append((address, reply))

    def now(self) -> float:
        return 1_790_000_000.0

    def monotonic(self) -> float:
        self.seconds += 0.25
        return self.seconds

    def fraction(self) -> float:
        return 0.5

    def token(self, size: int) -> bytes:
        return bytes(size)

    async def carry(
        self, claim: Claim, end: Outcome | Exception, *, waits: bool = True
    ) -> None:
        """Carry *claim* with a job that ends so."""

        async def job(given: Claim) -> Outcome:
            assert given is claim
            if isinstance(end, Exception):
                raise end
            return end

        journey = Journey(
            jobs={claim.record.job: job}, settler=self, answers=self, clock=self, chance=self,
            address_of=lambda _: ADDRESS if waits else None,
        )  # fmt: skip
        await journey.carry(claim)


@pytest.fixture
def hands() -> Hands:
    return Hands()


def _ending(end: str, **parts: Any) -> Ending:
    return Ending(id="req_1", epoch=3, end=end, **parts)


FOUND = Found(integration="linear", identifier="A", installation="w1")
OUTCOMES = [
    (Done(), _ending("done")),
    (Done(reason="all of it"), _ending("done", reason="all of it")),
    (Done(event=StreamedEvent(bot="shop", body=b"{}")), _ending("done", bot="shop", event=b"{}")),
    (Done(event=StreamedEvent(bot="shop", body=b"{}"), found=FOUND),
     _ending("done", bot="shop", event=b"{}", found=FOUND)),
    (Ignored("of no interest"), _ending("ignored", reason="of no interest")),
    (Wait(BOT, "because it is down"), _ending("wait", reason="because it is down", gate=BOT)),
    (
        Wait("", "few retries", after=timedelta(seconds=4)),
        _ending("wait", reason="few retries", delay=timedelta(seconds=4)),
    ),
    (Retry(timedelta(seconds=9), "busy"), _ending("retry", reason="busy", delay=timedelta(seconds=9))),
    (Dead("no use"), _ending("dead", reason="no use")),
]  # fmt: skip


@pytest.mark.parametrize(("outcome", "ending"), OUTCOMES)
async def test_an_outcome_is_one_write_under_the_lease(
    hands: Hands, outcome: Outcome, ending: Ending
) -> None:
    await hands.carry(a_claim(epoch=3), outcome)

    assert [ending] == hands.endings


async def test_a_job_that_wrote_its_own_end_is_not_ended_again(hands: Hands) -> None:
    await hands.carry(a_claim(), Settled(reason="parked", reply=REPLY))

    assert [] == hands.endings
    assert [(ADDRESS, REPLY)] == hands.replies


PERMANENT: list[Permanent] = [
    Permanent("no use"), DefinitionInvalid("linear", "name", "is empty"), ScriptInvalid("x", "compile", "no"),
    ScriptFailed("x", "runtime", "no"), ProviderRefused("no", "invalid_grant"), EgressRefused("no"),
    SealBroken("no"), FlowRefused("cancelled"),
]  # fmt: skip


class TestAnError:
    @pytest.mark.parametrize("error", PERMANENT, ids=lambda error: type(error).__name__)
    async def test_that_trying_again_cannot_help_is_death_with_its_words(
        self, hands: Hands, error: Permanent
    ) -> None:
        await hands.carry(a_claim(epoch=3), error)

        assert [_ending("dead", reason=str(error))] == hands.endings

    async def test_of_the_signature_is_ignored(self, hands: Hands) -> None:
        await hands.carry(a_claim(epoch=3), SignatureMismatch("x-sig does not match"))

        assert [
            _ending("ignored", reason="signature refused: x-sig does not match")
        ] == hands.endings

    async def test_whose_outcome_is_unknown_is_never_tried_twice(self, hands: Hands) -> None:
        await hands.carry(a_claim(epoch=3), UnknownOutcome("no answer"))

        assert [_ending("dead", reason=f"{UNKNOWN}: no answer")] == hands.endings

    @pytest.mark.parametrize(
        "kind", [Transient, ProviderBusy, StoreUnavailable, HandlerUnavailable]
    )
    async def test_that_may_pass_is_retried_after_a_drawn_delay(
        self, hands: Hands, kind: type[Transient]
    ) -> None:
        await hands.carry(a_claim(epoch=3, attempts=2), kind("busy"))

        delay = timedelta(seconds=4)  # half of the eight seconds that a third attempt may wait
        assert [_ending("retry", reason="busy", delay=delay)] == hands.endings

    async def test_of_a_closed_gate_waits_without_an_attempt_even_at_the_last_one(
        self, hands: Hands
    ) -> None:
        await hands.carry(
            a_claim(epoch=3, attempts=MAX_ATTEMPTS - 1), GateClosed(BOT, "it is down")
        )

        assert [_ending("wait", reason="it is down", gate=BOT)] == hands.endings

    async def test_that_names_a_delay_is_retried_after_it(self, hands: Hands) -> None:
        await hands.carry(a_claim(epoch=3), ProviderBusy("busy", timedelta(hours=5)))

        assert [_ending("retry", reason="busy", delay=timedelta(hours=5))] == hands.endings

    @pytest.mark.parametrize(
        ("before", "end"), [(MAX_ATTEMPTS - 2, "retry"), (MAX_ATTEMPTS - 1, "dead")]
    )
    async def test_is_given_up_at_the_last_attempt(
        self, hands: Hands, before: int, end: str
    ) -> None:
        await hands.carry(a_claim(attempts=before), ProviderBusy("busy", timedelta(seconds=1)))

        (ending,) = hands.endings
        assert end == ending.end
        assert ("gave up after 12 attempts: busy" if end == "dead" else "busy") == ending.reason

    @pytest.mark.parametrize(
        "error", [ZeroDivisionError(), CommandRefused("ERR no"), KeyError("x")]
    )
    async def test_that_nobody_foresaw_leaves_the_record_open(
        self, hands: Hands, error: Exception
    ) -> None:
        with pytest.raises(type(error)):
            await hands.carry(a_claim(), error)

        assert [] == hands.endings


class TestALostLease:
    async def test_in_the_job_ends_everything_quietly(self, hands: Hands) -> None:
        with capture_logs() as lines:
            await hands.carry(a_claim(), LeaseLost("req_1"))

        assert [] == hands.order
        assert [("record.lost", "req_1", 1)] == [
            (x["event"], x["record"], x["epoch"]) for x in lines
        ]

    async def test_at_the_end_answers_nobody(self, hands: Hands) -> None:
        """Another worker has the record, and it will answer."""
        hands.holds = False
        with capture_logs() as lines:
            await hands.carry(a_claim(), Done(reply=REPLY))

        assert ["settled"] == hands.order
        assert ["record.lost"] == [line["event"] for line in lines]


class TestAReply:
    @pytest.mark.parametrize(
        "outcome",
        [Done(reply=REPLY), Ignored("no", REPLY), Dead("no", REPLY), Settled(reply=REPLY)],
    )
    async def test_goes_to_whoever_waits(self, hands: Hands, outcome: Outcome) -> None:
        await hands.carry(a_claim(), outcome)

        assert [(ADDRESS, REPLY)] == hands.replies

    async def test_goes_out_after_the_end_is_written(self, hands: Hands) -> None:
        await hands.carry(a_claim(), Done(reply=REPLY))

        assert ["settled", "answered"] == hands.order

    async def test_goes_nowhere_when_nobody_waits(self, hands: Hands) -> None:
        await hands.carry(a_claim(), Done(reply=REPLY), waits=False)

        assert ["settled"] == hands.order

    async def test_is_not_made_up(self, hands: Hands) -> None:
        await hands.carry(a_claim(), Done())
        await hands.carry(a_claim(), Retry(timedelta(), "busy"))

        assert [] == hands.replies

    async def test_that_cannot_be_sent_does_not_undo_the_end(self, hands: Hands) -> None:
        hands.unheard = StoreUnavailable("gone")
        with capture_logs() as lines:
            await hands.carry(a_claim(), Done(reply=REPLY))

        assert ["reply.lost", "record.settled"] == [line["event"] for line in lines]


async def test_lines_of_ends_that_differ_in_anything_differ(hands: Hands) -> None:
    ends = [Ignored("a"), Ignored("b"), Dead("b")] * 2
    left = iter(ends)

    async def job(_: Claim) -> Outcome:
        return next(left)

    journey = Journey(
        jobs={"webhook": job}, settler=hands, answers=hands, clock=hands, chance=hands,
        address_of=lambda _: None,
    )  # fmt: skip
    with capture_logs() as lines:
        for _ in ends:
            await journey.carry(a_claim())

    told = [(line["outcome"], line["reason"]) for line in lines]
    assert [("ignored", "a"), ("ignored", "b"), ("dead", "b")] * 2 == told


async def test_a_job_of_a_newer_version_waits_for_a_worker_that_knows_it(hands: Hands) -> None:
    journey = Journey(
        jobs={},
        settler=hands,
        answers=hands,
        clock=hands,
        chance=hands,
        address_of=lambda _: None,
    )
    await journey.carry(a_claim(job="levitation", epoch=3))

    why = "this version knows no job levitation"
    assert [_ending("wait", reason=why, delay=timedelta(seconds=5))] == hands.endings


async def test_each_end_is_one_line_without_any_content(hands: Hands) -> None:
    claim = a_claim(attempts=1)
    with capture_logs() as lines:
        await hands.carry(claim, Ignored("of no interest", REPLY))

    assert [{
        "event": "record.settled", "log_level": "info", "record": "req_1", "job": "webhook",
        "integration": "linear", "attempt": 2, "outcome": "ignored", "reason": "of no interest",
        "seconds": 0.25,
    }] == lines  # fmt: skip
