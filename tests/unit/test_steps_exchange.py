"""One code, one exchange."""

from __future__ import annotations

from datetime import timedelta

import pytest

from shared.errors import (
    EgressRefused,
    FlowRefused,
    GateClosed,
    LeaseLost,
    ProviderBusy,
    StoreUnavailable,
    UnknownOutcome,
)
from shared.failpoints import POINTS
from shared.secret import Secret
from shared.steps.effects import (
    FAIL_POINTS,
    Activate,
    CommitStep,
    ForgetIntent,
    StepState,
    perform,
)
from shared.steps.exchange import exchange
from tests.unit.oauth_builders import GITHUB_APP, LINEAR, NOON, answered, granted
from tests.unit.steps_builders import Played, an_exchange

BEGUN = StepState(status="begun")
INTENT = StepState(status="intent")
OK = answered({})


def result_of(played: Played) -> StepState:
    [commit] = [one for one in played.effects if isinstance(one, CommitStep)]
    return StepState(status="result", result=commit.result)


def cause_of(played: Played) -> str:
    assert isinstance(played.error, FlowRefused), played.error
    return played.error.cause


class TestTheUsualWay:
    def test_notes_the_intent_calls_keeps_the_answer_and_activates(self) -> None:
        played = Played(exchange(an_exchange()), [BEGUN, NOON, granted(), True, BEGUN, None])

        assert [
            "BeginStep",
            "Now",
            "token",
            "CommitStep",
            "BeginStep",
            "Activate",
        ] == played.asked
        assert "T1" == played.value.id

    def test_comes_by_named_places_that_exist(self) -> None:
        played = Played(exchange(an_exchange()), [BEGUN, NOON, granted(), True, BEGUN, None])

        assert [
            "exchange.intent", "exchange.sent", "exchange.result", "activate.before", "activate.done",
        ] == played.places  # fmt: skip
        assert set(FAIL_POINTS) <= set(POINTS)

    def test_activates_the_tokens_with_the_account(self) -> None:
        played = Played(exchange(an_exchange()), [BEGUN, NOON, granted(), True, BEGUN, None])

        activate = played.effects[-1]
        assert isinstance(activate, Activate)
        assert Secret(b"access-1") == activate.tokens.access
        assert NOON == activate.tokens.obtained_at

    def test_asks_who_has_connected_with_the_new_token(self) -> None:
        who = answered({"data": {"organization": {"id": "org-1"}}})

        played = Played(
            exchange(an_exchange(provider=LINEAR)),
            [BEGUN, NOON, granted(), True, BEGUN, who, None],
        )

        assert "org-1" == played.value.id


class TestAStoreThatFails:
    def test_is_asked_again_to_keep_the_answer(self) -> None:
        failed = StoreUnavailable("?")

        played = Played(
            exchange(an_exchange()), [BEGUN, NOON, granted(), failed, failed, True, BEGUN, None]
        )

        assert "T1" == played.value.id

    def test_is_not_asked_for_ever(self) -> None:
        failed = StoreUnavailable("?")

        played = Played(
            exchange(an_exchange()), [BEGUN, NOON, granted(), failed, failed, failed]
        )

        assert failed is played.error

    def test_at_the_activation_leaves_everything_to_the_next_run(self) -> None:
        failed = StoreUnavailable("?")

        played = Played(exchange(an_exchange()), [BEGUN, NOON, granted(), True, BEGUN, failed])

        assert failed is played.error
        assert "Activate" == played.asked[-1]


