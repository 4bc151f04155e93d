"""One step of a provider's way at a time, as the worker takes it, with the provider's recorded answers."""

from __future__ import annotations

import base64
import json
from dataclasses import replace
from typing import Any
from urllib.parse import parse_qsl, urlsplit

from shared.errors import ScriptFailed, SignatureMismatch
from shared.handshakes import answer
from shared.integrations.configurations import rules_in
from shared.integrations.definition import Definition
from shared.model.calls import HttpAnswer, HttpCall
from shared.model.requests import RawRequest, Reply
from shared.oauth import Client, OAuthProvider, Tokens, token_call, tokens_of
from shared.routing import script_event, slices
from shared.secret import Secret
from shared.signatures import UNCHECKED, Facts, Verify, chosen, value_places, verify
from shared.steps.effects import Call, Effect
from shared.vrl.pool import VrlPool
from tests.integrations.conformance import (
    NOON,
    AnswerCase,
    CallCase,
    OAuthCase,
    WebhookCase,
    read,
    signed_as,
)
from tests.integrations.signing import Request

CALLBACK = "https://waypost.example/oauth"
VERIFIER = "v" * 43
CLIENT = Client(id="client", secret=Secret(b"secret"))
BASIC = "Basic Y2xpZW50OnNlY3JldA=="  # client:secret
SECRET_AS_USER = "Basic c2VjcmV0Og=="  # secret:


def fields_in(call: HttpCall) -> dict[str, Any]:
    """The parameters that *call* sends, in its body or in its query."""
    kind = dict(call.headers).get("content-type", "")
    if kind == "application/json":
        found: dict[str, Any] = json.loads(call.body) if call.body else {}
        return found
    text = call.body.decode() if kind else urlsplit(call.url).query
    return dict(parse_qsl(text, keep_blank_values=True, strict_parsing=bool(text)))


def address_of(call: HttpCall) -> str:
    """Method and address; parameters that go into the query are `fields_in`'s."""
    url = call.url if "content-type" in dict(call.headers) else call.url.partition("?")[0]
    return f"{call.method} {url}"


def credentials(auth: str) -> tuple[dict[str, str], str | None]:
    """What says who the client is: parameters, and the header."""
    match auth:
        case "basic":
            return {}, BASIC
        case "secret_as_user":
            return {}, SECRET_AS_USER
        case "none":
            return {"client_id": "client"}, None
        case _:
            return {"client_id": "client", "client_secret": "secret"}, None


def answered(case: AnswerCase | CallCase) -> HttpAnswer:
    """The recorded answer."""
    status, body = 200, case.body
    if isinstance(case, AnswerCase):
        status, body = case.status, body.replace("IDTOKEN", _id_token(case.claims))
    headers = {"content-type": "application/json", **case.headers}
    return HttpAnswer(status=status, headers=tuple(headers.items()), body=body.encode())


def _id_token(claims: dict[str, str]) -> str:
    payload = json.dumps({**claims, "exp": int(NOON) + 3600}).encode()
    return f"e30.{base64.urlsafe_b64encode(payload).decode().rstrip('=')}.c2ln"


def exchange_of(provider: OAuthProvider, case: OAuthCase) -> HttpCall:
    return token_call(
        provider,
        CLIENT,
        code="the-code",
        redirect_uri=CALLBACK,
        verifier=VERIFIER,
        inputs=case.inputs,
    )


def granted(provider: OAuthProvider, case: OAuthCase) -> Tokens:
    """The tokens of the first recorded answer."""
    return tokens_of(provider, answered(case.token.answers[0]), now=NOON)


def expectation(case: AnswerCase) -> dict[str, Any]:
    return {"access": case.access, "refresh": case.refresh, "lives": case.lives}


def in_brief(tokens: Tokens) -> dict[str, Any]:
    lives = None if tokens.expires_at is None else round(tokens.expires_at - tokens.obtained_at)
    refresh = tokens.refresh.reveal().decode() if tokens.refresh else ""
    return {"access": tokens.access.reveal().decode(), "refresh": refresh, "lives": lives}


