"""The desk under a path of another site, behind a proxy: links, scripts, events and redirects stay there."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from playwright.sync_api import expect

from tests.browser.pages import PAGES, Jobs
from tests.browser.proxy import PREFIX, proxy
from tests.conftest import Stack, wait_until

ADDRESSES = """['href', 'src', 'action', 'formaction']
  .flatMap(name => [...document.querySelectorAll(`[${name}]`)].map(one => new URL(one.getAttribute(name), location)))
  .filter(url => url.origin === location.origin).map(url => url.pathname)"""


@pytest.fixture(scope="module")
def behind(browser, stack):
    """A page behind the proxy, and the list of the addresses that were not found."""
    shared = stack.environment
    second = Stack(shared["REDIS_URL"], Path(shared["DATA_DIR"]), TRUSTED_PROXIES="1")
    second.start("server")
    wait_until(second.answers)
    with proxy(second.port) as url:
        page = browser.new_page(base_url=url)
        lost = []
        page.on("response", lambda answer: answer.status == 404 and lost.append(answer.url.removeprefix(url)))
        yield page, lost
        page.close()
    second.stop()


@pytest.mark.slow
def test_every_address_on_every_page_stays_under_the_prefix(behind, stack, browser):
    page, lost = behind
    jobs = Jobs(browser.new_context(base_url=stack.url).request)
    for name in PAGES:
        page.goto(PREFIX + jobs.path(name))
        paths = page.evaluate(ADDRESSES)
        assert len(paths) > 10, name
        assert [path for path in paths if not path.startswith(f"{PREFIX}/")] == [], name
    jobs.end()

    assert lost == [f"{PREFIX}/nothing"]


@pytest.mark.slow
def test_a_job_is_started_followed_and_found_under_the_prefix(behind):
    page, _ = behind
    page.goto(f"{PREFIX}/tasks/simple_task")
    page.get_by_label("Task arg").fill("proxied")
    page.get_by_label("Seconds").fill("4")
    page.get_by_role("button", name="Run", exact=True).click()

    page.wait_for_url(f"**{PREFIX}/jobs/*")
    expect(page.get_by_text(re.compile(r"^(25|50|75) %"))).to_be_visible()
    expect(page.locator("h1")).to_contain_text("succeeded")
    page.keyboard.press("g")
    page.keyboard.press("j")
    page.wait_for_url(f"**{PREFIX}/jobs")


def test_a_client_that_is_no_trusted_proxy_cannot_set_the_prefix(stack, browser):
    page = browser.new_page(base_url=stack.url, extra_http_headers={"X-Forwarded-Prefix": "/elsewhere"})
    page.goto("/")

    assert [path for path in page.evaluate(ADDRESSES) if path.startswith("/elsewhere")] == []
    page.close()
