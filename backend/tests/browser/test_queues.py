"""The pages of queues and workers in a real browser: they update themselves."""

from __future__ import annotations

import re
import time
from collections.abc import Iterator

import pytest
from playwright.sync_api import Locator, Page, expect


@pytest.fixture
def page(timed_page) -> Page:
    return timed_page


@pytest.fixture
def default(page) -> Iterator[Locator]:
    """The row of the queue `default`."""
    page.clock.install()
    page.goto("/queues")
    yield page.get_by_role("row").filter(has=page.get_by_role("rowheader", name="default"))
    page.request.patch("/api/v1/queues/default", data={"paused": False})


def figure(row, label):
    return row.locator(f"td[data-label='{label}']")


def eventually(page, condition):
    """Let the clock of the page run, which polls every few seconds, until the condition holds."""
    for _ in range(40):
        with page.expect_response(page.url):
            page.clock.fast_forward(5000)
        if condition():
            return
        time.sleep(0.2)
    pytest.fail("the page never showed it")


@pytest.mark.slow
def test_a_paused_queue_holds_its_job_until_it_is_resumed(page, default):
    default.get_by_role("button", name="Pause default").click()
    expect(default).to_contain_text("Running jobs finish")
    default.get_by_role("button", name="Pause the queue").click()
    expect(default.get_by_text("paused", exact=True)).to_be_visible()

    job = page.request.post("/api/v1/tasks/simple_task/jobs", data={"task_arg": "a", "seconds": 0}).json()
    eventually(page, lambda: figure(default, "Queued").inner_text().split()[0] == "1")
    page.goto(f"/jobs/{job['id']}")
    expect(page.locator("h1")).to_contain_text("queued")

    page.goto("/queues")
    succeeded = int((re.findall(r"(\d+) succeeded", default.inner_text()) or ["0"])[0])
    default.get_by_role("button", name="Resume default").click()
    expect(default.get_by_text("paused", exact=True)).to_have_count(0)
    eventually(page, lambda: f"{succeeded + 1} succeeded" in default.inner_text())
    assert figure(default, "Queued").inner_text().split()[0] == "0"


def test_an_open_question_stays_while_the_page_updates(page, default):
    default.get_by_role("button", name="Pause default").click()
    page.locator("h1").click()
    for _ in range(2):
        with page.expect_response("**/queues"):
            page.clock.fast_forward(5000)

    expect(default.get_by_role("button", name="Pause the queue")).to_be_visible()


def test_a_worker_shows_what_it_runs_and_for_how_long(page):
    page.clock.install()
    page.goto("/workers")
    job = page.request.post("/api/v1/tasks/simple_task/jobs", data={"task_arg": "a", "seconds": 30}).json()
    link = page.get_by_role("link", name=f"simple_task {job['id'][:8]}")

    eventually(page, link.count)
    elapsed = page.get_by_role("row").filter(has=link).locator("time[data-elapsed]")
    before = elapsed.inner_text()
    expect(elapsed).not_to_have_text(before)
    assert page.request.post(f"/api/v1/jobs/{job['id']}/cancel").ok
    eventually(page, lambda: not link.count())
