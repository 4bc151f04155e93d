"""
The named schemes, in the grammar of `records`.

Sources: the providers' own pages as collected in the project's reference, each proven by vectors that their own
libraries signed (tests/unit/vectors). A scheme that signs no time has no replay window; deduplication by the
provider's delivery id is all there is.
"""

from __future__ import annotations

from shared.signatures.records import Algorithm, Claims, Grammar, Timestamp, ValuePlace


def _hex(header: str, form: str = "plain", algorithm: Algorithm = "hmac-sha256") -> Grammar:
    return Grammar(header=(header,), format=form, algorithm=algorithm)


def _base64(*headers: str, form: str = "plain") -> Grammar:
    return Grammar(header=headers, format=form, encoding="base64")


def _token(*headers: str, body: str = "") -> Grammar:
    return Grammar(header=headers, body=body, algorithm="token", encoding="utf8", parts=())


def _versioned(provider: str, stamp: str) -> Grammar:
    """`v0=` HMAC of `v0:time:body`, first seen at Slack."""
    return Grammar(
        header=(f"{provider}-signature",),
        format="prefix:v0=",
        parts=("lit:v0:", f"header:{stamp}", "lit::", "body"),
        time=Timestamp(from_=f"header:{stamp}"),
    )


def _stripe(header: str, past: int = 300) -> Grammar:
    """`t=…,v1=…`; v0 and other labels are ignored. https://docs.stripe.com/webhooks#verify-manually."""
    return Grammar(
        header=(header,),
        format="list:,:=:v1",
        parts=("kv:t", "lit:.", "body"),
        time=Timestamp(from_="kv:t", past=past),
    )


def _standard(prefix: str) -> Grammar:
    """https://github.com/standard-webhooks/standard-webhooks/blob/main/spec/standard-webhooks.md."""
    return Grammar(
        header=(f"{prefix}-signature",),
        format="list: :,:v1",
        encoding="base64",
        key="whsec",
        parts=(f"header:{prefix}-id", "lit:.", f"header:{prefix}-timestamp", "lit:.", "body"),
        time=Timestamp(from_=f"header:{prefix}-timestamp"),
    )


def _hubspot(*parts: str) -> Grammar:
    """A plain SHA-256 with the secret in front; no time. https://developers.hubspot.com/docs."""
    return Grammar(
        header=("x-hubspot-signature",), algorithm="sha256", parts=("secret", *parts)
    )


def _bearer(jwt: Claims, algorithm: Algorithm = "jwt-jwks") -> Grammar:
    """`Authorization: Bearer` and a JWT, which says who sent it and where to; the body is not signed."""
    return Grammar(
        header=("authorization",), format="jwt", encoding="utf8", algorithm=algorithm, parts=(), jwt=jwt
    )  # fmt: skip


_HUBSPOT_TIME = "header:x-hubspot-request-timestamp"
_WEBFLOW_TIME = "header:x-webflow-timestamp"
_ZENDESK_TIME = "header:x-zendesk-webhook-signature-timestamp"
_DISCORD_TIME = "header:x-signature-timestamp"
_SENDGRID_TIME = "header:x-twilio-email-event-webhook-timestamp"

