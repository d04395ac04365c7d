"""A user logs in, runs a task, watches it end, and logs out."""

from __future__ import annotations

import re

import pytest
from playwright.sync_api import Page, expect
from redis import Redis

from taskdesk.service.accounts import Accounts
from tests.browser.conftest import open_page
from tests.browser.test_every_page import NOTE_SHIFTS
from tests.conftest import RedisServer, Stack, wait_until

PASSWORD = "correct horse battery"


@pytest.fixture(scope="module")
def locked(tmp_path_factory):
    """A stack with the user ann and one worker."""
    folder = tmp_path_factory.mktemp("locked")
    server = RedisServer(folder)
    server.start()
    with Redis.from_url(server.url) as redis:
        Accounts(redis).put_user("ann", PASSWORD, "user")
        Accounts(redis).put_user("ops", PASSWORD, "operator")
        Accounts(redis).add_token("ann", "ci", days=90)
    settings = {"AUTH": "on", "SECRET_KEY": "0123456789abcdef" * 2, "RATE_LIMIT": "50/second"}
    stack = Stack(server.url, folder, TASKS="tests.sample_tasks", WORKERS="1", **settings)
    stack.start("server")
    stack.start("worker")
    wait_until(stack.answers, what="the web answers")
    yield stack
    stack.stop()
    server.stop()


@pytest.fixture
def locked_page(browser, locked):
    yield from open_page(browser, locked.url)


def test_a_user_logs_in_runs_a_task_and_logs_out(locked_page: Page, axe):
    page = locked_page
    page.goto("/tasks/echo?text=hello")
    expect(page).to_have_title("Log in · Taskdesk")
    axe(page)
    page.get_by_label("Username").fill("ann")
    page.get_by_label("Password").fill("not the password")
    page.get_by_role("button", name="Log in").click()
    expect(page.get_by_role("alert")).to_have_text("Wrong username or password.")
    page.get_by_label("Password").fill(PASSWORD)
    page.get_by_role("button", name="Log in").click()

    expect(page).to_have_url(re.compile("/tasks/echo\\?text=hello$"))
    axe(page)
    page.get_by_role("button", name="Run", exact=True).click()
    expect(page.locator("main [data-status]").first).to_have_text("succeeded")
    expect(page.get_by_text("queued by ann")).to_be_visible()
    page.get_by_role("button", name="Keep").click()
    expect(page.get_by_text("The job is kept")).to_be_visible()

    page.goto("/queues")
    page.context.clear_cookies()
    again = page.get_by_role("link", name="Log in again")
    expect(again).to_be_visible()
    assert again.get_attribute("href").endswith("/login?next=/queues")
    again.click()
    page.get_by_label("Username").fill("ann")
    page.get_by_label("Password").fill(PASSWORD)
    page.get_by_role("button", name="Log in").click()
    expect(page).to_have_url(re.compile("/queues$"))

    page.get_by_role("button", name="Log out").click()
    expect(page).to_have_title("Log in · Taskdesk")
    page.go_back()
    page.reload()
    expect(page).to_have_title("Log in · Taskdesk")


def log_in_on(page: Page, name: str = "ann"):
    page.get_by_label("Username").fill(name)
    page.get_by_label("Password").fill(PASSWORD)
    page.get_by_role("button", name="Log in").click()


@pytest.mark.slow
def test_a_form_that_outlives_its_session_is_sent_after_the_login(locked_page: Page, axe):
    page = locked_page
    page.goto("/tasks/echo")
    log_in_on(page)
    page.get_by_label("Text").fill("typed before")
    page.context.clear_cookies()
    page.get_by_role("button", name="Run", exact=True).click()
    expect(page.get_by_role("alert")).to_have_text("Your session has ended. Log in to send it.")
    log_in_on(page)
    axe(page)
    page.get_by_role("button", name="Send it now").click()

    expect(page.get_by_text("typed before").first).to_be_visible()
    expect(page).to_have_url(re.compile("/jobs/"))


@pytest.mark.slow
def test_a_chosen_file_outlives_the_session(locked_page: Page):
    page = locked_page
    page.goto("/tasks/count_bytes")
    log_in_on(page)
    page.get_by_label("Data").set_input_files({"name": "a.csv", "mimeType": "text/csv", "buffer": b"a,b\n"})
    page.context.clear_cookies()
    page.get_by_role("button", name="Run", exact=True).click()
    with page.context.expect_page() as opened:
        page.get_by_role("link", name="Log in in a new tab").click()
    log_in_on(opened.value)
    expect(opened.value).to_have_url(re.compile("/tasks/count_bytes$"))
    page.get_by_role("button", name="Run", exact=True).click()

    expect(page).to_have_url(re.compile("/jobs/"))


@pytest.mark.slow
def test_the_pages_of_users_and_tokens_are_accessible_in_light_and_dark_wide_and_narrow(locked_page: Page, axe):
    page = locked_page
    page.goto("/login?next=/users")
    log_in_on(page, "ops")
    expect(page.get_by_role("heading", name="Users", exact=True)).to_be_visible()

    for path in ("/users", "/users/ann", "/tokens", "/account", "/audit"):
        page.goto(path)
        page.evaluate("document.querySelectorAll('main details').forEach(folded => folded.open = true)")
        for scheme, width in (("light", 320), ("dark", 1280)):
            page.set_viewport_size({"width": width, "height": 800})
            page.emulate_media(color_scheme=scheme)
            assert page.evaluate("document.documentElement.scrollWidth") <= width, path
            axe(page)
            if path == "/audit":
                expect(page.get_by_role("button", name="Filter")).to_be_visible()
                expect(page.get_by_label("Subject")).to_be_visible()
    page.emulate_media(color_scheme="light")


@pytest.mark.slow
def test_nothing_moves_on_the_pages_of_a_desk_with_logins(browser, locked):
    context = browser.new_context(base_url=locked.url, reduced_motion="reduce")
    page = context.new_page()
    page.add_init_script(NOTE_SHIFTS)
    page.goto("/login?next=/users")
    log_in_on(page, "ops")
    expect(page.get_by_role("heading", name="Users", exact=True)).to_be_visible()

    moved = {}
    for width in (1280, 390):
        page.set_viewport_size({"width": width, "height": 800})
        for path in ("/", "/jobs", "/charts", "/queues", "/users", "/users/ann", "/tokens", "/account", "/audit"):
            page.goto(path)
            page.evaluate("new Promise(resolve => requestAnimationFrame(() => setTimeout(resolve)))")
            moved[path, width] = page.evaluate("shifted")
    print(moved)
    context.close()

    assert not {where: shift for where, shift in moved.items() if shift > 0.01}
