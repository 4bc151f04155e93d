"""One use of each refresh token."""

from __future__ import annotations

import pytest

from shared.errors import (
    GateClosed,
    ProviderBusy,
    ProviderRefused,
    StoreUnavailable,
    UnknownOutcome,
)
from shared.secret import Secret
from shared.steps.effects import ReplaceTokens, StepState, StoredTokens
from shared.steps.refresh import refresh
from tests.unit.oauth_builders import NOON, a_provider, answered, granted, some_tokens
from tests.unit.steps_builders import Played, a_refresh

BEGUN = StepState(status="begun")
INTENT = StepState(status="intent", since=NOON)
STORED = StoredTokens(tokens=some_tokens(), version=3)
NEWER = StoredTokens(tokens=some_tokens(access=Secret(b"access-9")), version=4)
DUE = NOON + 3000  # four fifths are over, ten minutes are left
OVER = NOON + 3590


def access(played: Played) -> bytes:
    assert played.error is None, played.error
    value: bytes = played.value.access.reveal()
    return value


class TestATokenThatIsNotDue:
    def test_is_used_as_it_is(self) -> None:
        assert b"access-1" == access(Played(refresh(a_refresh()), [STORED, NOON]))

    def test_may_be_one_that_is_never_refreshed(self) -> None:
        lasting = StoredTokens(tokens=some_tokens(refresh=None), version=1)

        assert b"access-1" == access(Played(refresh(a_refresh()), [lasting, OVER]))


class TestATokenThatNothingRenews:
    LASTING = StoredTokens(tokens=some_tokens(refresh=None), version=1)

    def test_is_used_to_its_end(self) -> None:
        assert b"access-1" == access(Played(refresh(a_refresh()), [self.LASTING, NOON + 3599]))

    def test_then_asks_for_a_new_connection(self) -> None:
        """Facebook, LinkedIn without refresh tokens: the user comes back every two months."""
        played = Played(refresh(a_refresh()), [self.LASTING, NOON + 3601, None])

        assert "NeedsReauth" == played.asked[-1]
        assert isinstance(played.error, ProviderRefused)


class TestADueToken:
    def test_is_refreshed_under_the_lease(self) -> None:
        answer = granted(access_token="access-2", refresh_token="refresh-2", expires_in=60)

        played = Played(
            refresh(a_refresh()), [STORED, DUE, True, STORED, BEGUN, answer, True, None]
        )

        assert [
            "ReadTokens", "Now", "TakeLease", "ReadTokens", "BeginStep", "refresh", "ReplaceTokens", "DropLease",
        ] == played.asked  # fmt: skip
        assert b"access-2" == access(played)
        assert ["refresh.intent", "refresh.sent", "refresh.result"] == played.places

    def test_keeps_the_old_refresh_token_when_the_answer_has_none(self) -> None:
        answer = granted(access_token="access-2")

        played = Played(
            refresh(a_refresh()), [STORED, DUE, True, STORED, BEGUN, answer, True, None]
        )

        [replace] = [one for one in played.effects if isinstance(one, ReplaceTokens)]
        assert Secret(b"refresh-1") == replace.tokens.refresh
        assert 3 == replace.version

    def test_is_left_to_the_sibling_that_has_the_lease(self) -> None:
        assert b"access-1" == access(Played(refresh(a_refresh()), [STORED, DUE, False]))

    def test_that_no_longer_works_waits_for_the_sibling(self) -> None:
        played = Played(refresh(a_refresh()), [STORED, OVER, False])

        assert isinstance(played.error, ProviderBusy)

    def test_was_refreshed_by_a_sibling_just_before(self) -> None:
        played = Played(refresh(a_refresh()), [STORED, DUE, True, NEWER, None])

        assert b"access-9" == access(played)

    def test_gives_way_to_a_new_connection(self) -> None:
        played = Played(
            refresh(a_refresh()),
            [STORED, DUE, True, STORED, BEGUN, granted(), False, NEWER, None],
        )

        assert b"access-9" == access(played)


class TestAStoreThatFails:
    def test_is_asked_again_to_keep_the_new_pair(self) -> None:
        """Nothing can bring it again: the refresh token that it was given for is spent."""
        failed = StoreUnavailable("?")

        played = Played(
            refresh(a_refresh()),
            [STORED, DUE, True, STORED, BEGUN, granted(access_token="access-2"), failed, failed, True, None],
        )  # fmt: skip

        assert b"access-2" == access(played)

    def test_is_not_asked_for_ever(self) -> None:
        failed = StoreUnavailable("?")

        played = Played(
            refresh(a_refresh()),
            [STORED, DUE, True, STORED, BEGUN, granted(), failed, failed, failed, None],
        )

        assert failed is played.error


