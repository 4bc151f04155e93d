"""What every app gets of `services.web` and `services.listener`, over real sockets."""

from __future__ import annotations

import asyncio
import gzip
import ipaddress
from collections.abc import AsyncIterator

import pytest
import pytest_asyncio
from aiohttp import ClientSession, http_parser

from services.listener import Limits, Runner, serve
from services.web import BODY_TIMEOUT, LARGEST_BODY, Edge, add_health, web_app
from shared.clock import SystemChance, SystemClock
from shared.errors import Conflict, NotFound, SetupFailed, StoreUnavailable
from shared.metrics import Metrics, page, summed
from tests.journeys.web_builders import (
    Lines,
    echo,
    error_in,
    page_of_a_handler,
    raising,
    spoken,
)


@pytest.fixture
def log():
    return Lines()


@pytest.fixture
def edge(log):
    return Edge(
        name="ingress", clock=SystemClock(), chance=SystemChance(), log=log, metrics=Metrics()
    )


@pytest_asyncio.fixture
async def runner(edge) -> AsyncIterator[Runner]:
    app = web_app(edge)
    app.router.add_post("/echo/{token}", echo)
    app.router.add_get("/missing", raising(NotFound("there is no such thing")))
    app.router.add_get("/taken", raising(Conflict("somebody has it")))
    app.router.add_get("/away", raising(StoreUnavailable("the store did not answer")))
    app.router.add_get("/bug", raising(KeyError("secret-of-somebody")))
    app.router.add_get("/passed-on", page_of_a_handler)
    add_health(app)
    limits = Limits(keepalive=0.4, lingering=0.2)
    runner = await serve(app, edge, "127.0.0.1", 0, limits)
    yield runner
    await runner.cleanup()


async def test_processes_that_are_told_to_share_a_port_do_and_others_are_refused(edge) -> None:
    shared = Limits(shares_port=True)
    first = await serve(web_app(edge), edge, "127.0.0.1", 0, shared)
    second = await serve(web_app(edge), edge, "127.0.0.1", first.port, shared)
    try:
        with pytest.raises(SetupFailed, match="cannot listen"):
            await serve(web_app(edge), edge, "127.0.0.1", first.port)

        assert first.port == second.port
    finally:
        await first.cleanup()
        await second.cleanup()


@pytest_asyncio.fixture
async def client(runner) -> AsyncIterator[ClientSession]:
    async with ClientSession(f"http://127.0.0.1:{runner.port}") as session:
        yield session


class TestErrors:
    @pytest.mark.parametrize(
        ("path", "status", "type"),
        [
            ("/missing", 404, "ResourceNotFound"),
            ("/taken", 409, "AlreadyExists"),
            ("/away", 503, "Internal"),
            ("/no-such-route", 404, "ResourceNotFound"),
            ("/echo/x", 405, "MethodNotFound"),
        ],
    )
    async def test_have_botpress_shape(self, client, path, status, type):
        async with client.get(path) as answer:
            body = await answer.json()

        assert status == answer.status == body["code"]
        assert type == body["type"]
        assert answer.headers["X-Request-Id"] == body["id"]
        assert body["message"]

    async def test_a_store_that_is_away_says_when_to_come_back(self, client):
        async with client.get("/away") as answer:
            assert "1" == answer.headers["Retry-After"]

    async def test_a_wrong_method_names_the_right_one(self, client):
        async with client.get("/echo/x") as answer:
            assert "POST" == answer.headers["Allow"]

    async def test_a_bug_is_logged_and_shows_nothing_but_its_id(self, client, log):
        async with client.get("/bug") as answer:
            body = await answer.json()

        assert 500 == answer.status
        assert "secret-of-somebody" not in str(body)
        (facts,) = [facts for _, event, facts in log.kept if event == "http.failed"]
        assert (body["id"], "/bug", KeyError) == (
            facts["id"],
            facts["route"],
            type(facts["exc_info"]),
        )

    async def test_an_expectation_nobody_meets_is_refused_in_shape(self, runner):
        raw = b"POST /echo/x HTTP/1.1\r\nHost: h\r\nExpect: tea\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"

        answer = await spoken(runner, raw)

        assert answer.startswith(b"HTTP/1.1 417 ")
        assert 417 == error_in(answer)["code"]


