"""
Signs requests as providers do, each by the words of the provider's own page and the standard library.

Nothing of Waypost or of its simulator is used.
"""

from __future__ import annotations

import base64
import functools
import hashlib
import hmac
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from typing import Any
from urllib.parse import parse_qsl

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    PublicFormat,
)


@dataclass(frozen=True, kw_only=True)
class Request:
    """A request, and the secret with which its receiver checks it."""

    method: str
    url: str
    headers: dict[str, str]
    body: bytes
    secret: str
    now: float = 1_790_000_000.0
    keys: tuple[dict[str, str], ...] = ()  # that the provider publishes
    values: Mapping[str, str] = field(default_factory=dict)  # public values it is told

    def having(self, **headers: str) -> Request:
        """The same with more headers; `_` stands for the dash."""
        more = {name.replace("_", "-"): value for name, value in headers.items()}
        return replace(self, headers={**self.headers, **more})


Sign = Callable[["Request", float], "Request"]  # at seconds since 1970


def _mac(request: Request, content: bytes | None = None, digest: str = "sha256") -> bytes:
    return hmac.new(
        request.secret.encode(), content if content is not None else request.body, digest
    ).digest()


def _b64(value: bytes) -> str:
    return base64.b64encode(value).decode()


def hex_in(header: str, prefix: str = "", digest: str = "sha256") -> Sign:
    return lambda request, at: replace(
        request,
        headers={**request.headers, header: prefix + _mac(request, digest=digest).hex()},
    )


def b64_in(header: str, prefix: str = "") -> Sign:
    return lambda request, at: replace(
        request, headers={**request.headers, header: prefix + _b64(_mac(request))}
    )


def header(header: str) -> Sign:
    return lambda request, at: replace(
        request, headers={**request.headers, header: request.secret}
    )


def v0(signature: str, stamp: str) -> Sign:
    def sign(request: Request, at: float) -> Request:
        content = f"v0:{int(at)}:".encode() + request.body
        made = {stamp: str(int(at)), signature: "v0=" + _mac(request, content).hex()}
        return replace(request, headers={**request.headers, **made})

    return sign


def t_v1(header: str) -> Sign:
    def sign(request: Request, at: float) -> Request:
        mac = _mac(request, f"{int(at)}.".encode() + request.body).hex()
        return replace(request, headers={**request.headers, header: f"t={int(at)},v1={mac}"})

    return sign


def standard(request: Request, at: float) -> Request:
    key = base64.b64decode(request.secret.removeprefix("whsec_"))
    content = f"msg_1.{int(at)}.".encode() + request.body
    mac = _b64(hmac.new(key, content, "sha256").digest())
    return request.having(
        webhook_id="msg_1", webhook_timestamp=str(int(at)), webhook_signature=f"v1,{mac}"
    )


def linear(request: Request, at: float) -> Request:
    body = request.body.replace(b'"NOW"', str(int(at * 1000)).encode())
    changed = replace(request, body=body)
    return changed.having(linear_signature=_mac(changed).hex())


def linkedin(request: Request, at: float) -> Request:
    return request.having(x_li_signature=_mac(request, b"hmacsha256=" + request.body).hex())


def hubspot_v1(request: Request, at: float) -> Request:
    made = hashlib.sha256(request.secret.encode() + request.body).hexdigest()
    return request.having(x_hubspot_signature_version="v1", x_hubspot_signature=made)


def hubspot_v2(request: Request, at: float) -> Request:
    content = (request.secret + request.method + request.url).encode() + request.body
    made = hashlib.sha256(content).hexdigest()
    return request.having(x_hubspot_signature_version="v2", x_hubspot_signature=made)


def hubspot_v3(request: Request, at: float) -> Request:
    stamp = str(int(at * 1000))
    content = (request.method + request.url).encode() + request.body + stamp.encode()
    return request.having(
        x_hubspot_request_timestamp=stamp, x_hubspot_signature_v3=_b64(_mac(request, content))
    )


