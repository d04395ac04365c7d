"""A notification at a job's end: for who has asked, and may be told."""

from __future__ import annotations

import pytest
from playwright.sync_api import expect

KEPT = """
window.shown = [];
const Real = Notification;
window.Notification = class extends Real {
  constructor(title, options) { super(title, options); shown.push([title, options.tag]); }
};
"""


@pytest.fixture
def started(page):
    """Start a job that runs for a moment, and go to its page."""

    def start(seconds):
        answer = page.request.post("/api/v1/tasks/simple_task/jobs", data={"task_arg": "a", "seconds": seconds})
        page.goto(f"/jobs/{answer.json()['id']}")
        return answer.json()["id"]

    return start


def test_who_asks_is_told_when_the_job_is_done(page, started):
    page.context.grant_permissions(["notifications"])
    page.add_init_script(KEPT)
    job_id = started(3)

    page.get_by_role("button", name="Tell me when it is done").click()
    expect(page.get_by_role("button", name="You will be told")).to_be_disabled()
    expect(page.locator("h1")).to_contain_text("succeeded", timeout=20_000)
    assert page.evaluate("shown") == [["simple_task: succeeded", job_id]]


def test_who_does_not_ask_is_not_told(page, started):
    page.context.grant_permissions(["notifications"])
    page.add_init_script(KEPT)
    started(1)

    expect(page.locator("h1")).to_contain_text("succeeded", timeout=20_000)
    assert page.evaluate("shown") == []


def test_who_has_forbidden_it_is_not_asked(page, started):
    page.add_init_script("Object.defineProperty(Notification, 'permission', { get: () => 'denied' })")
    job_id = started(60)

    expect(page.locator("[data-notify]")).to_be_hidden()
    page.request.post(f"/api/v1/jobs/{job_id}/cancel")