class TestAnUnknownOutcome:
    def test_is_known_after_all_when_its_sender_comes_back(self) -> None:
        played = Played(refresh(a_refresh()), [STORED, OVER, True, STORED, INTENT, NEWER, None])

        assert b"access-9" == access(played)
        assert "refresh" not in played.asked

    @pytest.mark.parametrize("answer", [UnknownOutcome("cut"), answered(b"", 502)])
    def test_keeps_the_old_token_working(self, answer) -> None:
        played = Played(refresh(a_refresh()), [STORED, DUE, True, STORED, BEGUN, answer, None])

        assert b"access-1" == access(played)

    def test_is_not_sent_again_while_the_old_token_works(self) -> None:
        played = Played(refresh(a_refresh()), [STORED, DUE, True, STORED, INTENT, None])

        assert b"access-1" == access(played)
        assert "refresh" not in played.asked

    def test_is_sent_again_when_there_is_nothing_to_lose(self) -> None:
        answer = granted(access_token="access-2")

        played = Played(
            refresh(a_refresh()),
            [STORED, OVER, True, STORED, INTENT, STORED, answer, True, None],
        )

        assert b"access-2" == access(played)

    def test_is_sent_again_within_the_providers_grace(self) -> None:
        order = a_refresh(provider=a_provider(refresh={"grace": 4000}))
        answer = granted(access_token="access-2")

        played = Played(
            refresh(order), [STORED, DUE, True, STORED, INTENT, STORED, answer, True, None]
        )

        assert b"access-2" == access(played)

    def test_is_harmless_where_refresh_tokens_do_not_rotate(self) -> None:
        order = a_refresh(provider=a_provider(refresh={"rotates": False}))

        played = Played(
            refresh(order), [STORED, DUE, True, STORED, INTENT, STORED, granted(), True, None]
        )

        assert b"access-1" == access(played)


class TestARefusal:
    ENDED = answered({"error": "invalid_grant"}, 400)

    def test_means_that_the_user_connects_again(self) -> None:
        played = Played(
            refresh(a_refresh()),
            [STORED, DUE, True, STORED, BEGUN, self.ENDED, STORED, None, None],
        )

        assert ["ReadTokens", "NeedsReauth", "DropLease"] == played.asked[-3:]
        assert isinstance(played.error, ProviderRefused)

    def test_means_nothing_when_a_sibling_was_faster(self) -> None:
        played = Played(
            refresh(a_refresh()), [STORED, DUE, True, STORED, BEGUN, self.ENDED, NEWER, None]
        )

        assert b"access-9" == access(played)

    def test_of_the_client_is_not_the_users_fault(self) -> None:
        answer = answered({"error": "invalid_client"}, 401)

        played = Played(
            refresh(a_refresh()), [STORED, DUE, True, STORED, BEGUN, answer, STORED, None, None]
        )

        assert ["ReadTokens", "ForgetIntent", "DropLease"] == played.asked[-3:]
        assert b"access-1" == access(played)

    def test_may_be_one_of_the_definitions_own_codes(self) -> None:
        order = a_refresh(provider=a_provider(refresh={"ended": ["http_410"]}))

        played = Played(
            refresh(order),
            [STORED, DUE, True, STORED, BEGUN, answered({}, 410), STORED, None, None],
        )

        assert "NeedsReauth" in played.asked


class TestABusyProvider:
    def test_may_be_asked_again(self) -> None:
        played = Played(
            refresh(a_refresh()),
            [STORED, DUE, True, STORED, BEGUN, answered({}, 429), None, None],
        )

        assert ["ForgetIntent", "DropLease"] == played.asked[-2:]
        assert b"access-1" == access(played)

    def test_leaves_no_token_when_the_old_one_has_ended(self) -> None:
        played = Played(
            refresh(a_refresh()),
            [STORED, OVER, True, STORED, BEGUN, ProviderBusy("refused"), None, None],
        )

        assert isinstance(played.error, ProviderBusy)

    def test_that_wants_a_pause_is_waited_for_behind_its_gate(self) -> None:
        closed = GateClosed("provider:acme/acme.example", "because it asked")
        played = Played(
            refresh(a_refresh()), [STORED, OVER, True, STORED, BEGUN, closed, None, None]
        )

        assert ["ForgetIntent", "DropLease"] == played.asked[-2:]
        assert closed is played.error

    def test_that_wants_a_pause_is_no_matter_while_the_old_token_works(self) -> None:
        closed = GateClosed("provider:acme/acme.example", "because it asked")
        played = Played(
            refresh(a_refresh()), [STORED, DUE, True, STORED, BEGUN, closed, None, None]
        )

        assert b"access-1" == access(played)


def test_the_lease_is_dropped_when_the_store_fails() -> None:
    played = Played(
        refresh(a_refresh()), [STORED, DUE, True, STORED, StoreUnavailable("?"), None]
    )

    assert "DropLease" == played.asked[-1]
    assert isinstance(played.error, StoreUnavailable)
