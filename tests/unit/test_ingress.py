"""The public app over fakes: what it stores, what it answers, and what it never says."""

from __future__ import annotations

import hashlib
from collections.abc import AsyncIterator

import msgspec
import pytest
import pytest_asyncio
from aiohttp import ClientSession

from shared.languages import LANGUAGES
from shared.model.requests import Reply, SealedPart
from shared.secret import SealingKey
from tests.unit.ingress_builders import COOKIE, HASHED, HOOK, Behind, Lines, served


@pytest.fixture
def log() -> Lines:
    return Lines()


@pytest.fixture
def behind(request: pytest.FixtureRequest) -> Behind:
    return Behind(remembers=getattr(request, "param", True))


# What is not remembered goes the long way, and nobody outside may see which it was.
both_ways = pytest.mark.parametrize(
    "behind", [True, False], ids=["the short way", "the long way"], indirect=True
)


@pytest.fixture(scope="module")
def key() -> SealingKey:
    return SealingKey.generate()


@pytest_asyncio.fixture
async def door(behind: Behind, key: SealingKey, log: Lines) -> AsyncIterator[ClientSession]:
    """A client of the app."""
    async with (
        served(behind, key, log) as runner,
        ClientSession(f"http://127.0.0.1:{runner.port}") as session,
    ):
        yield session


@both_ways
class TestAWebhook:
    async def test_is_stored_byte_for_byte_and_acknowledged_without_a_word(self, door, behind):
        body, headers = b'{"a":1}\xff', {"X-Sig": "s", "Connection": "x-hop"}
        async with door.post("/integration/global/acme/a%2Fb?q=%20&q", data=body,
                             headers=headers) as answer:  # fmt: skip
            said = await answer.read()
        (stored,) = behind.stored

        assert (200, b"") == (answer.status, said)
        assert ("global", "acme", "POST") == (stored.door, stored.name, stored.method)
        assert ("/a%2Fb", "q=%20&q", body) == (stored.path, stored.query, stored.body)
        assert "s" == stored.header("x-sig")
        assert stored.header("connection") is None

    async def test_of_an_integration_with_a_handle_gets_the_answer_it_declares(self, door):
        async with door.post("/integration/global/team/tool/x", data=b"") as answer:
            assert (202, "taken") == (answer.status, await answer.text())

    @pytest.mark.parametrize(
        ("path", "name", "rest"),
        [
            ("acme/pro", "acme/pro", "/"),
            ("acme/pro/x", "acme/pro", "/x"),
            ("acme%2Fpro/x", "acme/pro", "/x"),
            ("acme/prose", "acme", "/prose"),
            ("acme", "acme", "/"),
        ],
    )
    async def test_goes_to_the_longest_name_that_its_path_begins_with(
        self, door, behind, path, name, rest
    ):
        """Else an integration `acme` would take what is sent to the printed address of `acme/pro`."""
        async with door.post(f"/integration/global/{path}", data=b"") as answer:
            assert 200 == answer.status
        (stored,) = behind.stored

        assert (name, rest) == (stored.name, stored.path)

    async def test_for_one_installation_may_have_its_id_in_capitals(self, door, behind):
        async with door.post(f"/{HOOK.upper()}/deep", data=b"") as answer:
            assert 200 == answer.status
        (stored,) = behind.stored

        assert ("installation", HOOK, "/deep") == (stored.door, stored.name, stored.path)

    @pytest.mark.parametrize(
        "path",
        ["/integration/global/nowhere", "/integration/global/closed",
         "/00000000-0000-4000-8000-000000000000", "/"],
    )  # fmt: skip
    async def test_to_nobody_is_404_and_stored_nowhere(self, door, behind, path):
        async with door.post(path, data=b"x") as answer:
            assert 404 == answer.status
        assert [] == behind.stored


