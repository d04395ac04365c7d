"""Parameters that are hard for a page: names that the browser's own objects have, and hours that the clocks change."""

from __future__ import annotations

import re

import pytest
from playwright.sync_api import expect

from tests.browser.conftest import open_page
from tests.conftest import running

CLICK_FORM = """EventTarget.prototype.dispatchEvent.call(
    document.querySelector("main form"), new MouseEvent("click", { bubbles: true }))"""


@pytest.fixture(scope="module")
def parameters(tmp_path_factory):
    with running(
        tmp_path_factory.mktemp("parameters"), "takes_unions", TASKS="tests.parameter_tasks", WORKERS="1"
    ) as stack:
        yield stack


@pytest.fixture
def berlin(browser, parameters):
    yield from open_page(browser, parameters.url, timezone_id="Europe/Berlin")


def run(page):
    page.get_by_role("button", name="Run", exact=True).click()


def test_parameters_may_be_called_like_properties_of_a_form(berlin):
    berlin.goto("/tasks/takes_names_of_a_form")
    berlin.get_by_role("tab", name="curl").click()
    expect(berlin.get_by_role("tabpanel")).to_contain_text('"closest": "f"')
    berlin.get_by_role("tab", name="Form").click()
    berlin.evaluate(CLICK_FORM)
    berlin.get_by_label("QuerySelector", exact=True).fill("typed")
    file = {"name": "a.txt", "mimeType": "text/plain", "buffer": b"a"}
    berlin.locator("#data").set_input_files(file)

    berlin.get_by_label("When").fill("2026-07-01T00:15")
    run(berlin)

    berlin.wait_for_url(re.compile("/jobs/"))
    given = berlin.request.get(re.sub("/jobs/", "/api/v1/jobs/", berlin.url)).json()["input"]
    assert (given["querySelector"], given["when"]) == ("typed", "2026-06-30T22:15:00Z")


@pytest.mark.parametrize(
    ("typed", "warning"),
    [
        ("2026-03-29T02:30", "This time does not exist in Europe/Berlin: the clocks go forward. 03:30 is sent."),
        ("2026-10-25T02:30", "This time comes twice in Europe/Berlin: the clocks go back. The first is sent."),
        ("2026-03-29T03:00", ""),
        ("2026-03-29T01:59", ""),
        ("2026-10-25T03:00", ""),
    ],
)
def test_an_hour_that_the_clocks_skip_or_repeat_is_shown_beside_the_field(berlin, typed, warning):
    berlin.goto("/tasks/takes_names_of_a_form")

    berlin.get_by_label("When").fill(typed)

    expect(berlin.locator("#when-hint [data-error]")).to_have_text(warning)


def test_a_type_is_chosen_beside_the_field_and_the_earlier_input_comes_back(berlin, axe):
    berlin.goto("/tasks/takes_unions")
    berlin.get_by_label("Number", exact=True).fill("7")
    berlin.get_by_label("Number is read as").select_option(label="always text")
    berlin.get_by_label("Features").fill("0.5")
    axe(berlin)
    run(berlin)
    berlin.wait_for_url(re.compile("/jobs/"))
    first = berlin.request.get(re.sub("/jobs/", "/api/v1/jobs/", berlin.url)).json()

    berlin.goto(f"/tasks/takes_unions?from={first['id']}")
    run(berlin)
    berlin.wait_for_url(re.compile("/jobs/"))

    again = berlin.request.get(re.sub("/jobs/", "/api/v1/jobs/", berlin.url)).json()
    assert again["id"] != first["id"]
    assert (first["input"]["number"], first["input"]["features"]) == ("7", 0.5)
    assert again["input"] == first["input"]
