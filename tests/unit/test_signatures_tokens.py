"""JWTs under a shared secret or under published keys; PyJWT signs them."""

from __future__ import annotations

import hashlib
from typing import Any

import jwt
import msgspec
import orjson
import pytest
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from hypothesis import given
from hypothesis import strategies as st
from jwt.algorithms import ECAlgorithm, RSAAlgorithm

from shared.errors import SignatureMismatch
from shared.secret import Secret
from shared.signatures import Claims, Facts, UnknownKey, ValuePlace, Verify, check, verify
from tests.unit.signature_builders import NOON, PLACE, URL, a_request, a_rule

KEY = rsa.generate_private_key(public_exponent=65537, key_size=2048)
OTHER = rsa.generate_private_key(public_exponent=65537, key_size=2048)
CURVE = ec.generate_private_key(ec.SECP256R1())
APP = ValuePlace(from_="global", name="APP_ID")
NOW = int(NOON)

PUSH = {
    "iss": "https://accounts.google.com",
    "aud": URL,
    "email": "push@project.iam.gserviceaccount.com",
    "email_verified": True,
    "exp": NOW + 300,
}
BOT = {
    "iss": "https://api.botframework.com",
    "aud": "app-1",
    "serviceurl": "https://smba.example/emea/",
    "exp": NOW + 300,
}
ACTIVITY = orjson.dumps({"serviceUrl": "https://smba.example/emea/", "channelId": "msteams"})
GRAPH = {
    "iss": "https://login.microsoftonline.com/84bd8158-6d4d-4958-8b9f-9d6445542f95/v2.0",
    "aud": "app-1",
    "azp": "0bf30f3b-4a52-48df-9a82-234910c4a086",
    "exp": NOW + 300,
}


def published(key: Any = KEY, name: str | None = "k1", **parts: Any) -> dict[str, Any]:
    """The public half of *key* as a provider publishes it."""
    algorithm = ECAlgorithm if isinstance(key, ec.EllipticCurvePrivateKey) else RSAAlgorithm
    jwk = algorithm.to_jwk(key.public_key(), as_dict=True)
    return {**jwk, **({"kid": name} if name else {}), **parts}


def token(claims: dict[str, Any], key: Any = KEY, name: str | None = "k1", **how: Any) -> str:
    """A token that names its key."""
    headers = {"kid": name} if name else {}
    return jwt.encode(claims, key, headers=headers, **{"algorithm": "RS256", **how})


def refusal(rule: Verify, raw: Any, keys: Any = None, **given: Any) -> str:
    """Why it is refused; nothing when it is not."""
    facts = Facts(
        keys=tuple(keys or [published(endorsements=["msteams"])]),
        values={APP: "app-1", **given.pop("values", {})},
    )
    secrets = [Secret(one.encode()) for one in given.pop("secrets", [])]
    try:
        verify(rule, secrets, raw, facts=facts, **{"now": NOON, "public_url": URL, **given})
    except SignatureMismatch as error:
        return str(error)
    return ""


def pushed(claims: dict[str, Any], **how: Any) -> Any:
    return a_request(headers={"authorization": f"Bearer {token(claims, **how)}"}, body=b"{}")


GOOGLE = Verify(scheme="google-pubsub")
TEAMS = Verify(scheme="bot-framework", jwt=Claims(audience=APP))
TOKENS = Verify(scheme="graph-tokens", jwt=Claims(audience=APP), also=True)