_BY_NAME: dict[str, Grammar] = {
    # the header is the rule's to name
    "hmac-sha256-hex": Grammar(),
    "hmac-sha256-base64": Grammar(encoding="base64"),
    "hmac-sha1-hex": Grammar(algorithm="hmac-sha1"),
    "hmac-sha1-base64": Grammar(algorithm="hmac-sha1", encoding="base64"),
    "token": _token(),
    # hex of the body
    "asana": _hex("x-hook-signature"),
    "attio": Grammar(header=("attio-signature", "x-attio-signature")),
    "calcom": _hex("x-cal-signature-256"),
    "clickup": _hex("x-signature"),
    "dropbox": _hex("x-dropbox-signature"),
    "github-sha256": _hex("x-hub-signature-256", "prefix:sha256="),
    "intercom": _hex("x-hub-signature", "prefix:sha1=", "hmac-sha1"),
    "jira": _hex("x-hub-signature", "prefix:sha256="),
    "notion": _hex("x-notion-signature", "prefix:sha256="),
    "pagerduty": _hex("x-pagerduty-signature", "list:,:=:v1"),
    "airtable": Grammar(
        header=("x-airtable-content-mac",), format="prefix:hmac-sha256=", key="base64"
    ),
    # the prefix is signed, not sent
    "linkedin": Grammar(header=("x-li-signature",), parts=("lit:hmacsha256=", "body")),
    # the SDK allows a minute: https://github.com/linear/linear/blob/master/packages/sdk/src/webhooks
    "linear": Grammar(
        header=("linear-signature",),
        time=Timestamp(
            from_=("json:webhookTimestamp", "header:linear-timestamp"),
            unit="ms",
            past=60,
            future=60,
        ),
    ),
    # base64 of the body
    "docusign": _base64(*(f"x-docusign-signature-{number}" for number in range(1, 17))),
    "line": _base64("x-line-signature"),
    "shopify": _base64("x-shopify-hmac-sha256", "shopify-hmac-sha256"),
    "todoist": _base64("x-todoist-hmac-sha256"),
    "typeform": _base64("typeform-signature", form="prefix:sha256="),
    "xero": _base64("x-xero-signature"),
    # with a time
    "slack-v0": _versioned("x-slack", "x-slack-request-timestamp"),
    "zoom-v0": _versioned("x-zm", "x-zm-request-timestamp"),
    "stripe-v1": _stripe("stripe-signature"),
    "calendly": _stripe("calendly-webhook-signature", past=180),
    "standard-webhooks": _standard("webhook"),
    "svix": _standard("svix"),
    "webflow": Grammar(
        header=("x-webflow-signature",),
        parts=(_WEBFLOW_TIME, "lit::", "body"),
        time=Timestamp(from_=_WEBFLOW_TIME, unit="ms"),
    ),
    "zendesk": Grammar(
        header=("x-zendesk-webhook-signature",),
        encoding="base64",
        parts=(_ZENDESK_TIME, "body"),
        time=Timestamp(from_=_ZENDESK_TIME, unit="iso"),
    ),
    # with the public URL
    "hubspot-v1": _hubspot("body"),
    "hubspot-v2": _hubspot("method", "url", "body"),
    "hubspot-v3": Grammar(
        header=("x-hubspot-signature-v3",),
        encoding="base64",
        parts=("method", "url-decoded", "body", _HUBSPOT_TIME),
        time=Timestamp(from_=_HUBSPOT_TIME, unit="ms"),
    ),
    "trello": Grammar(
        header=("x-trello-webhook",),
        algorithm="hmac-sha1",
        encoding="base64",
        parts=("body", "url"),
    ),
    # https://www.twilio.com/docs/usage/security#validating-requests
    "twilio": Grammar(
        header=("x-twilio-signature",),
        algorithm="hmac-sha1",
        encoding="base64",
        parts=("url", "form-sorted"),
        body_hash="bodySHA256",
    ),
    # the redirect of an OAuth flow, good for 90 seconds
    "shopify-callback": Grammar(
        query="hmac", parts=("query-sorted",), time=Timestamp(from_="query:timestamp", past=90)
    ),
    # public keys
    "discord-ed25519": Grammar(
        header=("x-signature-ed25519",),
        algorithm="ed25519",
        key="hex",
        parts=(_DISCORD_TIME, "body"),
        time=Timestamp(from_=_DISCORD_TIME),
    ),
    "sendgrid-ecdsa": Grammar(
        header=("x-twilio-email-event-webhook-signature",),
        algorithm="ecdsa-p256-sha256",
        encoding="base64",
        key="spki-b64",
        parts=(_SENDGRID_TIME, "body"),
        time=Timestamp(from_=_SENDGRID_TIME),
    ),
    # shared tokens: whoever has seen one request can send others
    "gitlab": _token("x-gitlab-token"),
    "google-channel": _token("x-goog-channel-token"),
    "telegram": _token("x-telegram-bot-api-secret-token"),
    "figma": _token(body="passcode"),
    "graph-clientstate": _token(body="value[].clientState"),
    # a JWT under a shared secret
    "monday": _bearer(Claims(audience="url"), "jwt-hs256"),
    # https://developer.atlassian.com/cloud/jira/platform/webhooks/#webhooks-authentication-for-oauth-2-0-apps
    "atlassian-jwt": _bearer(Claims(audience="any"), "jwt-hs256"),
    # https://developer.atlassian.com/cloud/jira/platform/understanding-jwt-for-connect-apps/
    "atlassian-connect": _bearer(Claims(audience="any", qsh=True), "jwt-hs256"),
    # a JWT under keys that the provider publishes and changes
    # https://cloud.google.com/pubsub/docs/authenticate-push-subscriptions
    "google-pubsub": _bearer(
        Claims(
            keys="https://www.googleapis.com/oauth2/v3/certs",
            issuers=("https://accounts.google.com", "accounts.google.com"),
            audience="url",
            claims={"email_verified": True},
        )
    ),
    # https://learn.microsoft.com/en-us/azure/bot-service/rest-api/bot-framework-rest-connector-authentication
    "bot-framework": _bearer(
        Claims(
            keys="https://login.botframework.com/v1/.well-known/keys",
            issuers=("https://api.botframework.com",),
            claims={"serviceurl": ValuePlace(from_="body", name="serviceUrl")},
            endorses="channelId",
            leeway=300,
        )
    ),
    # https://learn.microsoft.com/en-us/graph/change-notifications-with-resource-data: the publisher's own app id
    "graph-tokens": Grammar(
        body="validationTokens[]",
        format="jwt",
        encoding="utf8",
        algorithm="jwt-jwks",
        parts=(),
        jwt=Claims(
            keys="https://login.microsoftonline.com/common/discovery/v2.0/keys",
            issuers=(
                "https://login.microsoftonline.com/*/v2.0",
                "https://sts.windows.net/*/",
            ),
            claims={"azp|appid": "0bf30f3b-4a52-48df-9a82-234910c4a086"},
        ),
    ),
}

_ALSO: dict[str, str] = {
    "body-passcode": "figma",
    "discord": "discord-ed25519",
    "github": "github-sha256",
    "gitlab-signing": "standard-webhooks",
    "intercom-sha1": "intercom",
    "jira-hub": "jira",
    "jwt-hs256": "monday",
    "line-b64": "line",
    "meta": "github-sha256",
    "monday-jwt": "monday",
    "msgraph": "graph-clientstate",
    "sendgrid": "sendgrid-ecdsa",
    "shopify-b64": "shopify",
    "slack": "slack-v0",
    "standardwebhooks": "standard-webhooks",
    "stripe": "stripe-v1",
    "todoist-b64": "todoist",
    "token-header": "token",
    "twilio-form": "twilio",
    "twilio-json": "twilio",
    "zoom": "zoom-v0",
}

SCHEMES: dict[str, Grammar] = _BY_NAME | {
    name: _BY_NAME[other] for name, other in _ALSO.items()
}

UNCHECKED = frozenset({"none", "handler"})
