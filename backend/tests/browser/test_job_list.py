"""The list of jobs in a real browser: filters, paging, bulk actions, live counts, keys, no JavaScript."""

from __future__ import annotations

import json
import re
from datetime import UTC, datetime, timedelta
from itertools import count

import pytest
from playwright.sync_api import expect
from redis import Redis

from tests.browser.conftest import open_page

_numbers = count()


@pytest.fixture
def tag():
    """A tag for one test, because the stack is shared."""
    return f"story-{next(_numbers)}"


@pytest.fixture
def submit(stack, page, tag):
    """Submit a batch of jobs that end at once, and return their ids, the newest first."""

    def submit(number, **arguments):
        inputs = [{"n": 1} | arguments for _ in range(number)]
        answer = page.request.post(f"/api/v1/tasks/fib/jobs:batch?tag={tag}", data={"inputs": inputs})
        return answer.json()["ids"][::-1]

    return submit


@pytest.fixture
def paused(page):
    """The queue of `fib` is paused."""
    page.request.patch("/api/v1/queues/default", data={"paused": True})
    yield lambda flag: page.request.patch("/api/v1/queues/default", data={"paused": flag})
    page.request.patch("/api/v1/queues/default", data={"paused": False})


def shown(page):
    return page.locator("[name=id]").evaluate_all("boxes => boxes.map(box => box.value)")


@pytest.mark.slow
def test_filters_apply_at_once_and_stand_in_the_address_and_as_chips(page, submit, tag):
    submit(1)
    page.goto("/jobs")
    page.get_by_label("Task", exact=True).select_option("fib")
    expect(page).to_have_url(re.compile(r"/jobs\?task=fib$"))
    expect(page.get_by_label("Task", exact=True)).to_be_focused()
    page.get_by_label("Tag", exact=True).fill(tag)
    page.keyboard.press("Enter")
    expect(page).to_have_url(re.compile(rf"&tag={tag}$"))
    page.get_by_label("Submitted").select_option("Last hour")

    expect(page).to_have_url(re.compile(rf"/jobs\?task=fib&tag={tag}&since=1h$"))
    expect(page.get_by_label("Filters in use").get_by_role("listitem")).to_have_count(4)
    page.get_by_role("link", name=f"Remove the filter tag {tag}").click()
    expect(page).to_have_url(re.compile(r"/jobs\?task=fib&since=1h$"))
    page.get_by_label("Search").fill("train_model")
    page.keyboard.press("Enter")
    expect(page).to_have_url(re.compile(r"/jobs\?task=train_model&since=1h$"))


@pytest.fixture
def kolkata(browser, stack):
    yield from open_page(browser, stack.url, timezone_id="Asia/Kolkata")


def test_times_are_typed_in_the_zone_of_the_place(kolkata):
    page = kolkata
    page.goto("/jobs")
    page.get_by_label("Submitted").select_option("Custom range …")
    page.get_by_label("From", exact=True).fill("2026-01-01T05:30")
    page.get_by_role("button", name="Filter", exact=True).click()

    expect(page).to_have_url(re.compile(r"since=2026-01-01T00%3A00%3A00Z$"))
    expect(page.get_by_label("From", exact=True)).to_have_value("2026-01-01T05:30")
    expect(page.get_by_label("From", exact=True)).to_have_accessible_description(re.compile("Asia/"))


def test_relative_times_advance_while_the_page_is_open(timed_page, submit, tag):
    page = timed_page
    submit(1)
    page.clock.install()
    page.goto(f"/jobs?tag={tag}")
    expect(page.locator("td.created")).to_have_text("just now")

    page.clock.fast_forward(300_000)

    expect(page.locator("td.created")).to_have_text("5 min. ago")


def test_paging_forward_loses_and_repeats_nothing(page, submit, tag):
    ours = submit(7)
    page.goto(f"/jobs?tag={tag}&limit=3")
    found = shown(page)
    for _ in range(2):
        submit(1)
        page.get_by_role("link", name="Older").click()
        expect(page.locator(f'[value="{found[-1]}"]')).to_have_count(0)
        found += shown(page)

    assert found == ours
    expect(page.get_by_role("link", name="Older")).to_have_count(0)


@pytest.mark.usefixtures("paused")
def test_all_that_match_are_canceled_with_the_true_count_in_the_question(page, submit, tag):
    submit(5)
    page.goto(f"/jobs?status=queued&tag={tag}&limit=2")
    page.get_by_label("Select page").check()
    expect(page.locator("[name=id]:checked")).to_have_count(2)
    page.get_by_label("Select all", exact=False).check()
    page.get_by_role("button", name="Cancel …").click()

    expect(page.get_by_role("heading", name=f"Cancel 5 queued jobs tagged {tag}?")).to_be_visible()
    page.get_by_role("button", name="Cancel 5 jobs").click()
    expect(page.get_by_role("status").first).to_have_text("5 canceled.")
    expect(page.get_by_text("No jobs match.")).to_be_visible()
    expect(page).not_to_have_url(re.compile("done="))


@pytest.mark.slow
def test_new_jobs_move_no_row_and_the_shown_rows_stay_current(page, submit, tag, paused):
    ours = submit(2)
    page.goto(f"/jobs?tag={tag}")
    page.get_by_label(f"Select fib {ours[1][:8]}").check()
    before = page.locator("tbody").bounding_box()
    submit(3)

    expect(page.get_by_role("link", name="Show 3 new jobs")).to_be_visible()
    assert (shown(page), page.locator("tbody").bounding_box()) == (ours, before)
    paused(False)
    expect(page.locator("tbody .badge.succeeded")).to_have_count(2)
    expect(page.get_by_label(f"Select fib {ours[1][:8]}")).to_be_checked()
    page.get_by_role("link", name="Show 3 new jobs").click()
    expect(page.locator("[name=id]")).to_have_count(5)