class TestASecondRun:
    def test_uses_the_kept_answer_and_sends_nothing(self) -> None:
        first = Played(
            exchange(an_exchange()),
            [BEGUN, NOON, granted(), True, BEGUN, StoreUnavailable("?")],
        )

        second = Played(exchange(an_exchange()), [result_of(first), BEGUN, None])

        assert isinstance(first.error, StoreUnavailable)
        assert ["BeginStep", "BeginStep", "Activate"] == second.asked
        assert "T1" == second.value.id

    def test_with_an_intent_and_no_answer_ends_in_connect_again(self) -> None:
        played = Played(exchange(an_exchange()), [INTENT])

        assert "exchange_unknown" == cause_of(played)
        assert ["BeginStep"] == played.asked

    def test_refuses_what_was_refused_before(self) -> None:
        """Whoever refused may be about to revoke, so nobody may activate any more."""
        first = Played(
            exchange(an_exchange()),
            [BEGUN, NOON, granted(), True, BEGUN, StoreUnavailable("?")],
        )
        verdict = StepState(status="result", result=Secret(b"wrong_account"))

        second = Played(exchange(an_exchange()), [result_of(first), verdict, True, False, OK])

        assert "wrong_account" == cause_of(second)
        assert ["BeginStep", "BeginStep", "CommitStep", "IsActive", "revoke"] == second.asked


class TestAnExchangeThatFails:
    @pytest.mark.parametrize(
        ("answer", "cause"),
        [
            (answered({"error": "invalid_grant"}, 400), "flow_expired"),
            (answered({"error": "invalid_client"}, 401), "misconfigured"),
            (answered({"error": "redirect_uri_mismatch"}), "redirect_mismatch"),
            (answered({"error": "whatever"}, 400), "provider_error"),
        ],
    )
    def test_because_the_provider_says_no_is_kept_and_final(self, answer, cause: str) -> None:
        played = Played(exchange(an_exchange()), [BEGUN, NOON, answer, True])

        assert cause == cause_of(played)
        again = Played(exchange(an_exchange()), [result_of(played)])
        assert cause == cause_of(again)

    @pytest.mark.parametrize(
        "answer", [UnknownOutcome("cut"), answered(b"", 502), answered(b"", 503)]
    )
    def test_with_an_unknown_outcome_is_never_repeated(self, answer) -> None:
        played = Played(exchange(an_exchange()), [BEGUN, NOON, answer])

        assert "exchange_unknown" == cause_of(played)

    @pytest.mark.parametrize(
        ("answer", "after"),
        [
            (ProviderBusy("connection refused"), 2),
            (answered({}, 429), 2),
            (answered({}, 503, retry_after="7"), 7),
        ],
    )
    def test_before_anything_was_processed_may_begin_again(self, answer, after: int) -> None:
        played = Played(exchange(an_exchange()), [BEGUN, NOON, answer, None])

        assert isinstance(played.effects[-1], ForgetIntent)
        assert isinstance(played.error, ProviderBusy)
        assert timedelta(seconds=after) == played.error.after

    def test_waits_behind_the_provider_s_gate_and_may_begin_again(self) -> None:
        closed = GateClosed("provider:acme/acme.example", "it asked", timedelta(seconds=60))
        played = Played(exchange(an_exchange()), [BEGUN, NOON, closed, None])

        assert isinstance(played.effects[-1], ForgetIntent)
        assert closed is played.error

    def test_waits_behind_no_gate_that_stays_closed_longer_than_the_code_works(self) -> None:
        closed = GateClosed("provider:acme/acme.example", "by hand", timedelta(hours=1))

        assert "provider_busy" == cause_of(
            Played(exchange(an_exchange()), [BEGUN, NOON, closed])
        )

    def test_is_not_tried_again_after_the_code_has_expired(self) -> None:
        answer = answered({}, 429, retry_after="900")

        assert "provider_busy" == cause_of(
            Played(exchange(an_exchange()), [BEGUN, NOON, answer])
        )
        assert "flow_expired" == cause_of(Played(exchange(an_exchange()), [BEGUN, NOON + 600]))

    def test_at_the_egress_guard_is_misconfigured(self) -> None:
        played = Played(exchange(an_exchange()), [BEGUN, NOON, EgressRefused("10.0.0.1")])

        assert "misconfigured" == cause_of(played)


