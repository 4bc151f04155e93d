"""The console: signing in with the admin token, the overview, signing out."""

from __future__ import annotations

import html
import re
import tempfile
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from datetime import timedelta
from pathlib import Path

import pytest_asyncio
from aiohttp import ClientSession, CookieJar

from shared.storage.connection import Store, connect
from shared.storage.embedded import EmbeddedValkey
from shared.vrl.pool import VrlPool
from tests.journeys.api_builders import (
    TOKEN,
    running_api,
    with_acme,
    with_dead,
    with_installation,
    with_request,
)


@pytest_asyncio.fixture
async def browser(api) -> AsyncIterator[ClientSession]:
    async with ClientSession(api.origin, cookie_jar=CookieJar(unsafe=True)) as session:
        yield session


async def page(browser: ClientSession) -> str:
    async with browser.get("/") as answer:
        return html.unescape(await answer.text())


async def sign_in(browser: ClientSession, token: str = TOKEN, **more) -> int:
    async with browser.post(
        "/login", data={"token": token}, allow_redirects=False, **more
    ) as answer:
        return answer.status


class TestSigningIn:
    async def test_is_asked_for_before_anything_is_shown(self, api, browser):
        await with_dead(api, reason="canary")

        assert "Admin token" in await page(browser)
        assert "canary" not in await page(browser)

    async def test_takes_the_admin_token_and_no_other(self, browser):
        assert 401 == await sign_in(browser, "wrong")
        assert 401 == await sign_in(browser, "")
        assert "Admin token" in await page(browser)
        assert 303 == await sign_in(browser)
        assert "Is anything stuck?" in await page(browser)

    async def test_leaves_a_cookie_that_scripts_and_other_sites_cannot_use(
        self, browser, store: Store
    ):
        async with browser.post(
            "/login", data={"token": TOKEN}, allow_redirects=False
        ) as answer:
            cookie = answer.headers["Set-Cookie"]
        value = cookie.partition("=")[2].partition(";")[0]
        dump = b"".join(await store.redis.keys())

        assert "HttpOnly" in cookie
        assert "SameSite=Strict" in cookie
        assert TOKEN not in cookie
        assert value.encode() not in dump

    async def test_refuses_a_form_of_another_site(self, browser):
        assert 403 == await sign_in(browser, headers={"Sec-Fetch-Site": "cross-site"})

    async def test_ends_when_signed_out_or_made_up(self, browser, api):
        await sign_in(browser)
        value = next(iter(browser.cookie_jar)).value
        async with browser.post("/logout"):
            pass

        async with browser.get("/", cookies={"waypost_session": value}) as answer:
            after = await answer.text()

        assert "Admin token" in after

    async def test_refuses_a_huge_form_on_a_page(self, browser):
        async with browser.post("/login", data={"token": "x" * 10_000}) as answer:
            assert 413 == answer.status
            assert "That did not work" in await answer.text()


class TestTheOverview:
    async def test_of_an_empty_store_teaches(self, browser):
        await sign_in(browser)

        seen = await page(browser)

        assert "A 2xx means the request is on disk." in seen
        assert "Start one: <code>waypost worker</code>" in seen
        assert "Nothing has arrived yet." in seen
        assert "No integration is installed on a bot yet." in seen

    async def test_answers_the_five_questions(self, api, browser):
        await with_acme(api)
        await with_installation(api, connection="needs_reauth")
        await with_dead(api, "req_1", reason="the bot answered 410")
        await with_request(api, "req_2")
        await api.ports.ledger.beat("host-1", {"running": 2}, timedelta(seconds=30))
        await sign_in(browser)

        seen = await page(browser)
        answers = re.findall(r'<p class="answer">(.*?)</p>', seen)

        assert ["No", "1", "1", "0", "1"] == answers
        assert "1 dead, 1 cause; 0 retrying" in seen
        assert "It was given up: the bot answered 410" in seen
        assert "host-1" in seen
        assert "needs_reauth" in seen

    async def test_shows_hostile_words_as_words(self, api, browser):
        await with_dead(api, reason="<script>alert(1)</script>")
        await sign_in(browser)

        async with browser.get("/") as answer:
            raw = await answer.text()
            policy = answer.headers["Content-Security-Policy"]

        assert "<script" not in raw
        assert "default-src 'none'; style-src 'self'" in policy

    async def test_loads_nothing_from_elsewhere(self, browser):
        await sign_in(browser)
        seen = await page(browser)

        assert [] == re.findall(r'(?:src|href|action)="(?:https?:)?//', seen)
        async with browser.get("/static/console.css") as answer:
            assert "text/css" == answer.content_type
            assert "url(" not in await answer.text()

    async def test_of_a_store_that_is_away_says_so_on_a_page(self):
        async with AsyncExitStack() as stack:
            folder = stack.enter_context(tempfile.TemporaryDirectory(prefix="wp-"))
            server = EmbeddedValkey(Path(folder))
            await server.__aenter__()
            store = await stack.enter_async_context(
                await connect(server.url, socket_timeout=0.5)
            )
            scripts = await stack.enter_async_context(VrlPool(size=1))
            api = await stack.enter_async_context(running_api(store, scripts))
            jar = CookieJar(unsafe=True)
            browser = await stack.enter_async_context(ClientSession(api.origin, cookie_jar=jar))
            await sign_in(browser)
            await server.__aexit__(None, None, None)

            async with browser.get("/") as answer:
                seen = await answer.text()
            called = await api.get("/v1/admin/queue")
            async with browser.get("/metrics") as metrics:
                text = await metrics.text()

        assert 503 == answer.status == called.status
        assert "That did not work" in seen
        assert "Retry-After" in called.headers
        assert "waypost_store_up 0.0" in text