class Asked:
    """The provider's API: it answers the recorded calls in their order, and nothing else."""

    def __init__(self, calls: tuple[CallCase, ...], token: str) -> None:
        self.left, self.token = list(calls), token

    async def __call__(self, effect: Effect) -> Any:
        if not isinstance(effect, Call):
            return NOON
        case, call = self.left.pop(0), effect.call
        assert case.request == f"{call.method} {call.url}"
        assert (case.authorization or f"Bearer {self.token}") == dict(call.headers)[
            "authorization"
        ]
        assert case.headers.items() <= dict(call.headers).items()
        return answered(case)


def check(definition: Definition, raw: RawRequest, request: Request, at: float) -> None:
    """As the worker does it: any of the rules that look at the signature, and all that stand beside them."""
    main, beside = chosen(rules_in(definition.verify), raw)
    assert main
    refusals = [refusal for rule in main if (refusal := _refusal(rule, raw, request, at))]
    if len(refusals) == len(main):
        raise refusals[0]
    for rule in beside:
        if refusal := _refusal(rule, raw, request, at):
            raise refusal


def _refusal(
    rule: Verify, raw: RawRequest, request: Request, at: float
) -> SignatureMismatch | None:
    facts = Facts(keys=request.keys)
    if rule.scheme not in UNCHECKED:
        places = [place for place in value_places(rule) if place.from_ == "global"]
        values = {place: request.values.get(place.name, "") for place in places}
        facts = Facts(keys=request.keys, values=values)
    secrets = [Secret(request.secret.encode())]
    try:
        verify(rule, secrets, raw, now=at, public_url=request.url, facts=facts)
    except SignatureMismatch as refusal:
        return refusal
    return None


def passes(definition: Definition, raw: RawRequest, request: Request, at: float) -> bool:
    """Whether *raw* is accepted; anything but a plain refusal is a bug and comes through."""
    try:
        check(definition, raw, request, at)
    except SignatureMismatch:
        return False
    return True


async def found_in(
    definition: Definition, raw: RawRequest, vrl: VrlPool
) -> list[tuple[str, Any]]:
    """Identifiers and parts, as the worker reads them."""
    scripts = definition.identifier
    if scripts is None or scripts.extract_script is None:
        return []
    try:
        value = await vrl.run(definition.name, scripts.extract_script, script_event(raw, {}))
    except ScriptFailed:
        return []
    return [(part.identifier, read(part.body)) for part in slices(value)]


def handshake(definition: Definition, raw: RawRequest, secret: str) -> Reply | None:
    """The answer of whichever handshake, signed or not, *raw* is."""
    held = Secret(secret.encode()) if secret else None
    early = answer(definition.handshakes, raw, held)
    return early or answer(definition.handshakes, raw, held, verified=True)


async def fallback(definition: Definition, raw: RawRequest, vrl: VrlPool) -> Any:
    scripts = definition.identifier
    if scripts is None or scripts.fallback_handler_script is None:
        return None
    return await vrl.run("fallback", scripts.fallback_handler_script, script_event(raw, {}))


def altered(case: WebhookCase, name: str) -> list[tuple[str, Request, float]]:
    """The request of *case* in every way in which it must not pass."""
    request, signer = signed_as(case, name)
    plain = replace(
        request,
        headers=dict(case.headers),
        body=case.body.encode(),
        url=request.url.partition("?")[0],
    )
    ways = []
    if "secret" in signer.covers:
        ways += [
            ("secret", replace(request, secret=request.secret[::-1]), request.now),
            ("empty secret", replace(request, secret=""), request.now),
        ]
    if not case.vector:
        ways.append(("missing signature", plain, request.now))
    if "body" in signer.covers:
        ways.append(("body", replace(request, body=request.body + b" "), request.now))
    if "keys" in signer.covers:
        others = signer.sign(replace(plain, secret="somebody else"), request.now)
        ways.append(("keys", replace(others, keys=request.keys), request.now))
    if "time" in signer.covers:
        ways += [
            ("old time", request, request.now + 4200),
            ("early time", request, request.now - 4200),
        ]
    return ways if signer.covers else []
