"""Words are in the language of the page, clocks are those of the viewer, and data stand in their own direction."""

from __future__ import annotations

import re

import pytest
from playwright.sync_api import expect

from tests.browser.conftest import open_page

HEBREW = "שלום, עולם!"


@pytest.fixture
def german(browser, stack):
    yield from open_page(browser, stack.url, locale="de-DE")


@pytest.fixture
def egyptian(browser, stack):
    yield from open_page(browser, stack.url, locale="ar-EG")


def submit(page, text):
    job = page.request.post("/api/v1/tasks/simple_task/jobs?tag=words", data={"task_arg": text, "seconds": 0}).json()
    page.request.get(job["links"]["self"], headers={"Prefer": "wait=30"})
    return job["id"]


@pytest.mark.parametrize("name", ["german", "egyptian"])
def test_times_have_no_word_of_another_language(name, request):
    page = request.getfixturevalue(name)
    page.goto(f"/jobs/{submit(page, 'a')}")
    exact = page.locator(".timeline time").first
    expect(exact).to_have_text(re.compile(r"^[A-Z][a-z]{2} \d{1,2}, \d{4}, \d{1,2}:\d{2}:\d{2}"))

    page.goto("/jobs?tag=words")
    expect(page.locator("time[data-relative]").first).to_have_text(re.compile("^(just now|[0-9]+ .* ago)$"))


def test_a_german_reads_24_hours(german):
    german.goto(f"/jobs/{submit(german, 'a')}")

    expect(german.locator(".timeline time").first).to_have_text(re.compile(r"\d{2}:\d{2}:\d{2}$"))


def test_what_is_written_from_right_to_left_is_shown_so(page):
    page.goto(f"/jobs/{submit(page, HEBREW)}")
    direction = "element => getComputedStyle(element).direction"

    assert page.locator(".facts-list dd", has_text=HEBREW).first.evaluate(direction) == "rtl"
    assert page.locator("h1").evaluate(direction) == "ltr"
    page.goto("/tasks/simple_task")
    page.get_by_label("Task arg").fill(HEBREW)
    assert page.get_by_label("Task arg").evaluate(direction) == "rtl"
