"""Several rules for one webhook: which decide, and that the weaker is no way round the stronger."""

from __future__ import annotations

import hashlib
from typing import Any

import pytest

from shared.errors import SignatureMismatch
from shared.secret import Secret
from shared.signatures import Verify, chosen, verify
from tests.unit.signature_builders import VECTORS, a_request, a_rule, request_of

HUBSPOT = (a_rule("hubspot-v3"), a_rule("hubspot-v2"), a_rule("hubspot-v1"))
GITLAB = (a_rule("gitlab-signing"), a_rule("gitlab"))
RULES = {
    "hubspot": HUBSPOT, "hubspot-v2": HUBSPOT, "hubspot-v3": HUBSPOT,
    "gitlab": GITLAB, "gitlab-signing": GITLAB,
}  # fmt: skip


def holds(rules: tuple[Verify, ...], raw: Any, secret: str, now: float, url: str = "") -> bool:
    """As the worker and the command do it."""
    main, beside = chosen(rules, raw)

    def one(rule: Verify) -> bool:
        try:
            verify(rule, [Secret(secret.encode())], raw, now=now, public_url=url)
        except SignatureMismatch:
            return False
        return True

    return any(map(one, main)) and all(map(one, beside))


@pytest.mark.parametrize(
    "vector", [v for v in VECTORS if v["provider"] in RULES], ids=lambda vector: vector["id"]
)
def test_one_definition_takes_all_that_its_provider_sends(vector: dict[str, Any]) -> None:
    """HubSpot's three versions, GitLab's token and its signing token."""
    raw, rules = request_of(vector), RULES[vector["provider"]]

    assert vector["valid"] == holds(
        rules, raw, vector["secret"], vector["now"], vector["url"]
    ), vector["reason"]


def test_a_broken_strong_signature_is_not_saved_by_a_good_weak_one() -> None:
    body, secret = b"[]", "s3cret"
    weak = hashlib.sha256(secret.encode() + body).hexdigest()
    headers = {"x-hubspot-signature": weak}
    good = a_request(headers=headers, body=body)
    both = a_request(headers={**headers, "x-hubspot-signature-v3": "AAAA"}, body=body)

    assert holds(HUBSPOT, good, secret, 0.0, "https://a.example")
    assert not holds(HUBSPOT, both, secret, 0.0, "https://a.example")


def test_where_no_signature_is_given_the_first_rule_refuses() -> None:
    main, beside = chosen(HUBSPOT, a_request(query="%ff", body=b"\xff"))

    assert ([HUBSPOT[0]], []) == (main, beside)


def test_a_rule_beside_must_hold_where_its_signature_is_given() -> None:
    rules = (a_rule("msgraph"), a_rule("token", header="x-token", also=True))
    body = b'{"value":[{"clientState":"s"}]}'

    assert holds(rules, a_request(body=body), "s", 0.0)
    assert holds(rules, a_request(body=body, headers={"x-token": "s"}), "s", 0.0)
    assert not holds(rules, a_request(body=body, headers={"x-token": "t"}), "s", 0.0)
    assert not holds(rules, a_request(headers={"x-token": "s"}), "s", 0.0)


def test_places_in_query_and_body_are_seen_too() -> None:
    rules = (a_rule("custom", query="sig"), a_rule("figma"))

    assert rules[:1] == tuple(chosen(rules, a_request(query="sig=00"))[0])
    assert rules[1:] == tuple(chosen(rules, a_request(body=b'{"passcode":1}'))[0])
