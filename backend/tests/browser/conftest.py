"""A real browser: an installed Chromium or Chrome. Without one, these tests are skipped with a message.

Chromium without windows (Debian: chromium-headless-shell) renders the same pages in half the time.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Iterator, Sequence
from functools import cache
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, BrowserContext, Page, expect, sync_playwright

from tests.conftest import Stack, running

PROGRAMS = (
    "chromium-headless-shell",
    "chromium",
    "chromium-browser",
    "google-chrome",
    "google-chrome-stable",
    "chrome",
)
OPTIONS = (
    "--no-sandbox --disable-gpu --disable-quic --no-first-run --disable-background-networking "
    "--disable-component-update --disable-sync"
)
AXE = Path(__file__).with_name("axe.min.js").read_text()
expect.set_options(timeout=60_000)  # ms; enough for a busy machine, and every wait ends when its condition holds
TAGS = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    program = next(filter(None, map(shutil.which, PROGRAMS)), None)
    if not program:
        if os.environ.get("CI"):
            pytest.fail("CI needs a browser, and there is no Chromium or Chrome")
        pytest.skip("no Chromium or Chrome is installed: the pages were not tried in a browser")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=program, headless=True, args=OPTIONS.split())
        yield browser
        browser.close()


@pytest.fixture(scope="session")
def samples(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    """A stack with the sample tasks and one worker."""
    folder = tmp_path_factory.mktemp("samples")
    with running(folder, "echo", TASKS="tests.sample_tasks", WORKERS="1") as stack:
        yield stack


@pytest.fixture
def page(browser: Browser, stack) -> Iterator[Page]:
    """A page of the stack. A violation of the policy or an error of a script fails the test."""
    yield from open_page(browser, stack.url)


@pytest.fixture
def sample_page(browser: Browser, samples) -> Iterator[Page]:
    """Like `page`, on the stack with the sample tasks."""
    yield from open_page(browser, samples.url)


@pytest.fixture
def plain_page(browser: Browser, stack) -> Iterator[Page]:
    """Like `page`, without JavaScript."""
    yield from open_page(browser, stack.url, java_script_enabled=False)


@pytest.fixture
def timed_page(browser: Browser, stack) -> Iterator[Page]:
    """Like `page`, in its own context: a shifted clock holds for all pages of a context."""
    context = browser.new_context(base_url=stack.url, reduced_motion="reduce")
    yield from _open(context, stack.url)
    context.close()


def open_page(browser: Browser, url: str, **options: Any) -> Iterator[Page]:
    """Yield a page at a server. A violation of the policy or an error of a script fails the test."""
    yield from _open(_context(browser, url, **options), url)


def _open(context: BrowserContext, url: str) -> Iterator[Page]:
    page = context.new_page()
    complaints: list[str] = []
    page.on("pageerror", lambda error: complaints.append(str(error)))
    page.on("console", lambda message: complaints.append(message.text) if message.type == "error" else None)
    yield page
    context.clear_permissions()
    page.goto("about:blank")  # so that no late answer sets a cookie
    context.new_cdp_session(page).send("Storage.clearDataForOrigin", {"origin": url, "storageTypes": "all"})
    page.close()
    assert [text for text in complaints if "status of 4" not in text] == []


@cache
def _context(browser: Browser, url: str, **options: Any) -> BrowserContext:
    """All pages at one server share a context, because making one takes longer than most tests."""
    return browser.new_context(base_url=url, reduced_motion="reduce", **options)


@pytest.fixture(scope="session")
def axe() -> Callable[..., None]:
    """Check a page in its current state with axe-core: rules of WCAG 2 A and AA, and best practices."""

    def check(page: Page, rules: Sequence[str] = ()) -> None:
        """Fail if the page breaks a rule; with `rules`, only these count."""
        if not page.evaluate("'axe' in window"):
            page.evaluate(AXE)
        only = {"type": "rule", "values": rules} if rules else {"type": "tag", "values": TAGS}
        options = {"runOnly": only, "resultTypes": ["violations"], "preload": False}
        violations = page.evaluate("async options => (await axe.run(options)).violations", options)
        assert [_told(rule) for rule in violations] == [], page.url

    return check


def _told(rule: dict[str, Any]) -> str:
    return f"{rule['id']}: {rule['help']}: " + "; ".join(node["html"][:200] for node in rule["nodes"])
