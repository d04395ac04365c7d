"""Keyboard shortcuts in a real browser: none acts in a text field or together with Ctrl."""

from __future__ import annotations

import pytest
from playwright.sync_api import expect


def focused(page):
    return page.evaluate("document.activeElement.id || document.activeElement.getAttribute('href')")


def test_a_question_mark_shows_the_keys_and_escape_hides_them(page, axe):
    page.goto("/docs")
    page.keyboard.press("?")

    expect(page.get_by_role("dialog", name="Keyboard shortcuts")).to_contain_text("gdDesk")
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
    page.keyboard.press("d")
    assert page.evaluate("window.clicks") == 0
    page.keyboard.press("g")
    page.keyboard.press("d")

    expect(page.get_by_role("heading", name="Desk", exact=True)).to_be_visible()


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