class TestWhatTwoParsersMayReadInTwoWays:
    @pytest.mark.parametrize(
        "head",
        [
            b"GET /health HTTP/1.1\r\nHost: h\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n",
            b"POST /echo/x HTTP/1.1\r\nHost: h\r\nContent-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
            b"POST /echo/x HTTP/1.1\r\nHost: h\r\nContent-Length: 3\r\nContent-Length: 3\r\n\r\nabc",
            b"POST /echo/x HTTP/1.1\r\nHost: h\r\nContent-Length: 3\r\nContent-Length: 4\r\n\r\nabcd",
            b"GET /health HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n",
            b"GET http://elsewhere.example/health HTTP/1.1\r\nHost: h\r\n\r\n",
            b"CONNECT elsewhere.example:443 HTTP/1.1\r\nHost: h\r\n\r\n",
            b"GET /health HTTP/1.1\r\nHost: h\r\nX: a\rb\r\n\r\n",
            b"POST /echo/x HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n",
            b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03",
            b"GET /health HTTP/2.0\r\nHost: h\r\n\r\n",
            b"GET /health HTTP/0.9\r\nHost: h\r\n\r\n",
            b"POST /echo/x HTTP/1.0\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
            b"GET /" + b"a" * 9000 + b" HTTP/1.1\r\nHost: h\r\n\r\n",
            b"GET /health HTTP/1.1\r\nHost: h\r\nX-Big: " + b"a" * 9000 + b"\r\n\r\n",
        ],
    )
    async def test_is_refused_and_the_connection_ends(self, runner, head):
        answer = await spoken(runner, head)

        assert b" 400 " == answer[8:13]
        assert "InvalidPayload" == error_in(answer)["type"]

    async def test_what_cannot_be_parsed_is_not_in_the_log(self, runner, log):
        await spoken(
            runner,
            b"GET /x HTTP/1.1\r\nHost: h\r\nCookie: canary\r\n" + b"X" * 9000 + b"\r\n\r\n",
        )

        assert "http.unreadable" in log.text
        assert "canary" not in log.text

    async def test_somebody_who_leaves_in_the_middle_is_no_bug(self, runner, log):
        _, writer = await asyncio.open_connection("127.0.0.1", runner.port)
        writer.write(b"POST /echo/x HTTP/1.1\r\nHost: h\r\nContent-Length: 9\r\n\r\nabc")
        await writer.drain()
        await asyncio.sleep(0.05)
        writer.close()
        while "http.abandoned" not in log.text and "http.failed" not in log.text:
            await asyncio.sleep(0.01)

        assert "http.failed" not in log.text

    async def test_nothing_after_an_upgrade_is_read_as_a_request(self, runner, log):
        raw = (
            b"GET /health HTTP/1.1\r\nHost: h\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n"
            b"GET /missing HTTP/1.1\r\nHost: h\r\n\r\n"
        )

        answer = await spoken(runner, raw)

        assert 1 == answer.count(b"HTTP/1.1")
        assert "/missing" not in log.text


class TestBodies:
    async def test_arrive_byte_for_byte(self, client):
        packed = gzip.compress(b"abc" * 100)
        headers = {"Content-Encoding": "gzip"}

        async with client.post("/echo/x", data=packed, headers=headers) as answer:
            assert packed == await answer.read()

    async def test_may_come_in_chunks(self, client):
        async def parts():
            yield b"a"
            yield b"b"

        async with client.post("/echo/x", data=parts()) as answer:
            assert b"ab" == await answer.read()

    async def test_that_say_they_are_too_large_are_refused_unread(self, runner):
        answer = await spoken(
            runner, b"POST /echo/x HTTP/1.1\r\nHost: h\r\nContent-Length: 1001\r\n\r\n"
        )

        assert answer.startswith(b"HTTP/1.1 413 ")
        assert "the body is larger than 1000 bytes" == error_in(answer)["message"]

    async def test_that_turn_out_too_large_are_refused(self, runner):
        chunk = b"400\r\n" + b"a" * 1024 + b"\r\n"
        head = b"POST /echo/x HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n"

        answer = await spoken(runner, head + chunk)

        assert answer.startswith(b"HTTP/1.1 413 ")

    async def test_that_never_end_run_out_of_time(self, runner):
        answer = await spoken(
            runner, b"POST /echo/x HTTP/1.1\r\nHost: h\r\nContent-Length: 10\r\n\r\nabc"
        )

        assert answer.startswith(b"HTTP/1.1 408 ")


class TestWhatIsShipped:
    """The limits that nobody has to set."""

    def test_are_the_values_of_the_study(self):
        kept = Limits()

        assert (15.0, 5.0) == (kept.keepalive, kept.lingering)
        assert (8190, 128) == (kept.line, kept.headers)
        assert (2000, 64) == (kept.connections, kept.connections_per_address)
        assert (1 << 20, 10.0) == (LARGEST_BODY, BODY_TIMEOUT)

    async def test_a_head_of_more_lines_is_refused(self, runner):
        head = b"GET /health HTTP/1.1\r\nHost: h\r\n"
        most, more = (
            b"".join(b"X-%d: a\r\n" % n for n in range(count)) for count in (120, 140)
        )

        assert b" 200 " == (await spoken(runner, head + most + b"\r\n"))[8:13]
        assert b" 400 " == (await spoken(runner, head + more + b"\r\n"))[8:13]

    async def test_no_app_is_served_with_the_parser_in_python(self, edge, monkeypatch):
        monkeypatch.setattr(http_parser, "HttpRequestParser", http_parser.HttpRequestParserPy)

        with pytest.raises(SetupFailed, match="parser in C"):
            await serve(web_app(edge), edge, "127.0.0.1", 0)


