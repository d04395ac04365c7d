"""Keyboard shortcuts in a real browser: none acts in a text field or together with Ctrl."""

from __future__ import annotations

import pytest
from playwright.sync_api import expect


@pytest.fixture
def submit(page):
    """Submit a job that waits until the end of the test, and return its id."""
    ids = []

    def submit(task, query="", **arguments):
        ids.append(page.request.post(f"/api/v1/tasks/{task}/jobs{query}", data=arguments).json()["id"])
        return ids[-1]

    page.request.patch("/api/v1/queues/low", data={"paused": True})
    yield submit
    for job_id in ids:
        page.request.post(f"/api/v1/jobs/{job_id}/cancel")  # a minute of the workers, which other tests need
    page.request.patch("/api/v1/queues/low", data={"paused": False})


def focused(page):
    return page.evaluate("document.activeElement.id || document.activeElement.getAttribute('href')")


@pytest.mark.slow
def test_a_question_mark_shows_the_keys_and_escape_hides_them(page, axe):
    page.goto("/docs")
    page.keyboard.press("?")

    expect(page.get_by_role("dialog", name="Keyboard shortcuts")).to_contain_text("gtTasks")
    expect(page.get_by_role("dialog")).to_contain_text("gaAPI")
    axe(page)
    page.keyboard.press("?")
    expect(page.get_by_role("dialog")).to_have_count(1)
    page.keyboard.press("Escape")
    expect(page.get_by_role("dialog")).to_have_count(0)

    page.get_by_role("button", name="Keyboard shortcuts").click()
    page.get_by_role("button", name="Close").click()
    expect(page.get_by_role("dialog")).to_have_count(0)


def test_g_and_the_key_of_a_page_goes_there(page):
    page.goto("/docs")
    page.evaluate("window.clicks = 0; addEventListener('click', () => clicks++)")
    page.keyboard.press("t")
    assert page.evaluate("window.clicks") == 0
    page.keyboard.press("g")
    page.keyboard.press("t")

    expect(page.get_by_role("heading", name="Tasks", exact=True)).to_be_visible()


@pytest.mark.parametrize(("path", "rows"), [("/", "ul.jobs > li"), ("/jobs", "tbody tr")])
def test_j_and_k_move_through_the_rows_and_enter_opens_one(page, path, rows):
    for text in "ab":
        page.request.post("/api/v1/tasks/simple_task/jobs", data={"task_arg": text, "seconds": 0})
    page.goto(path)
    links = page.locator(f"{rows} a").evaluate_all("links => links.map(link => link.getAttribute('href'))")

    moved = []
    for key in "jjk":
        page.keyboard.press(key)
        moved.append(focused(page))
    assert moved == [links[0], links[1], links[0]]
    page.keyboard.press("Enter")
    page.wait_for_url("**" + links[0])


def test_keys_in_a_field_are_text_and_with_ctrl_are_the_browsers(page):
    page.goto("/")
    page.get_by_label("Text for").focus()
    page.keyboard.type("gd/?jk")
    expect(page.get_by_label("Text for")).to_have_value("gd/?jk")

    page.locator("main").focus()
    page.keyboard.press("Control+j")
    page.keyboard.press("Alt+?")
    assert focused(page) == "main-content"
    expect(page.get_by_role("dialog")).to_have_count(0)


def test_a_slash_searches_this_page_or_the_jobs(page):
    page.goto("/")
    page.keyboard.press("/")
    page.wait_for_url("**/jobs#search")
    expect(page.get_by_role("searchbox")).to_be_focused()

    page.locator("main").focus()
    page.keyboard.press("/")
    expect(page.get_by_role("searchbox")).to_be_focused()


def test_a_slash_goes_to_the_first_field_of_a_page_without_search(page):
    page.goto("/")
    page.evaluate("document.querySelector('[data-go=j]').remove()")
    page.keyboard.press("/")

    assert focused(page) == "task_param"


def test_the_space_bar_presses_what_is_told_as_a_button(page, submit):
    page.goto(f"/jobs/{submit('simple_task', '?queue=low', task_arg='waits')}")
    page.get_by_role("button", name="Cancel").focus()
    page.keyboard.press("Space")

    expect(page.get_by_role("alertdialog", name="Cancel this job?")).to_be_visible()


def test_a_job_is_canceled_and_a_task_is_run_by_keys(page, submit):
    page.goto(f"/jobs/{submit('simple_task', '?queue=low', task_arg='waits')}")
    page.keyboard.press("c")
    page.get_by_role("button", name="Cancel the job").click()
    expect(page.locator("main [data-status]").first).to_have_text("canceled")

    page.goto("/tasks/fib")
    page.keyboard.press("/")
    assert focused(page) == "n"
    page.keyboard.type("5")
    page.keyboard.press("Control+Enter")
    page.wait_for_url("**/jobs/*")


def test_rows_are_selected_and_retried_by_keys(page, submit):
    submit("simple_task", "?queue=low&tag=keys", task_arg="waits")
    page.goto("/jobs?tag=keys")
    page.keyboard.press("j")
    page.keyboard.press("x")
    expect(page.locator("[name=id]:checked")).to_have_count(1)
    page.keyboard.press("c")

    expect(page.get_by_role("heading", name="Cancel 1 job")).to_be_visible()


def test_the_palette_goes_to_pages_and_tasks_and_searches_jobs(page, axe):
    page.goto("/queues")
    page.keyboard.press("Control+k")
    field = page.get_by_role("combobox", name="Go to")
    expect(field).to_be_focused()
    field.fill("random forest")
    expect(page.get_by_role("option").first).to_contain_text("train_model")
    axe(page)
    page.keyboard.press("Enter")
    page.wait_for_url("**/tasks/train_model")

    page.keyboard.press("Control+k")
    page.keyboard.type("nightly")
    expect(field).to_have_value("nightly")
    page.keyboard.press("ArrowUp")
    page.keyboard.press("Enter")
    page.wait_for_url("**/jobs?*nightly*")

    page.keyboard.press("Control+k")
    expect(field).to_be_focused()
    page.keyboard.press("Escape")
    expect(field).to_have_count(0)


def test_what_is_typed_while_the_palette_loads_is_text_of_the_palette(page):
    page.goto("/queues")
    held = []
    page.route("**/palette.js*", lambda route: held.append(route))
    page.keyboard.press("Control+k")
    page.keyboard.type("gt train")
    expect(page.get_by_role("dialog")).to_have_count(0)
    held[0].continue_()

    expect(page.get_by_role("combobox", name="Go to")).to_have_value("gt train")


def test_the_palette_presses_the_buttons_of_a_job(page, submit):
    page.goto(f"/jobs/{submit('simple_task', '?queue=low', task_arg='waits')}")
    page.keyboard.press("Control+k")
    page.keyboard.type("cancel")
    expect(page.get_by_role("option").first).to_contain_text("Cancel")
    page.keyboard.press("Enter")

    expect(page.get_by_role("alertdialog", name="Cancel this job?")).to_be_visible()