def zendesk(request: Request, at: float) -> Request:
    stamp = datetime.fromtimestamp(at, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    return request.having(
        x_zendesk_webhook_signature_timestamp=stamp,
        x_zendesk_webhook_signature=_b64(_mac(request, stamp.encode() + request.body)),
    )


def webflow(request: Request, at: float) -> Request:
    stamp = str(int(at * 1000))
    mac = _mac(request, f"{stamp}:".encode() + request.body).hex()
    return request.having(x_webflow_timestamp=stamp, x_webflow_signature=mac)


def bamboohr(request: Request, at: float) -> Request:
    stamp = str(int(at))
    mac = _mac(request, request.body + stamp.encode()).hex()
    return request.having(x_bamboohr_timestamp=stamp, x_bamboohr_signature=mac)


def airtable(request: Request, at: float) -> Request:
    mac = hmac.new(base64.b64decode(request.secret), request.body, "sha256").hexdigest()
    return request.having(x_airtable_content_mac=f"hmac-sha256={mac}")


def trello(request: Request, at: float) -> Request:
    content = request.body + request.url.encode()
    return request.having(x_trello_webhook=_b64(_mac(request, content, "sha1")))


def twilio(request: Request, at: float) -> Request:
    pairs = sorted(set(parse_qsl(request.body.decode(), keep_blank_values=True)))
    content = request.url + "".join(name + value for name, value in pairs)
    return request.having(
        content_type="application/x-www-form-urlencoded",
        x_twilio_signature=_b64(_mac(request, content.encode(), "sha1")),
    )


def url_twilio_json(request: Request, at: float) -> Request:
    sign = "&" if "?" in request.url else "?"
    url = f"{request.url}{sign}bodySHA256={hashlib.sha256(request.body).hexdigest()}"
    signed = replace(request, url=url)
    return signed.having(
        content_type="application/json",
        x_twilio_signature=_b64(_mac(signed, url.encode(), "sha1")),
    )


def discord(request: Request, at: float) -> Request:
    private = Ed25519PrivateKey.from_private_bytes(
        hashlib.sha256(request.secret.encode()).digest()
    )
    public = private.public_key().public_bytes(Encoding.Raw, PublicFormat.Raw).hex()
    mac = private.sign(str(int(at)).encode() + request.body).hex()
    signed = request.having(x_signature_timestamp=str(int(at)), x_signature_ed25519=mac)
    return replace(signed, secret=public)


def sendgrid(request: Request, at: float) -> Request:
    number = int.from_bytes(hashlib.sha256(request.secret.encode()).digest()) >> 1
    private = ec.derive_private_key(number, ec.SECP256R1())
    public = private.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    made = private.sign(str(int(at)).encode() + request.body, ec.ECDSA(hashes.SHA256()))
    signed = request.having(
        x_twilio_email_event_webhook_timestamp=str(int(at)),
        x_twilio_email_event_webhook_signature=_b64(made),
    )
    return replace(signed, secret=_b64(public))


def _b64url(value: bytes) -> str:
    return base64.urlsafe_b64encode(value).decode().rstrip("=")


def b64_hmac(request: Request, at: float) -> Request:
    return request.having(x_signature=_b64(_mac(request)))


def atlassian_jwt(request: Request, at: float) -> Request:
    claims = {"iss": "client", "iat": int(at), "exp": int(at) + 180, "context": {}}
    return request.having(authorization=f"Bearer {_hs256(request, claims)}")


def _hs256(request: Request, claims: dict[str, Any]) -> str:
    parts = [
        _b64url(json.dumps(one).encode()) for one in ({"alg": "HS256", "typ": "JWT"}, claims)
    ]
    content = ".".join(parts)
    return f"{content}.{_b64url(_mac(request, content.encode()))}"


@functools.cache
def _rsa(name: str) -> rsa.RSAPrivateKey:
    """A key of the provider's, or of *name*, who is somebody else."""
    return rsa.generate_private_key(65537, 2048)


def _jwk(name: str, **more: Any) -> dict[str, Any]:
    numbers = _rsa(name).public_key().public_numbers()
    return {
        "kty": "RSA", "kid": "k1", "alg": "RS256", "use": "sig", "e": "AQAB",
        "n": _b64url(numbers.n.to_bytes(256)), **more,
    }  # fmt: skip


def _rs256(name: str, claims: dict[str, Any]) -> str:
    header = {"alg": "RS256", "typ": "JWT", "kid": "k1"}
    content = ".".join(_b64url(json.dumps(one).encode()) for one in (header, claims))
    mac = _rsa(name).sign(content.encode(), padding.PKCS1v15(), hashes.SHA256())
    return f"{content}.{_b64url(mac)}"


def google_pubsub(request: Request, at: float) -> Request:
    claims = {
        "aud": request.url, "azp": "1", "email": "pubsub@my-project.iam.gserviceaccount.com",
        "email_verified": True, "exp": int(at) + 3600, "iat": int(at),
        "iss": "https://accounts.google.com", "sub": "1",
    }  # fmt: skip
    signed = request.having(authorization=f"Bearer {_rs256(request.secret, claims)}")
    return replace(signed, keys=(_jwk(request.secret),))


def bot_framework(request: Request, at: float) -> Request:
    claims = {
        "serviceurl": json.loads(request.body)["serviceUrl"], "nbf": int(at),
        "exp": int(at) + 3600, "iss": "https://api.botframework.com", "aud": "bot-app",
    }  # fmt: skip
    signed = request.having(authorization=f"Bearer {_rs256(request.secret, claims)}")
    return replace(signed, keys=(_jwk(request.secret, endorsements=["msteams"]),))


def graph_tokens(request: Request, at: float) -> Request:
    tenant = "84bd8158-6d4d-4958-8b9f-9d6445542f95"
    claims = {
        "aud": "client", "iss": f"https://sts.windows.net/{tenant}/", "iat": int(at),
        "exp": int(at) + 3600, "appid": "0bf30f3b-4a52-48df-9a82-234910c4a086", "tid": tenant,
    }  # fmt: skip
    token = _rs256("microsoft", claims).encode()
    signed = in_body(replace(request, body=request.body.replace(b"TOKEN", token)), at)
    return replace(signed, keys=(_jwk("microsoft"),))


def monday(request: Request, at: float) -> Request:
    claims = {
        "accountId": 1825528, "userId": 4012689, "aud": request.url, "iat": int(at),
        "exp": int(at) + 300,
    }  # fmt: skip
    return request.having(authorization=_hs256(request, claims))


def query(name: str) -> Sign:
    return lambda request, at: replace(
        request, url=f"{request.url}{'&' if '?' in request.url else '?'}{name}={request.secret}"
    )


def in_body(request: Request, at: float) -> Request:
    return replace(request, body=request.body.replace(b"SECRET", request.secret.encode()))


def nobody(request: Request, at: float) -> Request:
    return request