@pytest.mark.slow
@pytest.mark.usefixtures("paused")
def test_jobs_are_deleted_by_keys_alone(page, submit, tag, axe):
    ours = submit(2)
    page.goto(f"/jobs?tag={tag}")
    page.get_by_label("Select all", exact=False).focus()
    page.keyboard.press("Tab")
    page.keyboard.press("Space")
    for _ in range(20):
        page.keyboard.press("Tab")
        if page.evaluate("document.activeElement.value") == "delete":
            break
    page.keyboard.press("Enter")
    expect(page.get_by_role("heading", name="Delete 1 job?")).to_be_visible()
    axe(page)
    page.get_by_role("button", name="Delete 1 job").press("Enter")

    expect(page.get_by_role("status").first).to_have_text("1 deleted.")
    assert shown(page) == ours[1:]


@pytest.mark.slow
@pytest.mark.usefixtures("paused")
def test_many_jobs_are_managed_without_javascript(plain_page, submit, tag):
    submit(3)
    plain = plain_page
    plain.goto("/jobs")
    plain.get_by_label("Tag", exact=True).fill(tag)
    plain.get_by_role("button", name="Filter", exact=True).click()
    plain.locator("[name=id]").first.check()
    plain.get_by_role("button", name="Delete …").click()
    plain.get_by_role("button", name="Delete 1 job").click()
    expect(plain.get_by_text("1 deleted.")).to_be_visible()
    plain.get_by_label("Select all", exact=False).check()
    plain.get_by_role("button", name="Cancel …").click()
    plain.get_by_role("button", name="Cancel 2 jobs").click()

    expect(plain.get_by_text("2 canceled.")).to_be_visible()


@pytest.mark.parametrize("width", [390, 820, 1280])
def test_the_reason_why_a_job_waits_for_a_worker_fits_into_the_list(page, stack, tag, width):
    at = (datetime.now(UTC) + timedelta(hours=1)).strftime("%Y-%m-%dT%H:%MZ")
    answer = page.request.post(f"/api/v1/tasks/fib/jobs?tag={tag}&at={at}", data={"n": 1})
    reason = "No worker here serves reports.render_quarterly_report_for_region_and_product_line."
    state = {"wanted": "reports.render_quarterly_report", "since": "1", "tries": 1, "refused": "", "reason": reason}
    with Redis.from_url(stack.environment["REDIS_URL"]) as redis:
        redis.hset(f"rq:job:{answer.json()['id']}", "td_foreign", json.dumps(state))
    page.set_viewport_size({"width": width, "height": 900})

    page.goto(f"/jobs?tag={tag}")

    expect(page.get_by_text(reason)).to_be_visible()
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    assert page.locator(".rows .what").first.bounding_box()["width"] > width / 4


def test_on_a_phone_the_filters_are_folded_and_their_number_is_shown(page, submit, tag):
    submit(1)
    page.set_viewport_size({"width": 320, "height": 800})
    page.goto(f"/jobs?tag={tag}&queue=default")
    expect(page.get_by_label("Queue", exact=True)).to_be_hidden()
    assert page.locator(".rows [data-row]").first.bounding_box()["y"] < 560

    page.get_by_label("Filters (2)").check()
    page.get_by_label("Submitted").select_option("Custom range …")
    expect(page.get_by_role("button", name="Filter", exact=True)).to_be_visible()
    page.get_by_label("Queue", exact=True).select_option("Any")
    expect(page).to_have_url(re.compile(rf"/jobs\?tag={tag}$"))
    expect(page.get_by_role("button", name="Filter", exact=True)).to_be_hidden()


def test_the_bar_of_actions_has_the_number_of_jobs_that_they_are_for(page, submit, tag):
    submit(2)
    page.goto(f"/jobs?tag={tag}")
    shown = "getComputedStyle(document.querySelector('.picked'), '::before').content"

    page.get_by_label("Select all 2 jobs").check()
    assert page.evaluate(shown) == '"All 2 jobs"'


def test_filters_are_saved_in_the_browser_and_removed(page, tag, axe):
    page.goto(f"/jobs?status=failed&tag={tag}")
    page.get_by_text("Save filters").click()
    page.get_by_label("Name of these filters").fill("My <night>")
    page.get_by_role("button", name="Save").click()
    axe(page)
    page.goto("/jobs")
    page.get_by_label("Saved filters").get_by_role("link", name="My <night>").click()

    expect(page).to_have_url(re.compile(rf"/jobs\?status=failed&tag={tag}$"))
    expect(page.get_by_text("Save filters")).to_have_count(0)
    page.get_by_role("button", name="Remove the saved filters My <night>").click()
    expect(page.get_by_label("Saved filters")).to_have_count(0)
    expect(page).to_have_url(re.compile(rf"/jobs\?status=failed&tag={tag}$"))


def test_a_screen_of_1440_by_900_shows_sixteen_jobs(page, submit):
    submit(20, n=1)
    page.set_viewport_size({"width": 1440, "height": 900})
    page.goto("/jobs")
    expect(page.locator("tr[data-row]").nth(15)).to_be_visible()

    ends = page.locator("tr[data-row]").evaluate_all("rows => rows.map(row => row.getBoundingClientRect().bottom)")
    assert sum(end <= 900 for end in ends) >= 16


@pytest.mark.parametrize("path", ["/jobs", "/queues", "/workers"])
def test_lists_and_tables_use_a_wide_screen(page, path):
    page.set_viewport_size({"width": 1920, "height": 900})
    page.goto(path)

    assert page.locator("main").evaluate("main => main.clientWidth") == 1600
