"""Every vector that the providers' own libraries, or two independent implementations, have signed."""

from __future__ import annotations

from typing import Any

import pytest

from shared.signatures import SCHEMES, Verify, check
from tests.unit.signature_builders import (
    VECTORS,
    a_request,
    a_rule,
    is_accepted,
    request_of,
)

PROVIDERS = sorted({vector["provider"] for vector in VECTORS} - {"hubspot"})


def rule_of(vector: dict[str, Any]) -> Verify:
    """The scheme that goes by the provider's name, where a provider has but one."""
    own = {"hubspot-v1", "shopify-callback"}
    return a_rule(vector["scheme"] if vector["scheme"] in own else vector["provider"])


@pytest.mark.parametrize("vector", VECTORS, ids=lambda vector: vector["id"])
def test_the_verdict_is_the_vectors(vector: dict[str, Any]) -> None:
    """A genuine request passes; the same request changed, late, early or unsigned does not."""
    accepted = is_accepted(
        rule_of(vector),
        request_of(vector),
        vector["secret"],
        now=float(vector["now"]),
        url=vector["url"],
    )

    assert vector["valid"] == accepted, vector["reason"]


@pytest.mark.parametrize("vector", VECTORS, ids=lambda vector: vector["id"])
def test_an_empty_secret_passes_nothing(vector: dict[str, Any]) -> None:
    now = float(vector["now"])

    assert not is_accepted(rule_of(vector), request_of(vector), "", now=now)
    assert not is_accepted(rule_of(vector), request_of(vector), now=now)


@pytest.mark.parametrize("name", PROVIDERS)
def test_a_provider_is_named_and_nothing_more(name: str) -> None:
    """So that a definition says `scheme = "linear"` and where the secret lies."""
    assert name in SCHEMES
    check(a_rule(name))


def test_the_published_example_of_hubspot_v2_passes() -> None:
    """https://developers.hubspot.com/docs/apps/developer-platform/build-apps/authentication/request-validation."""
    raw = a_request(
        method="GET",
        headers={
            "x-hubspot-signature": "eee2dddcc73c94d699f5e395f4b9d454a069a6855fbfa152e91e88823087200e"
        },
    )
    secret = "yyyyyyyy-yyyy-yyyy-yyyy-yyyyyyyyyyyy"

    assert is_accepted(
        a_rule("hubspot-v2"), raw, secret, url="https://www.example.com/webhook_uri"
    )
