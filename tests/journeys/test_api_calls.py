"""Staff calls against a real store: who may make them, and what they say when they are wrong."""

from __future__ import annotations

import asyncio
import io

import pytest

from services.api import examples
from tests.journeys.api_builders import (
    BOT,
    HOOK,
    MANUAL,
    REQUEST,
    TOKEN,
    a_request,
    with_request,
)


class TestWhoMayCall:
    @pytest.mark.parametrize(
        "header",
        ["", "Bearer", "Bearer wrong", f"Basic {TOKEN}", f"Bearer {TOKEN}x", "Bearer é"],
    )
    async def test_nobody_without_the_token(self, api, header):
        said = await api.get("/v1/admin/bots", headers={"Authorization": header})

        assert 401 == said.status
        assert "Unauthorized" == said.type
        assert "Authorization: Bearer TOKEN" in said.message

    async def test_not_even_to_learn_whether_a_thing_exists(self, api):
        said = await api.get(
            "/v1/admin/requests/req_1", headers={"Authorization": "Bearer wrong"}
        )

        assert 401 == said.status

    async def test_everybody_may_ask_for_health_and_the_document(self, api):
        for path in ("/health", "/openapi.json"):
            assert 200 == (await api.get(path, headers={"Authorization": ""})).status

    async def test_health_tells_what_the_store_promises(self, api):
        said = await api.get("/health")

        assert said.body["store"]["durable"] is True
        assert "A 2xx means the request is on disk." == said.body["store"]["sentence"]


