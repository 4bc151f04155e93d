"""
Webhooks signed by somebody else: every fixture names the independent signer that made it.

Nothing here calls Waypost's or the simulator's signing. Slack is signed by Slack's own SDK, the
others by OpenSSL: its command where there is one, else its libcrypto through `cryptography`.
`PUBLISHED` are the examples of the vendors' own documentation.
"""

from __future__ import annotations

import functools
import shutil
import subprocess
from dataclasses import dataclass, field, replace

from cryptography.hazmat.primitives import hashes, hmac
from slack_sdk.signature import SignatureVerifier

NOON = (
    1_790_000_000.0  # 2026-09-21 14:13:20 UTC, the `now` of every fixture unless it says more
)

SLACK_SDK = "slack_sdk SignatureVerifier.generate_signature"
OPENSSL = "openssl dgst -sha256 -mac HMAC"
LIBCRYPTO = "cryptography hmac.HMAC (OpenSSL libcrypto)"


@dataclass(frozen=True, kw_only=True)
class SignedFixture:
    """A signed webhook, who signed it, and when it is fresh."""

    provider: str
    signer: str
    secret: str = field(repr=False)
    headers: dict[str, str]  # names as the vendor spells them
    body: bytes
    now: float = NOON

    @property
    def pairs(self) -> tuple[tuple[str, str], ...]:
        """The headers in order, names in lower case."""
        return tuple((name.lower(), value) for name, value in self.headers.items())

    def tampered(self) -> SignedFixture:
        """The same signature over a body with one bit flipped."""
        return replace(self, body=bytes([self.body[0] ^ 1]) + self.body[1:])

    def without(self, name: str) -> SignedFixture:
        """The same, one header missing."""
        kept = {
            one: value for one, value in self.headers.items() if one.lower() != name.lower()
        }
        return replace(self, headers=kept)


def slack_signed(
    body: bytes,
    *,
    secret: str = "8f742231b10e8888abcd99yyyzzz85a5",
    at: float = NOON,
    content_type: str = "application/json",
) -> SignedFixture:
    """A Slack request at the time *at*. *body* must be UTF-8."""
    stamp = str(int(at))
    signature = SignatureVerifier(secret).generate_signature(timestamp=stamp, body=body)
    headers = {
        "Content-Type": content_type,
        "X-Slack-Request-Timestamp": stamp,
        "X-Slack-Signature": str(signature),
    }
    return SignedFixture(
        provider="slack", signer=SLACK_SDK, secret=secret, headers=headers, body=body, now=at
    )


def github_signed(
    body: bytes,
    *,
    secret: str = "It's a Secret to Everybody",
    event: str = "issues",
    delivery: str = "72d3162e-cc78-11e3-81ab-4c9367dc0958",
) -> SignedFixture:
    """A GitHub delivery."""
    mac, signer = openssl_hmac(secret, body)
    headers = {
        "Content-Type": "application/json",
        "X-GitHub-Event": event,
        "X-GitHub-Delivery": delivery,
        "X-Hub-Signature-256": f"sha256={mac}",
    }
    return SignedFixture(
        provider="github", signer=signer, secret=secret, headers=headers, body=body
    )


def linear_signed(
    body: bytes,
    *,
    secret: str = "lin_wh_secret",
    event: str = "Issue",
    delivery: str = "234d1a4e-b617-4388-90fe-adc3633d6b72",
) -> SignedFixture:
    """A Linear delivery; its time is `webhookTimestamp` (ms) in *body*, which the caller writes."""
    mac, signer = openssl_hmac(secret, body)
    headers = {
        "Content-Type": "application/json",
        "Linear-Delivery": delivery,
        "Linear-Event": event,
        "Linear-Signature": mac,
    }
    return SignedFixture(
        provider="linear", signer=signer, secret=secret, headers=headers, body=body
    )


def notion_signed(
    body: bytes,
    *,
    secret: str = "secret_tMrlL1qK5vuQAh1b6cZGhFChZTSYJlce98V0pYn7yBl",
) -> SignedFixture:
    """A Notion event; the secret is the subscription's verification token."""
    mac, signer = openssl_hmac(secret, body)
    headers = {"Content-Type": "application/json", "X-Notion-Signature": f"sha256={mac}"}
    return SignedFixture(
        provider="notion", signer=signer, secret=secret, headers=headers, body=body
    )


def openssl_hmac(secret: str, body: bytes) -> tuple[str, str]:
    """HMAC-SHA256 in lower-case hexadecimal, and the name of what computed it."""
    command = _openssl()
    return (
        (_by_command(command, secret, body), OPENSSL)
        if command
        else _by_libcrypto(secret, body)
    )


@functools.cache
def _openssl() -> str | None:
    return shutil.which("openssl")


@functools.cache
def _by_command(command: str, secret: str, body: bytes) -> str:
    key = f"hexkey:{secret.encode().hex()}"
    arguments = [command, "dgst", "-sha256", "-mac", "HMAC", "-macopt", key, "-r"]
    done = subprocess.run(arguments, input=body, capture_output=True, check=True)
    return done.stdout.decode().split()[0]


def _by_libcrypto(secret: str, body: bytes) -> tuple[str, str]:
    mac = hmac.HMAC(secret.encode(), hashes.SHA256())
    mac.update(body)
    return mac.finalize().hex(), LIBCRYPTO


PUBLISHED: tuple[SignedFixture, ...] = (
    SignedFixture(
        provider="slack",
        signer="https://docs.slack.dev/authentication/verifying-requests-from-slack (example)",
        secret="8f742231b10e8888abcd99yyyzzz85a5",
        headers={
            "Content-Type": "application/x-www-form-urlencoded",
            "X-Slack-Request-Timestamp": "1531420618",
            "X-Slack-Signature": (
                "v0=a2114d57b48eac39b9ad189dd8316235a7b4a8d21a10bd27519666489c69b503"
            ),
        },
        body=(
            b"token=xyzz0WbapA4vBCDEFasx0q6G&team_id=T1DC2JH3J&team_domain=testteamnow"
            b"&channel_id=G8PSS9T3V&channel_name=foobar&user_id=U2CERLKJA&user_name=roadrunner"
            b"&command=%2Fwebhook-collect&text=&response_url=https%3A%2F%2Fhooks.slack.com"
            b"%2Fcommands%2FT1DC2JH3J%2F397700885554%2F96rGlfmibIGlgcZRskXaIFfN"
            b"&trigger_id=398738663015.47445629121.803a0bc887a14d10d2c447fce8b6703c"
        ),
        now=1_531_420_618.0,
    ),
    SignedFixture(
        provider="github",
        signer=(
            "https://docs.github.com/en/webhooks/using-webhooks/validating-webhook-deliveries"
            "#testing-the-webhook-payload-validation (example)"
        ),
        secret="It's a Secret to Everybody",
        headers={
            "X-Hub-Signature-256": (
                "sha256=757107ea0eb2509fc211221cce984b8a37570b6d7586c22c46f4379c8b043e17"
            )
        },
        body=b"Hello, World!",
    ),
)
