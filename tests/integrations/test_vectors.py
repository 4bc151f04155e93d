"""Every published or library-signed request, judged by the definition of its provider's folder."""

from __future__ import annotations

import pytest

from tests.integrations.conformance import definition_of, received
from tests.integrations.conformance_steps import passes
from tests.integrations.signers import VECTORS, vector

FOLDER_OF = {
    "calcom": "cal-com",
    "gitlab-signing": "gitlab",
    "google-channel": "google-calendar",
    "hubspot-v2": "hubspot",
    "hubspot-v3": "hubspot",
    "meta": "messenger",
    "msgraph": "microsoft-graph",
    "standardwebhooks": "standard-webhooks",
    "svix": "standard-webhooks",
}
WEBHOOKS = [id for id, one in VECTORS.items() if one["scheme"] != "shopify-callback"]


@pytest.mark.parametrize("id", WEBHOOKS)
def test_the_folder_s_verdict_is_the_vector_s(id: str) -> None:
    """Whichever of a provider's ways to sign it was signed in."""
    request, _ = vector(id)
    provider = VECTORS[id]["provider"]
    name = FOLDER_OF.get(provider, provider)
    accepted = passes(definition_of(name), received(request, name), request, request.now)

    assert VECTORS[id]["valid"] == accepted, VECTORS[id]["reason"]


@pytest.mark.parametrize("name", ["google-drive", "google-sheets", "instagram", "whatsapp"])
def test_products_that_share_a_scheme_judge_alike(name: str) -> None:
    provider = "google-channel" if name.startswith("google") else "meta"
    for id, one in VECTORS.items():
        if one["provider"] == provider:
            request, _ = vector(id)
            raw = received(request, name)

            assert one["valid"] == passes(definition_of(name), raw, request, request.now), id