class TestWhatIsWrong:
    """Every wrong call: the place, the fix, and never a 500."""

    @pytest.mark.parametrize(
        ("method", "path", "body", "status", "words"),
        [
            ("PUT", BOT, b"{", 400, "body: is no JSON"),
            ("PUT", BOT, b"\xff", 400, "body: is no JSON"),
            ("PUT", BOT, b"[]", 400, "body: is not an object"),
            ("PUT", BOT, b"[" * 100_000, 400, "nested too deeply"),
            ("PUT", BOT, {"url": 7}, 400, "url: expected text"),
            ("PUT", BOT, {"ulr": "https://x.example"}, 400, "did you mean url?"),
            ("PUT", BOT, {"url": "ftp://x.example"}, 400, "url: is no http or https URL"),
            ("PUT", BOT, {"url": "http://[::1"}, 400, "url: is no URL"),
            ("PUT", BOT, {"url": "http://a..b/"}, 400, "url: is no http or https URL"),
            (
                "PUT",
                BOT,
                {"url": f"http://{'a' * 64}.test/"},
                400,
                "url: is no http or https URL",
            ),
            ("PUT", BOT, {"url": "https://" + "x" * 3000}, 400, "url:"),
            (
                "PUT",
                BOT,
                {"url": "http://169.254.169.254/"},
                400,
                "169.254.169.254 is never called",
            ),
            ("PUT", BOT, {"url": "http://[fe80::1]/"}, 400, "is never called"),
            ("PUT", BOT, {"secret": "short"}, 400, "secret: is no secret that can sign"),
            ("PUT", BOT, {"secret": "whsec_not base64"}, 400, "give whsec_ and base64 of 24"),
            ("PUT", "/v1/admin/bots/a%20b", {}, 400, "botId:"),
            ("PUT", "/v1/admin/bots/" + "b" * 101, {}, 400, "botId:"),
            ("GET", "/v1/admin/bots/nobody", None, 404, "PUT /v1/admin/bots/nobody"),
            ("GET", f"{BOT}/events?wait=forever", None, 400, "wait:"),
            ("GET", f"{BOT}/events?wait=31", None, 400, "wait:"),
            ("GET", f"{BOT}/events?limit=0", None, 400, "limit:"),
            (
                "GET",
                f"{BOT}/events?limit=1&limit=2",
                None,
                400,
                "limit: is given more than once",
            ),
            ("GET", f"{BOT}/events?after=yesterday", None, 400, "after:"),
            ("GET", f"{BOT}/events?since=1h", None, 400, "since: is not a field here"),
            ("POST", "/v1/admin/integrations", {}, 400, "name: is missing"),
            (
                "POST",
                "/v1/admin/integrations",
                {**examples.DEFINITION, "nmae": "x"},
                400,
                "did you mean name?",
            ),
            (
                "POST",
                "/v1/admin/integrations",
                {**examples.DEFINITION, "verify": {"scheme": "md5"}},
                400,
                "verify: scheme 'md5' is not known",
            ),
            ("POST", "/v1/admin/integrations", {**examples.DEFINITION, "name": 7}, 400, "name"),
            ("GET", "/v1/admin/integrations/nobody", None, 404, "known here: acme"),
            (
                "POST",
                "/v1/admin/integrations/iaks",
                {"integrationId": "int_x"},
                400,
                "integrationId: there is no integration",
            ),
            ("POST", "/v1/admin/integrations/iaks", {}, 400, "integrationId: is missing"),
            (
                "PUT",
                "/v1/admin/integrations/acme/secrets/SIGNING",
                {"value": "x"},
                404,
                "WEBHOOK_SIGNING_SECRET",
            ),
            (
                "PUT",
                "/v1/admin/integrations/acme/secrets/WEBHOOK_SIGNING_SECRET",
                {"value": ""},
                400,
                "value:",
            ),
            (
                "PUT",
                "/v1/admin/integrations/acme/secrets/WEBHOOK_SIGNING_SECRET",
                {"value": None},
                400,
                "value:",
            ),
            ("POST", f"{BOT}/integrations/acme", {}, 400, "integration: is missing"),
            (
                "POST",
                f"{BOT}/integrations/acme",
                {"integration": "nobody"},
                400,
                "known here: acme",
            ),
            (
                "POST",
                "/v1/admin/bots/nobody/integrations/acme",
                {"integration": "acme"},
                404,
                "there is no bot nobody",
            ),
            ("POST", f"{BOT}/integrations/%20", {"integration": "acme"}, 400, "alias:"),
            (
                "POST",
                f"{BOT}/integrations/acme",
                {**MANUAL, "configurationType": "manul"},
                400,
                "did you mean manual?",
            ),
            (
                "POST",
                f"{BOT}/integrations/acme",
                {**MANUAL, "configuration": {}},
                400,
                "configuration.region: is missing",
            ),
            (
                "POST",
                f"{BOT}/integrations/acme",
                {**MANUAL, "configuration": {"region": "mars", "accessToken": "x"}},
                400,
                "eu, us",
            ),
            (
                "POST",
                f"{BOT}/integrations/acme",
                {**MANUAL, "configuration": {"region": "eu", "accessToken": 7}},
                400,
                "configuration.accessToken",
            ),
            (
                "POST",
                f"{BOT}/integrations/acme",
                {**MANUAL, "configuration": []},
                400,
                "configuration",
            ),
            (
                "POST",
                f"{BOT}/integrations/acme",
                {**MANUAL, "identifier": "x" * 201},
                400,
                "identifier",
            ),
            ("POST", f"{BOT}/integrations/acme", {**MANUAL, "enabled": "yes"}, 400, "enabled"),
            (
                "GET",
                "/v1/admin/installations/nobody",
                None,
                404,
                "there is no installation nobody",
            ),
            ("GET", "/v1/admin/installations?cursor=x:y", None, 400, "cursor:"),
            ("DELETE", f"/v1/admin/installations/{HOOK}", None, 404, HOOK),
            ("POST", f"/v1/admin/installations/{HOOK}/connect", {}, 404, HOOK),
            (
                "POST",
                "/v1/admin/flows/nobody/confirm",
                None,
                404,
                "there is no open flow nobody",
            ),
            ("GET", "/v1/admin/requests?state=daed", None, 400, "did you mean dead?"),
            ("GET", "/v1/admin/requests?since=yesterday", None, 400, "15m, 2h, 3d"),
            ("GET", "/v1/admin/requests?since=9999-99-99", None, 400, "since:"),
            ("GET", "/v1/admin/requests?cursor=x", None, 400, "cursor:"),
            ("GET", "/v1/admin/requests?cursor=%C2%B2:x", None, 400, "cursor:"),
            ("GET", "/v1/admin/requests?limit=1001", None, 400, "limit:"),
            ("GET", "/v1/admin/requests/req_nobody", None, 404, "req_nobody"),
            ("GET", "/v1/admin/requests/req_nobody/explain", None, 404, "req_nobody"),
            ("GET", "/v1/admin/requests/req_nobody/body", None, 404, "req_nobody"),
            ("POST", "/v1/admin/requests/req_nobody/replay", None, 404, "req_nobody"),
            ("POST", "/v1/admin/requests/req_nobody/drop", None, 404, "req_nobody"),
            ("POST", "/v1/admin/requests/replay", {"filter": {}}, 400, "filter: is empty"),
            (
                "POST",
                "/v1/admin/requests/replay",
                {"filter": {"ids": ["req_nobody"]}},
                404,
                "req_nobody",
            ),
            (
                "POST",
                "/v1/admin/requests/replay",
                {"filter": {"ids": "req_1"}},
                400,
                "filter.ids",
            ),
            (
                "POST",
                "/v1/admin/requests/replay",
                {"filter": {"stat": "dead"}},
                400,
                "did you mean state?",
            ),
            ("POST", "/v1/admin/requests/replay", {}, 400, "filter: is missing"),
            ("GET", "/v1/admin/nothing", None, 404, "/openapi.json"),
            ("PATCH", BOT, None, 405, "GET, PUT"),
            ("GET", "/v1/chat/states", None, 404, "no such route"),
        ],
    )
    async def test_is_named_with_its_place_and_fix(
        self, acme, method, path, body, status, words
    ):
        said = await acme.call(method, path, body)

        assert status == said.status == said.body["code"]
        assert words in said.message
        assert {"id", "code", "type", "message"} <= set(said.body)

    @pytest.mark.parametrize(
        "raw",
        [
            "/v1/admin/bots/50%",
            "/v1/admin/bots/%zz",
            "/v1/admin/bots/%ff",
            "/v1/admin/bots/a%00",
        ],
    )
    async def test_percent_encoding_is_never_guessed(self, api, raw):
        reader, writer = await asyncio.open_connection(
            "127.0.0.1", int(api.origin.rpartition(":")[2])
        )
        head = f"GET {raw} HTTP/1.1\r\nHost: h\r\nAuthorization: Bearer {TOKEN}\r\nConnection: close\r\n\r\n"
        writer.write(head.encode())
        answer = await reader.read()
        writer.close()

        assert b" 400 " == answer[8:13]
        assert b'"path: ' in answer

    async def test_a_body_that_is_too_large(self, api):
        said = await api.put(BOT, io.BytesIO(b'{"url":"' + b"x" * (1 << 20) + b'"}'))

        assert (413, "PayloadTooLarge") == (said.status, said.type)

    async def test_a_compressed_body(self, api):
        said = await api.put(BOT, b"{}", headers={"Content-Encoding": "gzip"})

        assert (415, "UnsupportedMediaType") == (said.status, said.type)

    async def test_an_alias_that_is_taken(self, acme):
        await acme.post(f"{BOT}/integrations/acme", MANUAL)

        said = await acme.post(f"{BOT}/integrations/acme", MANUAL)

        assert (409, "AlreadyExists") == (said.status, said.type)

    async def test_a_body_that_no_http_request_made(self, api):
        await with_request(api)
        await api.ports.ledger._store.redis.set(
            "waypost:{c0}:1:body:" + examples.REQUEST_ID, b"\xc1"
        )

        said = await api.get(f"{REQUEST}/body")

        assert 409 == said.status

    async def test_is_never_told_with_a_secret(self, acme):
        said = await acme.post(
            f"{BOT}/integrations/acme", {**MANUAL, "configuration": {"accessToken": "canary"}}
        )

        assert "canary" not in str(said.body)

    def test_requests_of_the_builders_hold_the_canary(self):
        assert "canary" in repr(a_request())
