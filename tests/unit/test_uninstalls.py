"""Which event is a provider's goodbye."""

from __future__ import annotations

from typing import Any

import msgspec
import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.integrations.registry import built_in
from shared.uninstalls import Uninstall, check, uninstall_in
from tests.unit.signature_builders import a_request

ALL = {definition.name: definition for definition in built_in()}


def declared(**document: Any) -> Uninstall:
    one = msgspec.convert(document, Uninstall)
    check(one)
    return one


def is_goodbye(one: Uninstall, document: Any, **headers: str) -> bool:
    return uninstall_in([one], a_request(body=orjson.dumps(document), headers=headers)) is one


def test_every_condition_must_hold() -> None:
    one = declared(
        whenHeader={"x-event": "installation"}, whenJson={"action": "deleted"}, json="id"
    )
    said = {"action": "deleted", "id": 1}

    assert is_goodbye(one, said, **{"x-event": "installation"})
    assert not is_goodbye(one, said, **{"x-event": "push"})
    assert not is_goodbye(one, said)
    assert not is_goodbye(one, {**said, "action": "created"}, **{"x-event": "installation"})
    assert not is_goodbye(one, {**said, "id": None}, **{"x-event": "installation"})


def test_one_item_of_a_list_is_enough() -> None:
    """HubSpot and Xero send lists; each installation sees its own part."""
    top, inner = (
        declared(whenJson={"[].type": "bye"}),
        declared(whenJson={"events[].type": "bye"}),
    )

    assert is_goodbye(top, [{"type": "hi"}, {"type": "bye"}])
    assert is_goodbye(inner, {"events": [{}, {"type": "bye"}]})
    assert not is_goodbye(top, {"type": "bye"})
    assert not is_goodbye(inner, {"events": {"type": "bye"}})


def test_values_are_compared_with_their_type() -> None:
    one = declared(whenJson={"gone": True})

    assert is_goodbye(one, {"gone": True})
    assert not is_goodbye(one, {"gone": 1})
    assert not is_goodbye(one, {"gone": "true"})


@pytest.mark.parametrize("document", [{}, {"note": "x"}, {"whenHeader": {"X-Event": "a"}}])
def test_what_cannot_be_recognised_is_refused(document: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match="whenHeader"):
        check(msgspec.convert(document, Uninstall))


@pytest.mark.parametrize(
    ("name", "body", "headers"),
    [
        ("slack", {"event": {"type": "app_uninstalled"}}, {}),
        ("slack", {"event": {"type": "tokens_revoked", "tokens": {"bot": ["UB"]}}}, {}),
        ("github", {"action": "deleted"}, {"x-github-event": "installation"}),
        ("linear", {"type": "OAuthApp", "action": "revoked"}, {}),
    ],
)
def test_what_providers_send_is_known(
    name: str, body: dict[str, Any], headers: dict[str, str]
) -> None:
    raw = a_request(body=orjson.dumps(body), headers=headers)

    assert uninstall_in(ALL[name].uninstalls, raw) is not None


@pytest.mark.parametrize(
    ("name", "body", "headers"),
    [
        ("slack", {"event": {"type": "tokens_revoked", "tokens": {"oauth": ["U"], "bot": []}}}, {}),
        ("github", {"action": "deleted"}, {"x-github-event": "issues"}),
        ("github", {"action": "suspend"}, {"x-github-event": "installation"}),
        ("linear", {"type": "Issue", "action": "revoked"}, {}),
    ],
)  # fmt: skip
def test_what_is_none_is_not_taken_for_one(
    name: str, body: dict[str, Any], headers: dict[str, str]
) -> None:
    raw = a_request(body=orjson.dumps(body), headers=headers)

    assert uninstall_in(ALL[name].uninstalls, raw) is None


@given(st.binary(max_size=60))
def test_whatever_arrives_is_at_most_not_one(body: bytes) -> None:
    one = declared(whenJson={"[].type": "bye", "a.b": True}, json="c[]")

    assert uninstall_in([one], a_request(body=body)) is None