class TestGooglesPush:
    """https://cloud.google.com/pubsub/docs/authenticate-push-subscriptions."""

    def test_a_token_under_a_published_key_passes(self) -> None:
        check(Verify(scheme="google-pubsub", jwt=Claims(claims={"email": APP})))

        assert "" == refusal(GOOGLE, pushed(PUSH))
        assert "" == refusal(GOOGLE, pushed({**PUSH, "aud": [URL, "x"]}))

    @pytest.mark.parametrize(
        ("changes", "said"),
        [
            ({"aud": "https://elsewhere.example/"}, "somebody else"),
            ({"iss": "https://accounts.google.com.evil.example"}, "issuer"),
            ({"email_verified": False}, "email_verified"),
            ({"email_verified": "true"}, "email_verified"),
            ({"exp": NOW - 1}, "run out"),
            ({"exp": "soon"}, "run out"),
            ({"nbf": NOW + 60}, "not valid yet"),
        ],
    )
    def test_what_it_must_say_is_held_against_it(
        self, changes: dict[str, Any], said: str
    ) -> None:
        assert said in refusal(GOOGLE, pushed({**PUSH, **changes}))

    def test_a_token_without_an_end_is_refused(self) -> None:
        endless = {name: value for name, value in PUSH.items() if name != "exp"}

        assert "run out" in refusal(GOOGLE, pushed(endless))

    def test_the_service_account_may_be_asked_for(self) -> None:
        account = ValuePlace(from_="global", name="SERVICE_ACCOUNT")
        rule = Verify(scheme="google-pubsub", jwt=Claims(claims={"email": account}))

        assert "" == refusal(rule, pushed(PUSH), values={account: PUSH["email"]})
        assert "email" in refusal(rule, pushed(PUSH), values={account: "someone@else.example"})
        assert "is not set" in refusal(rule, pushed(PUSH))
        # the preset's own claims are still asked for
        unproven = pushed({**PUSH, "email_verified": False})
        assert "email_verified" in refusal(rule, unproven, values={account: PUSH["email"]})

    def test_an_unknown_key_is_told_apart_for_it_may_be_new(self) -> None:
        raw = pushed(PUSH, name="k2")

        with pytest.raises(UnknownKey):
            verify(GOOGLE, [], raw, now=NOON, public_url=URL, facts=Facts(keys=(published(),)))
        assert "" == refusal(GOOGLE, raw, [published(), published(name="k2")])

    def test_a_key_of_that_name_must_have_signed_it(self) -> None:
        assert "not signed by the key" in refusal(GOOGLE, pushed(PUSH, key=OTHER))

    @pytest.mark.parametrize("name", [None, "", 7])
    def test_a_token_must_name_its_key(self, name: Any) -> None:
        signed = jwt.api_jws.encode(b"{}", KEY, algorithm="RS256")
        raw = a_request(headers={"authorization": f"Bearer {signed}"})

        assert "does not name its key" in refusal(GOOGLE, raw)

    def test_a_key_without_a_name_stands_for_any(self) -> None:
        assert "" == refusal(GOOGLE, pushed(PUSH), [published(name=None)])
        assert "names a key" in refusal(GOOGLE, pushed(PUSH), [published(use="enc")])

    def test_a_published_secret_is_no_key(self) -> None:
        """Else whoever reads the key set could sign (RFC 8725 §2.1)."""
        shared = {"kty": "oct", "kid": "k1", "k": "c2VjcmV0" * 6}
        signed = token(PUSH, "secret" * 6, algorithm="HS256")
        raw = a_request(headers={"authorization": f"Bearer {signed}"})

        assert "cannot be read" in refusal(GOOGLE, raw, [shared])

    def test_the_algorithm_is_ours_to_choose(self) -> None:
        """The public key as an HMAC secret, and no signature at all."""
        modulus = published()["n"]
        hmacked = token(PUSH, modulus, algorithm="HS256")
        bare = jwt.encode(PUSH, None, algorithm="none", headers={"kid": "k1"})
        longer = token(PUSH, algorithm="RS512")

        for one in (hmacked, bare, longer):
            assert refusal(GOOGLE, a_request(headers={"authorization": f"Bearer {one}"}))
        curved = pushed(PUSH, key=CURVE, algorithm="ES256")
        rule = Verify(scheme="google-pubsub", jwt=Claims(algorithms=("ES256",)))
        assert "" == refusal(rule, curved, [published(CURVE)])
        assert refusal(GOOGLE, curved, [published(CURVE)])

    @pytest.mark.parametrize(
        "broken", [{"kty": "RSA"}, {"kty": "RSA", "n": 1, "e": []}, {"kty": []}]
    )
    def test_a_broken_key_is_a_refusal(self, broken: dict[str, Any]) -> None:
        assert "cannot be read" in refusal(GOOGLE, pushed(PUSH), [{**broken, "kid": "k1"}])


class TestTheBotFramework:
    """https://learn.microsoft.com/en-us/azure/bot-service/rest-api/bot-framework-rest-connector-authentication."""

    def test_app_issuer_address_and_channel_must_be_right(self) -> None:
        check(TEAMS)

        def said(claims: dict[str, Any], body: bytes = ACTIVITY, **given: Any) -> str:
            headers = {"authorization": f"Bearer {token(claims)}"}
            return refusal(TEAMS, a_request(headers=headers, body=body), **given)

        assert "" == said(BOT)
        assert "" == said({**BOT, "exp": NOW - 299})
        assert "run out" in said({**BOT, "exp": NOW - 301})
        assert "somebody else" in said({**BOT, "aud": "app-2"})
        assert "serviceurl" in said({**BOT, "serviceurl": "https://evil.example/"})
        assert "serviceurl" in said(BOT, b'{"channelId":"msteams"}')
        assert "may not sign" in said(BOT, ACTIVITY.replace(b"msteams", b"telegram"))
        assert "may not sign" in said(BOT, keys=[published()])


