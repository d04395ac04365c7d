"""A notification at the end of a job: only for a user who asked for it and has not forbidden notifications."""

from __future__ import annotations

import pytest
from playwright.sync_api import expect

BROWSER = """
window.shown = [];
window.Notification = class extends EventTarget {
  static permission = "default";
  static async requestPermission() { return (this.permission = "granted"); }
  constructor(title, options) { super(); shown.push([title, options.tag]); }
};
"""  # replaces what no test can see: the browser's question, and the notification itself


@pytest.fixture
def page(sample_page, tmp_path):
    """The page of a job that is running until `end()`."""
    page = sample_page
    page.add_init_script(BROWSER)
    answer = page.request.post("/api/v1/tasks/wait_for/jobs", data={"path": str(tmp_path / "end"), "seconds": 60})
    page.goto(answer.headers["location"].removeprefix("/api/v1"))
    yield page
    page.request.post(answer.headers["location"] + "/cancel")


@pytest.fixture
def end(page, tmp_path):
    """Let the job end, and wait until its page shows it."""

    def end():
        (tmp_path / "end").touch()
        expect(page.locator("h1")).to_contain_text("succeeded")

    return end


def test_a_user_who_asks_is_notified_when_the_job_has_finished(page, end):
    page.get_by_role("button", name="Notify me when done").click()
    expect(page.get_by_role("button", name="You will be notified")).to_be_disabled()
    end()
    assert page.evaluate("shown") == [["wait_for: succeeded", page.url.rpartition("/")[2]]]


def test_a_user_who_does_not_ask_is_not_notified(page, end):
    end()
    assert page.evaluate("shown") == []


def test_a_user_who_has_forbidden_notifications_is_not_asked(page):
    page.add_init_script("Object.defineProperty(Notification, 'permission', { get: () => 'denied' })")
    page.reload()

    expect(page.locator("[data-notify]")).to_be_hidden()
