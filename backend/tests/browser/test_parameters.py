"""An hour that the change of the clocks skips or repeats."""

from __future__ import annotations

from datetime import datetime

import pytest
from playwright.sync_api import expect

from tests.browser.conftest import open_page
from tests.conftest import running


@pytest.fixture(scope="module")
def parameters(tmp_path_factory):
    with running(
        tmp_path_factory.mktemp("parameters"), "takes_unions", TASKS="tests.parameter_tasks", WORKERS="1"
    ) as stack:
        yield stack


@pytest.fixture
def berlin(browser, parameters):
    yield from open_page(browser, parameters.url, timezone_id="Europe/Berlin")


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
    berlin.goto("/tasks/takes_a_time")

    berlin.get_by_label("When").fill(typed)

    expect(berlin.locator("#when-hint [data-error]")).to_have_text(warning)


@pytest.mark.parametrize("moment", ["2026-01-02T03:04:05Z", "2026-01-02T03:04:05.500Z", "2026-01-02T03:04:00Z"])
def test_a_time_of_a_link_is_sent_as_it_was(berlin, moment):
    berlin.goto(f"/tasks/takes_a_time?when={moment}")

    sent = berlin.evaluate("new FormData(document.querySelector('main form')).get('when')")

    assert datetime.fromisoformat(sent) == datetime.fromisoformat(moment)


@pytest.mark.slow
def test_groups_are_filled_in_and_one_that_may_be_missing_is_hidden_until_it_is_chosen(berlin, axe):
    berlin.goto("/tasks/takes_groups")
    other = berlin.get_by_role("group", name="Other")
    expect(other.get_by_label("Depth")).to_be_hidden()
    berlin.get_by_role("group", name="Forest").get_by_label("Name").fill("a")
    other.get_by_label("Other is read as").select_option("the values below")
    other.get_by_label("Depth").fill("99")
    for scheme, width in (("light", 320), ("dark", 1280)):
        berlin.set_viewport_size({"width": width, "height": 900})
        berlin.emulate_media(color_scheme=scheme)
        assert berlin.evaluate("document.documentElement.scrollWidth") <= width
        axe(berlin)

    berlin.get_by_role("button", name="Run").click()
    expect(berlin.get_by_role("alert")).to_contain_text("Please fix: Other: Depth.")
    other.get_by_label("Depth").fill("5")
    berlin.get_by_role("button", name="Run").click()
    expect(berlin.get_by_text("Tree(depth=5, criterion='gini', is_balanced=False))")).to_be_visible()