@both_ways
class TestA2xx:
    """Only ever means that the request is on disk."""

    @pytest.mark.parametrize("path", ["/integration/global/acme", "/integration/global/patient",
                                      "/oauth?code=x", "/connect/flows/f"])  # fmt: skip
    async def test_is_not_given_when_the_store_did_not_answer(self, door, behind, path):
        behind.fails = True
        async with door.get(path) as answer:
            assert (503, "1") == (answer.status, answer.headers["Retry-After"])

    async def test_is_not_given_when_the_store_is_nearly_full(self, door, behind):
        behind.is_full = True
        async with door.post("/integration/global/acme", data=b"x") as answer:
            assert (503, True) == (answer.status, "Retry-After" in answer.headers)
        assert [] == behind.stored

    async def test_is_not_given_when_the_queue_is_full(self, door, behind):
        """Some come back sooner than others, so that they do not all come at once."""
        behind.status, after = "full", set()
        for _ in range(8):
            async with door.post("/integration/global/acme", data=b"x") as answer:
                assert 503 == answer.status
                after.add(int(answer.headers["Retry-After"]))
        assert 5 <= min(after) < max(after) <= 30

    async def test_says_where_only_those_of_one_lane_are_too_many(self, door, behind):
        """However it comes."""
        behind.status, behind.lane_is_full, hook = "full", True, "/integration/global/acme"
        async with door.post(hook, data=b"x") as plain, door.get(hook) as other:
            told = [(one.status, (await one.json())["message"]) for one in (plain, other)]

        assert [(503, "too many of these wait already")] * 2 == told

    async def test_is_not_given_to_a_webhook_while_too_many_wait(self, door, behind):
        """However it comes: nothing of its body is read."""
        behind.is_crowded, hook = True, "/integration/global/acme"
        async with door.post(hook, data=b"x") as plain, door.get(hook) as other:
            assert (503, 503) == (plain.status, other.status)
            assert 1 <= int(other.headers["Retry-After"]) <= 5
        assert [] == behind.stored

    async def test_is_not_kept_from_a_person_by_a_crowd_of_webhooks(self, door, behind):
        behind.is_crowded = True
        async with door.get("/oauth?code=x") as answer, door.get("/health") as health:
            assert (202, 200) == (answer.status, health.status)
        assert 1 == len(behind.stored)

    async def test_ready_tells_a_balancer_the_same(self, door, behind):
        async with door.get("/ready") as answer:
            assert (200, "ready") == (answer.status, await answer.text())
        behind.fails = True
        async with door.get("/ready") as refused, door.get("/health") as alive:
            assert (503, 200) == (refused.status, alive.status)
            assert "ok" == await alive.text()


class TestAWorkerThatIsLate:
    async def test_costs_a_stored_webhook_nothing(self, door, behind):
        async with door.post("/integration/global/patient", data=b"x") as answer:
            assert (200, b"") == (answer.status, await answer.read())
        assert 1 == len(behind.stored)

    async def test_makes_a_handshake_come_again(self, door):
        async with door.get("/integration/global/acme?challenge=1") as answer:
            assert (503, "1") == (answer.status, answer.headers["Retry-After"])

    async def test_shows_a_browser_a_page_that_goes_on_by_itself(self, door):
        async with door.get("/oauth?code=x&state=y") as answer:
            page = await answer.text()

        assert (202, "text/html") == (answer.status, answer.content_type)
        assert '<meta http-equiv="refresh" content="2">' in page
        assert "Still working" in page
        assert "default-src 'none'" in answer.headers["Content-Security-Policy"]
        assert "<script" not in page

    async def test_asks_for_nothing_twice_where_a_form_was_sent(self, door):
        async with door.post("/connect/some-token") as answer:
            page = await answer.text()

        assert "refresh" not in page
        assert "Go back in a minute" in page

    @pytest.mark.parametrize("language", LANGUAGES)
    async def test_speaks_the_reader_s_language(self, door, language):
        """English stands nowhere but in English, and no place is left unfilled."""
        headers = {"Accept-Language": f"{language}-XX, en;q=0.5"}
        async with (
            door.get("/oauth?code=x&state=y", headers=headers) as goes_on,
            door.post("/connect/some-token", headers=headers) as go_back,
        ):
            pages = [await goes_on.text(), await go_back.text()]

        assert [language == "en"] * 2 == ["Still working" in page for page in pages]
        assert [language == "en"] * 2 == ["longer than usual" in page for page in pages]
        assert all(f'<html lang="{language}">' in page and "$" not in page for page in pages)


