"""Requests judged one by one as the router would judge them; nothing is stored, and nothing leaves the machine."""

from __future__ import annotations

import base64
import binascii
import re
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

import orjson
from msgspec import Struct

from services.cli.givenkeys import keys_given
from shared.errors import ScriptFailed, ScriptInvalid, SignatureMismatch
from shared.handshakes import matching, reply_to
from shared.integrations.configurations import rules_in
from shared.model.requests import DoorKind, RawRequest
from shared.routing import LARGEST_SCRIPT_BODY, by_pointer, left_out, script_event, slices
from shared.secret import Secret
from shared.signatures import (
    UNCHECKED,
    Facts,
    SecretPlace,
    Verify,
    chosen,
    grammar_of,
    value_places,
    verify,
)

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from shared.integrations.records import Definition
    from shared.model.requests import Reply
    from shared.ports import RunsScripts
    from shared.routing import Slice

USUAL_TYPE = "webhook"
_GLOBAL = "/integration/global/"
_UUID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", re.IGNORECASE)


class LineInvalid(ValueError):
    """A line is no request; the message says what to write."""


class Given(Struct, frozen=True, kw_only=True):
    """One line: a request as it came, and what it is to be judged with."""

    raw: RawRequest
    url: str
    secret: str | None  # the signing secret, whatever the definition calls it
    now: float

    @property
    def is_callback(self) -> bool:
        """Whether it came to the redirect address of a connect flow."""
        return self.raw.door == "oauth"


def given_in(line: bytes, name: str, now: float) -> Given:
    """The request on *line*; *now* where it does not say when; raises `LineInvalid`."""
    try:
        found = orjson.loads(line)
    except orjson.JSONDecodeError as error:
        raise LineInvalid(f"the line is not JSON: {error}") from None
    if not isinstance(found, dict):
        raise LineInvalid("the line is not a JSON object")
    url, at = _text(found, "url"), found.get("now", now)
    if isinstance(at, bool) or not isinstance(at, (int, float)):
        raise LineInvalid("now is not a number; write Unix seconds")
    secret = found.get("secret")
    if secret is not None and not isinstance(secret, str):
        raise LineInvalid("secret is not text")
    return Given(raw=_raw(found, url, name, float(at)), url=url, secret=secret, now=float(at))


def _text(found: Mapping[str, Any], field: str, usual: str | None = None) -> str:
    value = found.get(field, usual)
    if value is None and usual is not None:
        return usual
    if not isinstance(value, str):
        raise LineInvalid(f"{field} is not text")
    return value


def _raw(found: Mapping[str, Any], url: str, name: str, now: float) -> RawRequest:
    try:
        parts = urlsplit(url)
    except ValueError:
        raise LineInvalid("url is not an address") from None
    door, below = _door(parts.path, name)
    try:
        body = base64.b64decode(_text(found, "body", ""), validate=True)
    except (binascii.Error, ValueError):
        raise LineInvalid("body is not base64") from None
    return RawRequest(
        id="req_1",
        door=door,
        name=name,
        method=_text(found, "method", "POST").upper(),
        path=below,
        query=parts.query,
        headers=_headers(found.get("headers", {})),
        body=body,
        received_at=now,
    )


def _headers(given: Any) -> tuple[tuple[str, str], ...]:
    """From an object, whose values may be lists where a header is repeated, or from a list of pairs."""
    pairs = list(given.items()) if isinstance(given, dict) else given
    flat: list[tuple[str, str]] = []
    for pair in pairs if isinstance(pairs, list) else [None]:
        if not isinstance(pair, (list, tuple)) or len(pair) != 2:
            raise LineInvalid("headers is not an object of texts")
        name, value = pair
        for one in value if isinstance(value, list) else [value]:
            text = str(one) if type(one) is int else one
            if not isinstance(name, str) or not isinstance(text, str):
                raise LineInvalid("headers is not an object of texts")
            flat.append((name.lower(), text))
    return tuple(flat)


