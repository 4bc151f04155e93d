"""Who signs: by provider, with the page that says how. `vector` gives what a provider's own library has signed."""

from __future__ import annotations

import base64
import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.integrations import signing
from tests.integrations.signing import Request, Sign

VECTORS: dict[str, dict[str, Any]] = {
    one["id"]: one
    for one in json.loads(
        (Path(__file__).parents[1] / "unit" / "vectors" / "webhook-signatures.json").read_text()
    )
}


@dataclass(frozen=True, kw_only=True)
class Signer:
    """How a provider signs; `covers` says what a change of would be noticed."""

    page: str  # of the provider
    sign: Sign
    covers: frozenset[str] = frozenset({"secret", "body"})  # and "time"


TIMED = frozenset({"secret", "body", "time"})
SHARED = frozenset({"secret"})
TOKEN = frozenset({"keys", "time"})  # published keys take a secret's place

SIGNERS: dict[str, Signer] = {
    "atlassian-jwt": Signer(
        page="https://developer.atlassian.com/cloud/jira/platform/webhooks/",
        sign=signing.atlassian_jwt,
        covers=SHARED,
    ),
    "body": Signer(
        page="https://www.zoho.com/crm/developer/docs/api/v8/notifications/overview.html",
        sign=signing.in_body,
        covers=SHARED,
    ),
    "bot-framework": Signer(
        page="https://learn.microsoft.com/en-us/azure/bot-service/rest-api/bot-framework-rest-connector-authentication",
        sign=signing.bot_framework,
        covers=TOKEN,
    ),
    "google-pubsub": Signer(
        page="https://cloud.google.com/pubsub/docs/authenticate-push-subscriptions",
        sign=signing.google_pubsub,
        covers=TOKEN,
    ),
    "graph-tokens": Signer(
        page="https://learn.microsoft.com/en-us/graph/change-notifications-with-resource-data",
        sign=signing.graph_tokens,
        covers=SHARED,
    ),
    "hmac-base64": Signer(
        page="https://www.rfc-editor.org/rfc/rfc2104",
        sign=signing.b64_hmac,
    ),
    "meta": Signer(
        page="https://developers.facebook.com/docs/graph-api/webhooks/getting-started",
        sign=signing.hex_in("x-hub-signature-256", "sha256="),
    ),
    "nobody": Signer(
        page="",
        sign=signing.nobody,
        covers=frozenset(),
    ),
    "airtable": Signer(
        page="https://airtable.com/developers/web/api/webhooks-overview", sign=signing.airtable
    ),
    "asana": Signer(
        page="https://developers.asana.com/docs/webhooks-guide",
        sign=signing.hex_in("x-hook-signature"),
    ),
    "attio": Signer(
        page="https://docs.attio.com/rest-api/guides/webhooks",
        sign=signing.hex_in("attio-signature"),
    ),
    "bamboohr": Signer(
        page="https://documentation.bamboohr.com/docs/webhooks",
        sign=signing.bamboohr,
        covers=TIMED,
    ),
    "calcom": Signer(
        page="https://cal.com/docs/developing/guides/automation/webhooks",
        sign=signing.hex_in("x-cal-signature-256"),
    ),
    "calendly": Signer(
        page="https://developer.calendly.com/api-docs/ZG9jOjM2MzE2MDM4-webhook-signatures",
        sign=signing.t_v1("calendly-webhook-signature"),
        covers=TIMED,
    ),
    "clickup": Signer(
        page="https://developer.clickup.com/docs/webhooksignature",
        sign=signing.hex_in("x-signature"),
    ),
    "discord": Signer(
        page="https://docs.discord.com/developers/events/webhook-events",
        sign=signing.discord,
        covers=TIMED,
    ),
    "docusign": Signer(
        page="https://developers.docusign.com/platform/webhooks/connect/hmac/",
        sign=signing.b64_in("x-docusign-signature-1"),
    ),
    "dropbox": Signer(
        page="https://www.dropbox.com/developers/reference/webhooks",
        sign=signing.hex_in("x-dropbox-signature"),
    ),
    "github": Signer(
        page="https://docs.github.com/en/webhooks/using-webhooks/validating-webhook-deliveries",
        sign=signing.hex_in("x-hub-signature-256", "sha256="),
    ),
    "gitlab": Signer(
        page="https://docs.gitlab.com/user/project/integrations/webhooks/",
        sign=signing.header("x-gitlab-token"),
        covers=SHARED,
    ),
    "google-channel": Signer(
        page="https://developers.google.com/workspace/calendar/api/guides/push",
        sign=signing.header("x-goog-channel-token"),
        covers=SHARED,
    ),
    "graph": Signer(
        page="https://learn.microsoft.com/en-us/graph/change-notifications-delivery-webhooks",
        sign=signing.in_body,
        covers=SHARED,
    ),
    "figma": Signer(
        page="https://developers.figma.com/docs/rest-api/webhooks-security/",
        sign=signing.in_body,
        covers=SHARED,
    ),
    "hubspot-v1": Signer(
        page="https://developers.hubspot.com/docs/apps/developer-platform/build-apps/authentication/request-validation",
        sign=signing.hubspot_v1,
    ),
    "hubspot-v2": Signer(
        page="https://developers.hubspot.com/docs/apps/developer-platform/build-apps/authentication/request-validation",
        sign=signing.hubspot_v2,
    ),
    "hubspot-v3": Signer(
        page="https://developers.hubspot.com/docs/apps/developer-platform/build-apps/authentication/request-validation",
        sign=signing.hubspot_v3,
        covers=TIMED,
    ),
    "hmac": Signer(
        page="https://www.rfc-editor.org/rfc/rfc2104",
        sign=signing.hex_in("x-signature-256", "sha256="),
    ),
    "intercom": Signer(
        page="https://developers.intercom.com/docs/webhooks",
        sign=signing.hex_in("x-hub-signature", "sha1=", "sha1"),
    ),
    "jira": Signer(
        page="https://developer.atlassian.com/cloud/jira/platform/webhooks/",
        sign=signing.hex_in("x-hub-signature", "sha256="),
    ),
    "line": Signer(
        page="https://developers.line.biz/en/docs/messaging-api/verify-webhook-signature/",
        sign=signing.b64_in("x-line-signature"),
    ),
    "linear": Signer(
        page="https://linear.app/developers/webhooks", sign=signing.linear, covers=TIMED
    ),
    "linkedin": Signer(
        page="https://learn.microsoft.com/en-us/linkedin/shared/api-guide/webhook-validation",
        sign=signing.linkedin,
    ),
    "monday": Signer(
        page="https://developer.monday.com/apps/docs/integration-authorization",
        sign=signing.monday,
        covers=frozenset({"secret", "time"}),
    ),
    "notion": Signer(
        page="https://developers.notion.com/reference/webhooks",
        sign=signing.hex_in("x-notion-signature", "sha256="),
    ),
    "pagerduty": Signer(
        page="https://developer.pagerduty.com/docs/webhooks/webhook-signatures/",
        sign=signing.hex_in("x-pagerduty-signature", "v1="),
    ),
    "query-token": Signer(
        page="https://mailchimp.com/developer/marketing/guides/sync-audience-data-webhooks/",
        sign=signing.query("token"),
        covers=SHARED,
    ),
    "sendgrid": Signer(
        page="https://www.twilio.com/docs/sendgrid/for-developers/tracking-events/getting-started-event-webhook-security-features",
        sign=signing.sendgrid,
        covers=TIMED,
    ),
    "shopify": Signer(
        page="https://shopify.dev/docs/apps/build/webhooks/subscribe/https",
        sign=signing.b64_in("x-shopify-hmac-sha256"),
    ),
    "slack": Signer(
        page="https://docs.slack.dev/authentication/verifying-requests-from-slack",
        sign=signing.v0("x-slack-signature", "x-slack-request-timestamp"),
        covers=TIMED,
    ),
    "standard": Signer(
        page="https://github.com/standard-webhooks/standard-webhooks/blob/main/spec/standard-webhooks.md",
        sign=signing.standard,
        covers=TIMED,
    ),
    "stripe": Signer(
        page="https://docs.stripe.com/webhooks#verify-manually",
        sign=signing.t_v1("stripe-signature"),
        covers=TIMED,
    ),
    "sunshine": Signer(
        page="https://developer.zendesk.com/documentation/conversations/messaging-platform/webhooks/",
        sign=signing.header("x-api-key"),
        covers=SHARED,
    ),
    "telegram": Signer(
        page="https://core.telegram.org/bots/api#setwebhook",
        sign=signing.header("x-telegram-bot-api-secret-token"),
        covers=SHARED,
    ),
    "todoist": Signer(
        page="https://developer.todoist.com/api/v1/#tag/Webhooks",
        sign=signing.b64_in("x-todoist-hmac-sha256"),
    ),
    "trello": Signer(
        page="https://developer.atlassian.com/cloud/trello/guides/rest-api/webhooks/",
        sign=signing.trello,
    ),
    "twilio": Signer(
        page="https://www.twilio.com/docs/usage/security",
        sign=signing.twilio,
    ),
    "twilio-json": Signer(
        page="https://www.twilio.com/docs/usage/security", sign=signing.url_twilio_json
    ),
    "typeform": Signer(
        page="https://www.typeform.com/developers/webhooks/secure-your-webhooks/",
        sign=signing.b64_in("typeform-signature", "sha256="),
    ),
    "webflow": Signer(
        page="https://developers.webflow.com/data/docs/working-with-webhooks",
        sign=signing.webflow,
        covers=TIMED,
    ),
    "xero": Signer(
        page="https://developer.xero.com/documentation/guides/webhooks/configuring-your-server/",
        sign=signing.b64_in("x-xero-signature"),
    ),
    "zendesk": Signer(
        page="https://developer.zendesk.com/documentation/webhooks/verifying/",
        sign=signing.zendesk,
        covers=TIMED,
    ),
    "zoom": Signer(
        page="https://developers.zoom.us/docs/api/webhooks/",
        sign=signing.v0("x-zm-signature", "x-zm-request-timestamp"),
        covers=TIMED,
    ),
}


def vector(id: str) -> tuple[Request, Signer]:
    """A request that the provider's own library, or another independent one, has signed."""
    found = VECTORS[id]
    request = Request(
        method=found["method"],
        url=found["url"],
        headers=dict(found["headers"]),
        body=base64.b64decode(found["body"]),
        secret=found["secret"],
        now=float(found["now"]),
    )
    return request, Signer(page=found["source"], sign=signing.nobody, covers=SHARED)