class TestAnAnswerNobodyWaitsFor:
    def test_is_revoked_when_the_flow_has_ended(self) -> None:
        played = Played(exchange(an_exchange()), [BEGUN, NOON, granted(), False, False, OK])

        assert ["IsActive", "revoke"] == played.asked[-2:]
        assert isinstance(played.error, LeaseLost)

    def test_is_not_revoked_when_it_is_the_active_token(self) -> None:
        played = Played(exchange(an_exchange()), [BEGUN, NOON, granted(), False, True])

        assert "IsActive" == played.asked[-1]

    def test_is_left_alone_when_another_worker_goes_on_from_it(self) -> None:
        played = Played(exchange(an_exchange()), [BEGUN, NOON, granted(), LeaseLost("epoch 1")])

        assert "CommitStep" == played.asked[-1]
        assert isinstance(played.error, LeaseLost)

    def test_was_no_token(self) -> None:
        refused = answered({"error": "invalid_grant"}, 400)

        played = Played(exchange(an_exchange()), [BEGUN, NOON, refused, False])

        assert isinstance(played.error, LeaseLost)


class TestAnAccountThatIsNotTheUsers:
    ORDER = an_exchange(
        provider=GITHUB_APP, callback={"installation_id": "7"}, inputs={"APP_SLUG": "x"}
    )
    LINK = '<https://api.github.com/user/installations?page=2>; rel="next"'

    def test_is_refused_and_the_token_revoked(self) -> None:
        page = answered({"installations": [{"id": 8}]})

        played = Played(
            exchange(self.ORDER),
            [BEGUN, NOON, granted(), True, BEGUN, page, NOON, True, False, OK],
        )

        assert "wrong_account" == cause_of(played)
        assert ["membership", "Now", "CommitStep", "IsActive", "revoke"] == played.asked[-5:]

    def test_is_looked_for_on_all_pages(self) -> None:
        first = answered({"installations": []}, link=self.LINK)
        second = answered({"installations": [{"id": 7, "account": {"login": "acme"}}]})

        played = Played(
            exchange(self.ORDER),
            [BEGUN, NOON, granted(), True, BEGUN, first, NOON, second, NOON, None],
        )

        assert ("7", "acme") == (played.value.id, played.value.name)

    def test_is_asked_for_again_later_when_the_provider_is_busy(self) -> None:
        played = Played(
            exchange(self.ORDER),
            [BEGUN, NOON, granted(), True, BEGUN, UnknownOutcome("cut"), NOON],
        )

        assert isinstance(played.error, ProviderBusy)

    def test_is_given_up_when_the_flow_is_over(self) -> None:
        played = Played(
            exchange(self.ORDER),
            [
                BEGUN,
                NOON,
                granted(),
                True,
                BEGUN,
                ProviderBusy("429"),
                NOON + 1800,
                True,
                False,
                OK,
            ],
        )

        assert "provider_busy" == cause_of(played)


class TestAnActivationThatIsRefused:
    def test_leaves_no_live_token_behind(self) -> None:
        refused = FlowRefused("already_bound")

        played = Played(
            exchange(an_exchange()),
            [BEGUN, NOON, granted(), True, BEGUN, refused, True, False, ProviderBusy("429")],
        )

        assert "already_bound" == cause_of(played)
        assert ["CommitStep", "IsActive", "revoke"] == played.asked[-3:]

    def test_keeps_a_token_that_an_installation_works_with(self) -> None:
        """Slack gives every installation in a workspace the same bot token."""
        refused = FlowRefused("already_bound")

        played = Played(
            exchange(an_exchange()), [BEGUN, NOON, granted(), True, BEGUN, refused, True, True]
        )

        assert "IsActive" == played.asked[-1]


class TestTheDriver:
    async def test_sends_results_and_raises_errors_into_the_steps(self) -> None:
        answers = iter([BEGUN, None, NOON, UnknownOutcome("cut")])

        async def handle(_):
            answer = next(answers)
            if isinstance(answer, Exception):
                raise answer
            return answer

        with pytest.raises(FlowRefused) as refused:
            await perform(exchange(an_exchange()), handle)
        assert "exchange_unknown" == refused.value.cause

    async def test_returns_the_value_of_the_steps(self) -> None:
        answers = iter(
            [BEGUN, None, NOON, granted(), None, True, None, BEGUN, None, None, None]
        )

        async def handle(_):
            return next(answers)

        assert "T1" == (await perform(exchange(an_exchange()), handle)).id
