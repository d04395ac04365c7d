"""Presets of a task in the browser: saved without leaving the form, offered, filled in, deleted."""

from __future__ import annotations

import pytest
from playwright.sync_api import Page, expect


def save(page: Page, name: str) -> None:
    page.get_by_text("Save as preset").click()
    page.get_by_label("Name of the preset").fill(name)
    page.get_by_role("button", name="Save preset").click()


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["page", "plain_page"])
def test_a_preset_is_saved_offered_and_deleted_with_and_without_javascript(request, kind):
    page = request.getfixturevalue(kind)
    page.goto("/tasks/simple_task")
    page.locator("#task_arg").fill("from a preset")
    page.locator("#seconds").fill("7")
    save(page, f"of {kind}")

    chip = page.get_by_role("list", name="Presets").get_by_role("link", name=f"of {kind}")
    expect(chip).to_be_visible()
    expect(page.locator("#task_arg")).to_have_value("from a preset")
    page.goto("/tasks/simple_task")
    expect(page.locator("#task_arg")).not_to_have_value("from a preset")
    chip.click()
    expect(page.locator("#task_arg")).to_have_value("from a preset")
    expect(page.locator("#seconds")).to_have_value("7")

    page.get_by_role("button", name=f"Delete the preset of {kind}").click()
    expect(chip).to_have_count(0)


def test_a_chosen_file_stays_when_a_preset_is_saved_and_a_wrong_name_is_told_beside_its_field(page, tmp_path):
    table = tmp_path / "table.csv"
    table.write_text("a,b\n1,2\n")
    page.goto("/tasks/train_model")
    page.get_by_label("Data").set_input_files(table)
    save(page, "/wrong")
    expect(page.get_by_text("A name has 1 to 60 letters")).to_be_visible()

    page.get_by_label("Name of the preset").fill("with a file")
    page.get_by_role("button", name="Save preset").click()
    expect(page.get_by_role("list", name="Presets")).to_contain_text("with a file")
    assert (
        page.evaluate("document.querySelector('main form[data-samples] input[type=file]').files[0].name") == "table.csv"
    )
    page.get_by_role("button", name="Delete the preset").click()
    expect(page.get_by_role("list", name="Presets")).to_have_count(0)