class TestConnections:
    @pytest.mark.parametrize(
        "start", [b"", b"GET /health HT", b"GET /health HTTP/1.1\r\nHost: h\r\nX-"]
    )
    async def test_that_say_nothing_whole_are_closed(self, runner, start):
        answer = await spoken(runner, start)

        assert b"" == answer

    async def test_beyond_the_limit_are_told_to_come_back(self, edge):
        app = web_app(edge)
        add_health(app)
        runner = await serve(app, edge, "127.0.0.1", 0, Limits(connections=1))
        try:
            _, first = await asyncio.open_connection("127.0.0.1", runner.port)
            await asyncio.sleep(0.05)
            refused = await spoken(runner, b"GET /health HTTP/1.1\r\nHost: h\r\n\r\n")
            first.close()
            await asyncio.sleep(0.05)
            taken = await spoken(
                runner, b"GET /health HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n"
            )
        finally:
            await runner.cleanup()

        assert refused.startswith(b"HTTP/1.1 503 ")
        assert taken.startswith(b"HTTP/1.1 200 ")

    async def test_of_one_address_are_few_unless_it_is_trusted(self, edge):
        app = web_app(edge)
        add_health(app)
        elsewhere = (ipaddress.ip_network("10.0.0.0/8"),)
        limits = Limits(connections_per_address=1, uncounted=elsewhere)
        runner = await serve(app, edge, "127.0.0.1", 0, limits)
        try:
            _, first = await asyncio.open_connection("127.0.0.1", runner.port)
            await asyncio.sleep(0.05)
            refused = await spoken(runner, b"GET /health HTTP/1.1\r\nHost: h\r\n\r\n")
            first.close()
        finally:
            await runner.cleanup()

        assert refused.startswith(b"HTTP/1.1 503 ")

    async def test_a_busy_port_is_told_with_the_fix(self, runner, edge):
        with pytest.raises(SetupFailed, match="WAYPOST_INGRESS_BIND"):
            await serve(web_app(edge), edge, "127.0.0.1", runner.port)


class TestAnswers:
    async def test_never_name_path_or_query_in_the_log(self, client, log):
        async with client.post("/echo/hunter2?code=hunter3", data=b"hunter4"):
            pass

        assert "hunter" not in log.text
        assert "/echo/{token}" in log.text

    async def test_have_safe_headers(self, client):
        async with client.get("/health") as answer:
            assert "ok" == await answer.text()
            assert "nosniff" == answer.headers["X-Content-Type-Options"]
            assert "default-src 'none'" in answer.headers["Content-Security-Policy"]
            assert "waypost" == answer.headers["Server"]

    async def test_of_somebody_else_are_passed_on_as_they_are(self, client):
        async with client.get("/passed-on") as answer:
            assert "Content-Security-Policy" not in answer.headers
            assert "Referrer-Policy" not in answer.headers

    async def test_health_of_the_staff_port_tells_facts_and_503_when_it_fails(self, edge):
        states = [{"durable": True}]

        async def check():
            if not states:
                raise StoreUnavailable("the store did not answer")
            return states.pop()

        app = web_app(edge)
        add_health(app, check)
        runner = await serve(app, edge, "127.0.0.1", 0)
        async with ClientSession(f"http://127.0.0.1:{runner.port}") as session:
            async with session.get("/health") as answer:
                assert {"status": "ok", "durable": True} == await answer.json()
            async with session.get("/health") as answer:
                assert 503 == answer.status
                assert "the store did not answer" == (await answer.json())["problem"]
        await runner.cleanup()

    async def test_are_counted_by_route(self, edge):
        app = web_app(edge)
        add_health(app)
        runner = await serve(app, edge, "127.0.0.1", 0)
        async with (
            ClientSession(f"http://127.0.0.1:{runner.port}") as session,
            session.get("/health"),
        ):
            pass
        await runner.cleanup()
        sums = {}

        async def add(more):
            sums.update(more)

        await edge.metrics.tell(add)

        assert (
            'waypost_http_requests_total{method="GET",program="ingress",route="/health",status="200"} 1.0'
            in page(summed(sums)).decode()
        )