class TestGraphsTokens:
    """https://learn.microsoft.com/en-us/graph/change-notifications-with-resource-data."""

    def test_every_token_of_the_list_must_be_the_publishers(self) -> None:
        check(TOKENS)

        def said(*listed: Any) -> str:
            return refusal(TOKENS, a_request(body=orjson.dumps({"validationTokens": listed})))

        old = {**GRAPH, "iss": "https://sts.windows.net/84bd8158/", "appid": GRAPH["azp"]}
        del old["azp"]
        assert "" == said(token(GRAPH), token(old))
        assert "azp" in said(token(GRAPH), token({**GRAPH, "azp": "app-1"}))
        assert "issuer" in said(token({**GRAPH, "iss": "https://sts.windows.net/a/b/"}))
        assert "is missing" in said()
        assert "is missing" in said(token(GRAPH), 1)
        assert "not a signed token" in said(token(GRAPH), "a.b")


class TestASharedSecret:
    RULE = a_rule("atlassian-connect")

    def test_the_address_is_part_of_what_connect_signs(self) -> None:
        """https://developer.atlassian.com/cloud/jira/platform/understanding-jwt-for-connect-apps/#qsh."""
        address = "https://hooks.example.test/a&b/?z=1&q=x%20y&q=a~b&jwt=no"
        canonical = "POST&/a%26b&q=a~b,x%20y&z=1"
        wanted = hashlib.sha256(canonical.encode()).hexdigest()

        def said(qsh: str, url: str = address) -> str:
            claims = {"qsh": qsh, "exp": NOW + 60}
            signed = jwt.encode(claims, "k" * 32, algorithm="HS256")
            raw = a_request(headers={"authorization": f"JWT {signed}"})
            return refusal(self.RULE, raw, secrets=["k" * 32], public_url=url)

        assert "" == said(wanted)
        assert "" == said("context-qsh")
        assert "qsh" in said(wanted, f"{address}&more=1")
        assert "qsh" in said("")

    def test_any_of_several_secrets_may_have_signed_it(self) -> None:
        signed = jwt.encode({"aud": URL, "exp": NOW + 1}, "old" * 12, algorithm="HS256")
        raw = a_request(headers={"authorization": signed})

        assert "" == refusal(a_rule("monday"), raw, secrets=["new" * 12, "old" * 12])
        assert "not signed" in refusal(a_rule("monday"), raw, secrets=["new" * 12])
        assert "no secret" in refusal(a_rule("monday"), raw)
        assert PLACE == a_rule("monday").secret


@given(
    scheme=st.sampled_from([GOOGLE, TEAMS, TOKENS]),
    claims=st.dictionaries(
        st.sampled_from(["iss", "aud", "exp", "nbf", "iat", "azp", "email_verified", "serviceurl"]),
        st.one_of(st.none(), st.booleans(), st.integers(-(2**70), 2**70), st.text(max_size=9),
                  st.lists(st.text(max_size=3), max_size=2), st.just({"a": 1})),
    ),
    body=st.sampled_from([b"", b"[]", b"{}", ACTIVITY, b'{"validationTokens":{}}']),
)  # fmt: skip
def test_whatever_a_signed_token_says_is_a_refusal_or_holds(
    scheme: Verify, claims: dict[str, Any], body: bytes
) -> None:
    payload = orjson.dumps({k: v for k, v in claims.items() if not _is_big(v)})
    signed = jwt.api_jws.encode(payload, KEY, algorithm="RS256", headers={"kid": "k1"})
    raw = a_request(headers={"authorization": f"Bearer {signed}"}, body=body)
    if scheme is TOKENS:
        raw = msgspec.structs.replace(raw, body=orjson.dumps({"validationTokens": [signed]}))

    assert refusal(scheme, raw)


def _is_big(value: Any) -> bool:
    return isinstance(value, int) and value.bit_length() > 63


@given(
    st.one_of(st.text(max_size=60), st.binary(max_size=40).map(lambda b: b.decode("latin-1")))
)
def test_whatever_stands_in_place_of_a_token_is_a_refusal(text: str) -> None:
    for rule in (GOOGLE, a_rule("monday"), a_rule("atlassian-connect")):
        raw = a_request(headers={"authorization": text})

        assert refusal(rule, raw, secrets=["k" * 32])