def _door(path: str, name: str) -> tuple[DoorKind, str]:
    """Which door *path* leads to, and the path below it; an address that is none of ours is a webhook's."""
    first, _, rest = path.removeprefix("/").partition("/")
    if path.startswith(_GLOBAL):
        below = path.removeprefix(_GLOBAL)
        handled = below.startswith(f"{name}/") or below == name
        rest = below.removeprefix(name) if handled else "/" + below.partition("/")[2]
        return "global", rest or "/"
    if first == "oauth":
        return "oauth", path
    if _UUID.fullmatch(first):
        return "installation", f"/{rest}"
    return "global", path or "/"


class Judge:
    """Judges requests to one integration."""

    def __init__(
        self, definition: Definition, secrets: Mapping[str, list[str]], scripts: RunsScripts
    ) -> None:
        """Know *secrets* by the names that the definition gives them."""
        self._definition, self._secrets, self._scripts = definition, secrets, scripts
        self._rules = _rules(definition)

    async def judged(self, given: Given) -> dict[str, Any]:
        """`{verified, reason, identifiers, slices, handshake, event}`; every field is always there."""
        verified, reason = self._verdict(given)
        handshake = self._handshake(given, verified=verified)
        if handshake is not None:
            return answer(verified, f"{reason}; it is a handshake", handshake=handshake)
        parts, why = ([], "") if given.is_callback else await self._parts(given)
        event = None if given.is_callback else await self._event(given, parts)
        return answer(
            verified,
            f"{reason}; {why}" if why else reason,
            parts=[(one.identifier, _shown(one, given.raw)) for one in parts],
            event=event,
        )

    # ── Is it genuine? ──

    def _verdict(self, given: Given) -> tuple[bool, str]:
        rules = self._callback_rules() if given.is_callback else self._rules
        if not rules:
            return False, "nothing says how such a request is signed"
        if rules[0].scheme in UNCHECKED:
            return False, _UNCHECKED[rules[0].scheme]
        main, beside = chosen(rules, given.raw)
        refusals = [self._refusal(rule, given) for rule in main]
        if None in refusals:
            refusals = [self._refusal(rule, given) for rule in beside]
            first = next((one for one in refusals if one is not None), None)
            return first is None, first or "the signature holds"
        return False, f"the signature is refused: {refusals[0]}"

    def _callback_rules(self) -> tuple[Verify, ...]:
        provider = self._definition.oauth
        mac = getattr(provider.callback, "mac", "") if provider else ""
        if provider is None or not mac or provider.client.secret is None:
            return ()
        place = provider.client.secret
        return (Verify(scheme=mac, secret=SecretPlace(from_=place.from_, name=place.name)),)

    def _refusal(self, rule: Verify, given: Given) -> str | None:
        """Why *rule* refuses it; None when it does not."""
        grammar = grammar_of(rule)
        keys = keys_given(self._values("JWKS", given)) if grammar.needs_keys else ()
        held = [Secret(one.encode()) for one in self._held(rule, given)]
        values = {
            place: known[0]
            for place in value_places(rule)
            if (known := self._secrets.get(place.name, []))
        }
        try:
            verify(
                rule, held, given.raw, now=given.now, public_url=given.url,
                facts=Facts(keys=keys, values=values),
            )  # fmt: skip
        except SignatureMismatch as error:
            return str(error)
        return None

    def _held(self, rule: Verify, given: Given) -> list[str]:
        if given.secret is not None:
            return [given.secret]
        return [value for place in rule.places for value in self._at(place)]

    def _at(self, place: SecretPlace) -> list[str]:
        return self._secrets.get(place.name or place.from_, [])

    def _values(self, name: str, given: Given) -> list[str]:
        own = [given.secret] if given.secret is not None else []
        return [*own, *self._secrets.get(name, [])]

    # ── Is it a handshake? ──

    def _handshake(self, given: Given, *, verified: bool) -> Reply | None:
        if given.is_callback:
            return None
        unsigned = self._answered(given, verified=False)
        return unsigned or (self._answered(given, verified=True) if verified else None)

    def _answered(self, given: Given, *, verified: bool) -> Reply | None:
        found = matching(self._definition.handshakes, given.raw, verified=verified)
        if found is None:
            return None
        places = (
            (found.secret,) if found.secret else self._rules[0].places if self._rules else ()
        )
        own = [given.secret] if given.secret is not None else []
        named = [value for place in places for value in self._at(place)]
        held = [*named, *own] if found.secret else [*own, *named]
        tried: list[Secret | None] = [Secret(one.encode()) for one in held] or [None]
        answers = (reply_to(found, given.raw, one) for one in tried)
        return next((one for one in answers if one is not None), None)

    # ── Whose is it? ──

    async def _parts(self, given: Given) -> tuple[Sequence[Slice], str]:
        scripts = self._definition.identifier
        if scripts is None or not scripts.extract_script:
            return [], "the integration has no extract script"
        if len(given.raw.body) > LARGEST_SCRIPT_BODY:
            if not scripts.extract_pointer:
                return [], "too large to route"
            found = by_pointer(scripts.extract_pointer, given.raw)
            return found, "" if found else "the pointer found no identifier"
        name = f"{self._definition.name} identifier.extractScript"
        try:
            value = await self._scripts.run(name, scripts.extract_script, self._seen(given))
        except (ScriptFailed, ScriptInvalid) as error:
            return [], f"the extract script found no identifier: {error.message}"
        parts, left = slices(value), left_out(value)
        if not parts:
            return parts, "the extract script found no identifier"
        return parts, f"{left} of its values name nobody" if left else ""

    def _seen(self, given: Given) -> dict[str, Any]:
        secrets = {name: values[0] for name, values in self._secrets.items() if values}
        for rule in self._rules if given.secret is not None else ():
            for place in rule.places:
                secrets.setdefault(place.name, given.secret or "")
        return script_event(given.raw, secrets)

    async def _event(self, given: Given, parts: Sequence[Slice]) -> str:
        """What the `event` script says of the first part."""
        script = self._definition.event
        if not script:
            return USUAL_TYPE
        seen = script_event(given.raw, {})
        if parts and parts[0].body is not None:
            seen["body"] = parts[0].body.decode("utf-8", "replace")
        try:
            value = await self._scripts.run(f"{self._definition.name} event", script, seen)
        except (ScriptFailed, ScriptInvalid):
            return USUAL_TYPE
        return value if isinstance(value, str) and value else USUAL_TYPE


