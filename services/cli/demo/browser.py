"""A person who clicks "Connect", with a cookie jar and without eyes."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Self

from aiohttp import ClientSession, CookieJar
from yarl import URL

from shared.errors import SetupFailed

_REDIRECTS = frozenset({301, 302, 303, 307, 308})
_MOST = 10


class Person:
    """One browser; cookies are kept for addresses too."""

    async def __aenter__(self) -> Self:
        """Open it."""
        self._session = ClientSession(cookie_jar=CookieJar(unsafe=True), trust_env=False)
        return self

    async def __aexit__(self, *_: object) -> None:
        """Close it."""
        await self._session.close()

    async def connect(self, link: str, account: str, inputs: Mapping[str, str]) -> str:
        """Open *link*, type *inputs*, press its button, agree as *account*; returns the last page."""
        async with self._session.get(link) as page:
            await _expect(page.status, 200, await page.text())
        async with self._session.post(
            link,
            data=inputs,
            allow_redirects=False,
            headers={"Sec-Fetch-Site": "same-origin"},
        ) as answer:
            await _expect(answer.status, 303, await answer.text())
            authorize = URL(answer.headers["Location"], encoded=True)
        return await self._follow(authorize.update_query(login_hint=account))

    async def _follow(self, url: URL) -> str:
        for _ in range(_MOST):
            async with self._session.get(url, allow_redirects=False) as answer:
                if answer.status not in _REDIRECTS:
                    return await answer.text()
                url = answer.url.join(URL(answer.headers["Location"], encoded=True))
        raise SetupFailed("the browser was redirected in a circle", "this is a bug of the demo")


async def _expect(status: int, expected: int, page: str) -> None:
    if status != expected:
        raise SetupFailed(
            f"the connect page answered {status} instead of {expected}: {page[:300]}",
            "see the messages above",
        )
