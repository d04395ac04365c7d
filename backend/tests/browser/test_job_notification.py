"""A notification at a job's end: for who has asked, and may be told."""

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
"""  # it asks its user, and shows it: which no test can see, and one without windows refuses


@pytest.fixture
def page(sample_page, tmp_path):
    """The page of a job that runs until `end()`."""
    page = sample_page
    page.add_init_script(BROWSER)
    answer = page.request.post("/api/v1/tasks/wait_for/jobs", data={"path": str(tmp_path / "end"), "seconds": 60})
    page.goto(answer.headers["location"].removeprefix("/api/v1"))
    yield page
    page.request.post(answer.headers["location"] + "/cancel")


@pytest.fixture
def end(page, tmp_path):
    """Let the job end, and wait until its page has heard of it."""

    def end():
        (tmp_path / "end").touch()
        expect(page.locator("h1")).to_contain_text("succeeded")

    return end


def test_who_asks_is_told_when_the_job_is_done(page, end):
    page.get_by_role("button", name="Tell me when it is done").click()
    expect(page.get_by_role("button", name="You will be told")).to_be_disabled()
    end()
    assert page.evaluate("shown") == [["wait_for: succeeded", page.url.rpartition("/")[2]]]


def test_who_does_not_ask_is_not_told(page, end):
    end()
    assert page.evaluate("shown") == []


def test_who_has_forbidden_it_is_not_asked(page):
    page.add_init_script("Object.defineProperty(Notification, 'permission', { get: () => 'denied' })")
    page.reload()

    expect(page.locator("[data-notify]")).to_be_hidden()
