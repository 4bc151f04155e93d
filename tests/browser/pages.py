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

    async def shot(self, folder: Path, name: str) -> None:
        """A picture of the page, for people to look at."""
        await self.page.screenshot(path=folder / f"{name}.png", full_page=True)

    async def seen(self, folder: Path, name: str) -> str:
        """Take a picture; returns the page's source."""
        await self.shot(folder, name)
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
