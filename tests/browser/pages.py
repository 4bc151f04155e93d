"""A real Chromium, and what a page did while it was open."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio
from playwright.async_api import Browser, BrowserContext, Page, Request, async_playwright

from tests.needs import TOOLS

ARGUMENTS = (
    "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run",
    "--disable-background-networking", "--disable-component-update", "--disable-sync",
)  # fmt: skip


# What must hold of any page, for whoever uses it and however (https://www.w3.org/TR/WCAG22/: 1.3.1, 1.4.10, 2.4.2,
# 2.5.8, 3.1.1, 4.1.2).
_FLAWS = """() => {
  const found = [], all = (what) => [...document.querySelectorAll(what)];
  if (!document.documentElement.lang) found.push("no language");
  if (!document.title.trim()) found.push("no title");
  for (const what of ["h1", "main"])
    if (all(what).length !== 1) found.push(`${all(what).length} ${what}`);
  for (const field of all("input:not([type=hidden]), select"))
    if (!field.labels.length) found.push(`no label: ${field.name}`);
  for (const one of all("a, button, summary")) {
    if (!one.textContent.trim()) found.push(`no words: ${one.tagName}`);
    if (one.getBoundingClientRect().height < 24) found.push(`too small: ${one.textContent}`);
  }
  if (document.documentElement.scrollWidth > innerWidth) found.push("wider than the window");
  return found;
}"""


class Tab:
    """One browser of one person: its page, and every request and complaint of it."""

    def __init__(self, context: BrowserContext, page: Page) -> None:
        self.context, self.page = context, page
        self.asked: list[Request] = []
        self.complaints: list[str] = []
        page.on("request", lambda one: self.asked.append(one))  # noqa: PLW0108
        page.on("console", lambda one: self._complain(one.text))
        page.on("pageerror", lambda one: self.complaints.append(str(one)))

    def _complain(self, text: str) -> None:
        # The status of a page itself is no complaint of what it holds.
        if not text.startswith(
            "Failed to load resource: the server responded with a status of"
        ):
            self.complaints.append(text)

    async def headline(self) -> str:
        """The first heading, as it is read."""
        return (await self.page.locator("h1").first.inner_text()).strip()

    async def go_on(self) -> None:
        """Press the one button of a connect page."""
        await self.page.get_by_role("button", name="Continue to").click()
        await self.page.wait_for_load_state()

    async def allow(self, account: str) -> None:
        """Choose an account on the provider's page and agree."""
        await self.page.locator(f'input[value^="{account}/"]').check()
        await self.page.get_by_role("button", name="Allow").click()
        await self.page.wait_for_load_state()

    async def cancel(self) -> None:
        """Disagree on the provider's page."""
        await self.page.get_by_role("button", name="Cancel").click()
        await self.page.wait_for_load_state()

    async def flaws(self) -> list[str]:
        """What would keep somebody from using the page."""
        found: list[str] = await self.page.evaluate(_FLAWS)
        return found

    async def shot(self, folder: Path, name: str) -> None:
        """A picture of the page, for people to look at."""
        await self.page.screenshot(path=folder / f"{name}.png", full_page=True)

    async def seen(self, folder: Path, name: str) -> str:
        """Take a picture of a page that shuts nobody out; returns the page's source."""
        await self.shot(folder, name)
        assert [] == await self.flaws()
        return await self.page.content()


class People:
    """Opens browsers that know nothing of each other."""

    def __init__(self, browser: Browser) -> None:
        self._browser = browser
        self._contexts: list[BrowserContext] = []

    async def tab(self, **settings: object) -> Tab:
        """A fresh browser."""
        usual = {"viewport": {"width": 800, "height": 700}}
        context = await self._browser.new_context(**(usual | settings))  # type: ignore[arg-type]
        context.set_default_timeout(10_000)
        self._contexts.append(context)
        return Tab(context, await context.new_page())

    async def close(self) -> None:
        """Close them all."""
        for context in self._contexts:
            await context.close()


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def chromium() -> AsyncIterator[Browser]:
    """One Chromium for all tests of a worker."""
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(
            executable_path=TOOLS["chromium"].path(), args=list(ARGUMENTS)
        )
        yield browser
        await browser.close()


@pytest_asyncio.fixture(loop_scope="session")
async def people(chromium: Browser) -> AsyncIterator[People]:
    """Browsers that end with the test."""
    opened = People(chromium)
    yield opened
    await opened.close()


@pytest.fixture(scope="session")
def gallery(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where pictures of the pages go."""
    return tmp_path_factory.mktemp("gallery")
