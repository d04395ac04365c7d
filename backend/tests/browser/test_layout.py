"""The layout of all pages in a real browser: the theme, the navigation, and the message while Redis is away."""

from __future__ import annotations

import pytest
from playwright.sync_api import expect

from tests.conftest import RedisServer, Stack, wait_until

BACKGROUNDS = {"light": "rgb(246, 247, 249)", "dark": "rgb(15, 20, 26)"}
WHEN_THE_BODY_COMES = """
new MutationObserver(() => {
  if (document.body) window.themeAtFirst ??= document.documentElement.dataset.theme ?? "system";
}).observe(document, { childList: true, subtree: true });
"""


def background(page):
    return page.evaluate("getComputedStyle(document.documentElement).backgroundColor")


def test_a_chosen_theme_stays_and_is_there_before_the_page_is_drawn(page):
    page.emulate_media(color_scheme="dark")
    page.goto("/")
    assert background(page) == BACKGROUNDS["dark"]  # the system's

    page.get_by_role("button", name="Theme: system").click()
    expect(page.get_by_role("button", name="Theme: light. Change to dark")).to_be_visible()
    assert background(page) == BACKGROUNDS["light"]

    page.add_init_script(WHEN_THE_BODY_COMES)
    page.goto("/docs")
    assert page.evaluate("themeAtFirst") == "light"
    page.get_by_role("button", name="Theme: light").click()
    page.get_by_role("button", name="Theme: dark").click()
    page.emulate_media(color_scheme="light")
    assert background(page) == BACKGROUNDS["light"]  # the system's again


def test_without_javascript_the_theme_is_that_of_the_system_and_no_switch_is_shown(plain_page):
    page = plain_page
    page.emulate_media(color_scheme="dark")
    page.goto("/")

    expect(page.get_by_role("link", name="API")).to_be_visible()
    expect(page.get_by_role("button", name="Theme")).to_be_hidden()
    assert background(page) == BACKGROUNDS["dark"]


@pytest.mark.slow
def test_a_page_comes_back_by_itself_when_redis_does(browser, tmp_path):
    server = RedisServer(tmp_path)
    server.start()
    stack = Stack(server.url, tmp_path)
    stack.start("server")
    wait_until(lambda: stack.answers("/readyz"))
    page = browser.new_page(base_url=stack.url)
    server.stop()

    answer = page.goto("/jobs")
    assert (answer.status, answer.headers["retry-after"]) == (503, "5")
    expect(page.get_by_role("heading", name="can’t reach Redis")).to_be_visible()
    server.start()
    expect(page.get_by_role("heading", name="Jobs")).to_be_visible()

    page.close()
    stack.stop()
    server.stop()


def test_a_live_page_says_that_it_is_not_up_to_date(browser, stack):
    page = browser.new_page(base_url=stack.url)
    page.clock.install()
    page.goto("/queues")
    said = page.get_by_text("Live updates are paused. Reconnecting …")
    expect(said).to_be_hidden()

    page.route("/queues", lambda route: route.fulfill(status=503))
    page.clock.fast_forward(5000)
    expect(said).to_be_visible()

    page.route("/queues", lambda route: route.abort())
    page.clock.fast_forward(5000)
    expect(said).to_be_visible()

    page.unroute("/queues")
    page.clock.fast_forward(5000)
    expect(said).to_be_hidden()
    page.close()


def test_a_live_page_waits_as_long_as_retry_after_says(browser, stack):
    page = browser.new_page(base_url=stack.url)
    page.clock.install()
    page.goto("/queues")
    page.route("/queues", lambda route: route.fulfill(status=429, headers={"Retry-After": "60"}))
    with page.expect_request("/queues"):
        page.clock.fast_forward(5000)
    expect(page.get_by_text("Live updates are paused")).to_be_visible()
    asked = []
    page.on("request", lambda request: asked.append(request.url))

    page.clock.run_for(50_000)
    assert asked == []
    with page.expect_request("/queues"):
        page.clock.run_for(11_000)
    page.close()


def test_the_links_are_at_the_left_without_javascript_too(plain_page):
    plain_page.goto("/")

    assert plain_page.get_by_role("link", name="Tasks", exact=True).bounding_box()["x"] < 400