_UNCHECKED = {
    "none": "nobody signs such requests",
    "handler": "the integration's own code checks its requests",
}


def _rules(definition: Definition) -> tuple[Verify, ...]:
    """The rules of the global webhook; those of the first configuration type where it checks nothing."""
    types = [definition.configuration, *definition.configurations.values()]
    every = [rules_in(definition.verify), *(rules_in(one.verify) for one in types if one)]
    checked = (rules for rules in every if rules and rules[0].scheme not in UNCHECKED)
    return next(checked, every[0])


def answer(
    verified: bool,
    reason: str,
    *,
    parts: Sequence[tuple[str, str]] = (),
    handshake: Reply | None = None,
    event: str | None = None,
) -> dict[str, Any]:
    """One line out."""
    return {
        "verified": verified,
        "reason": reason,
        "identifiers": list(dict.fromkeys(identifier for identifier, _ in parts)),
        "slices": [{"identifier": identifier, "body": body} for identifier, body in parts],
        "handshake": handshake and {
            "status": handshake.status,
            "headers": dict(handshake.headers),
            "body": handshake.body.decode("utf-8", "replace"),
        },
        "event": event,
    }  # fmt: skip


def _shown(one: Slice, raw: RawRequest) -> str:
    """The body that this identifier's installation receives, as text."""
    return (raw.body if one.body is None else one.body).decode("utf-8", "replace")