class TestAReply:
    async def test_is_passed_on_without_what_belongs_to_us(self, door, behind):
        headers = (
            ("content-type", "text/plain"), ("set-cookie", "theirs=1"),
            ("set-cookie", "waypost-flow=stolen"), ("set-cookie", "__Host-waypost-flow=stolen"),
            ("service-worker-allowed", "/"), ("clear-site-data", "*"), ("connection", "close"),
            ("NEL", '{"report_to":"x"}'), ("Report-To", "{}"), ("Alt-Svc", 'h3=":1"'),
            ("Strict-Transport-Security", "max-age=0"), ("x-split", "a\r\nx-evil: b"), ("x y", "z"),
        )  # fmt: skip
        behind.reply = Reply(status=418, headers=headers, body=b"said")
        async with door.post("/integration/global/patient", data=b"x") as answer:
            assert (418, b"said") == (answer.status, await answer.read())
        assert ["theirs=1"] == answer.headers.getall("Set-Cookie")
        assert not {"Service-Worker-Allowed", "Clear-Site-Data"} & set(answer.headers)
        assert not {"NEL", "Report-To", "Alt-Svc", "Strict-Transport-Security"} & set(
            answer.headers
        )
        assert not {"X-Split", "X-Evil", "X Y"} & set(answer.headers)

    @pytest.mark.parametrize("status", [0, 99, 101, 199, 600, 999])
    async def test_whose_status_ends_no_exchange_is_a_bad_gateway(self, door, behind, status):
        behind.reply = Reply(status=status, body=b"said")
        async with door.post("/integration/global/patient", data=b"x") as answer:
            assert (502, b"") == (answer.status, await answer.read())


class TestTheButtonOfAConnectPage:
    @pytest.mark.parametrize(
        ("status", "headers"),
        [
            (202, {"Sec-Fetch-Site": "same-origin"}),
            (202, {"Origin": "http://127.0.0.1"}),
            (202, {}),  # no browser
            (403, {"Origin": "null"}),  # the sandboxed frame of a stranger
            (403, {"Origin": "https://evil.test"}),
            (403, {"Sec-Fetch-Site": "cross-site", "Origin": "http://127.0.0.1"}),
            (403, {"Sec-Fetch-Site": "same-site"}),
        ],
    )
    @pytest.mark.parametrize("path", ["/connect/some-token", "/connect/flows/flow_1"])
    async def test_is_ours_to_press(self, door, behind, path, status, headers):
        async with door.post(path, headers=headers) as answer:
            assert status == answer.status
        assert (status == 202) is bool(behind.stored)


class TestWhatABrowserBrings:
    async def test_is_sealed_before_it_is_stored(self, door, behind, key):
        headers = {"Cookie": f"other=1; waypost-flow={COOKIE}", "X-Canary": "canary-header"}
        async with door.post("/oauth/deep?code=canary-code", data=b"canary-body",
                             headers=headers):  # fmt: skip
            pass
        (stored,) = behind.stored
        part = msgspec.msgpack.decode(
            key.open(stored.sealed, stored.id.encode()), type=SealedPart
        )

        assert b"canary" not in msgspec.msgpack.encode(stored)
        assert ("code=canary-code", b"canary-body") == (part.query, part.body)
        assert HASHED == stored.cookie_hash
        assert ("cookie", f"other=1; waypost-flow={HASHED}") in part.headers

    async def test_has_no_token_of_a_link_in_it(self, door, behind):
        async with door.get("/connect/token-of-a-link"):
            pass
        (stored,) = behind.stored

        assert hashlib.sha256(b"token-of-a-link").hexdigest() == stored.name
        assert b"token-of-a-link" not in msgspec.msgpack.encode(stored)

    async def test_is_in_no_log(self, door, log):
        async with door.get(f"/oauth?code=canary&state={COOKIE}"), door.get("/connect/canary"):
            pass

        assert 2 == len(log.kept)
        assert "canary" not in "".join(log.kept)
        assert COOKIE not in "".join(log.kept)

    async def test_is_no_service_worker(self, door, behind):
        async with door.get("/oauth/sw.js", headers={"Service-Worker": "script"}) as answer:
            assert 403 == answer.status
        assert [] == behind.stored


