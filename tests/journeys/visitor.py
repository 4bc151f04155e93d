"""A person with a browser of their own: cookies are kept, redirects are followed only where asked."""

from __future__ import annotations

import asyncio
import html
import re
from typing import Any, Self

from aiohttp import ClientSession, CookieJar
from msgspec import Struct
from yarl import URL

_REDIRECTS = frozenset({301, 302, 303, 307, 308})


class Page(Struct, frozen=True):
    """What came back."""

    status: int
    url: str
    text: str
    headers: dict[str, str]  # names in lower case; the last one of a repeated header

    @property
    def headline(self) -> str:
        """The text of its first heading."""
        found = re.search(r"<h1[^>]*>(.*?)</h1>", self.text, re.DOTALL)
        return html.unescape(found[1].strip()) if found else ""

    @property
    def location(self) -> str:
        """Where it sends the browser."""
        return self.headers["location"]

    @property
    def again(self) -> str:
        """Where its button "Start again" leads; empty without one."""
        found = re.search(r'<a class="button" href="([^"]+)">Start again', self.text)
        return found[1] if found else ""


class Visitor:
    """One browser."""

    async def __aenter__(self) -> Self:
        self._session = ClientSession(cookie_jar=CookieJar(unsafe=True), trust_env=False)
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._session.close()

    async def ask(self, method: str, url: str, **more: Any) -> Page:
        """One request."""
        async with self._session.request(
            method, URL(url, encoded=True), allow_redirects=False, **more
        ) as answer:
            headers = {name.lower(): value for name, value in answer.headers.items()}
            return Page(answer.status, str(answer.url), await answer.text(), headers)

    async def open(self, url: str) -> Page:
        """GET, and go where redirects lead."""
        for _ in range(10):
            page = await self.ask("GET", url)
            if page.status not in _REDIRECTS:
                return page
            url = str(URL(url).join(URL(page.location, encoded=True)))
        raise AssertionError(f"redirected in a circle: {url}")

    async def stay(self, url: str, within: float = 15.0) -> Page:
        """Open *url* and stay on the flow's page until it has ended."""
        async with asyncio.timeout(within):
            page = await self.open(url)
            while 'http-equiv="refresh"' in page.text:
                await asyncio.sleep(0.05)
                page = await self.open(page.url)
        return page

    async def press(self, link: str, **form: str) -> Page:
        """Press the button of a connect page."""
        return await self.ask(
            "POST", link, data=form, headers={"Sec-Fetch-Site": "same-origin"}
        )

    async def callback(self, link: str, account: str) -> str:
        """Press the button, agree at the provider as *account* (or `deny`): the address it sends the browser to."""
        pressed = await self.press(link)
        assert 303 == pressed.status, pressed.text
        consent = URL(pressed.location, encoded=True).update_query(login_hint=account)
        agreed = await self.ask("GET", str(consent))
        assert 302 == agreed.status, agreed.text
        return agreed.location

    async def connect(self, link: str, account: str) -> Page:
        """From the link's page to the result page."""
        shown = await self.open(link)
        assert 200 == shown.status, shown.text
        return await self.open(await self.callback(link, account))

    @property
    def cookies(self) -> dict[str, str]:
        """The cookies that it holds."""
        return {cookie.key: cookie.value for cookie in self._session.cookie_jar}