class TestARefusal:
    """A person reads a page, in their language; a program reads what every call here answers."""

    PERSON = {"Sec-Fetch-Dest": "document", "Accept-Language": "de"}

    async def test_by_a_full_store_is_a_page_that_tries_again(self, door, behind):
        behind.status = "full"
        async with door.get("/oauth?code=x&state=y", headers=self.PERSON) as answer:
            page = await answer.text()

        after = answer.headers["Retry-After"]
        assert (503, "text/html") == (answer.status, answer.content_type)
        assert f'<meta http-equiv="refresh" content="{after}">' in page
        assert "Gerade nicht möglich" in page
        assert "default-src 'none'" in answer.headers["Content-Security-Policy"]

    async def test_of_a_form_is_a_page_that_sends_nothing_twice(self, door, behind):
        behind.status = "full"
        headers = {**SAME_ORIGIN, "Accept": "text/html,*/*;q=0.8"}
        async with door.post("/connect/some-token", headers=headers) as answer:
            page = await answer.text()

        assert 503 == answer.status
        assert "refresh" not in page
        assert "Go back in a minute and try again" in page

    async def test_of_another_sites_button_says_what_to_do(self, door, behind):
        headers = {**self.PERSON, "Sec-Fetch-Site": "cross-site"}
        async with door.post("/connect/some-token", headers=headers) as answer:
            page = await answer.text()

        assert (403, []) == (answer.status, behind.stored)
        assert "Öffnen Sie den Verbindungslink selbst" in page

    @pytest.mark.parametrize("headers", [{}, {"Accept": "*/*"}, {"Sec-Fetch-Dest": "empty"}])
    async def test_for_a_program_stays_as_it_is(self, door, behind, headers):
        behind.status = "full"
        async with door.get("/oauth?code=x&state=y", headers=headers) as answer:
            said = await answer.json()

        assert (503, 503) == (answer.status, said["code"])


class TestAFlood:
    """Row 31 of docs/security.md: what nobody has signed must not fill the store."""

    FAR = {"X-Forwarded-For": "203.0.113.5"}

    async def test_of_one_address_is_stored_up_to_its_limit(self, door, behind):
        """Told by the proxy on this machine."""
        behind.reply = Reply(status=303)
        said = [
            await status(door.get("/oauth?state=x", headers=self.FAR, allow_redirects=False))
            for _ in range(5)
        ]
        other = await status(
            door.get(
                "/oauth", headers={"X-Forwarded-For": "203.0.113.6"}, allow_redirects=False
            )
        )

        assert [303, 303, 303, 429, 429] == said
        assert 303 == other
        assert 4 == len(behind.stored)

    async def test_of_presses_is_stored_up_to_the_limit_of_its_link(self, door, behind):
        """Wherever they come from."""
        behind.reply = Reply(status=303)
        said = [
            await status(door.post("/connect/one", headers=SAME_ORIGIN, allow_redirects=False))
            for _ in range(3)
        ]
        other = await status(
            door.post("/connect/other", headers=SAME_ORIGIN, allow_redirects=False)
        )

        assert [303, 303, 429] == said
        assert 303 == other

    async def test_keeps_no_webhook_out(self, door):
        for _ in range(5):
            await status(door.get("/oauth", headers=self.FAR))

        assert 200 == await status(door.post(f"/{HOOK}", data=b"{}", headers=self.FAR))


SAME_ORIGIN = {"Sec-Fetch-Site": "same-origin"}


async def status(asking) -> int:
    """The status of an answer, which is not followed any further."""
    async with asking as answer:
        return answer.status
