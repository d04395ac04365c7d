"""The form of a task in a real browser: code samples, rows, dropped files, local times, an earlier input."""

from __future__ import annotations

import re
import subprocess
import sys

import pytest
from playwright.sync_api import expect

from tests.browser.conftest import open_page

CSV = "x,label\n" + "".join(f"{n},{'ab'[n > 20]}\n" for n in range(40))
DROP = """(zone, [name, text]) => {
    const data = new DataTransfer();
    data.items.add(new File([text], name, { lastModified: 0 }));
    for (const type of ["dragover", "drop"])
        zone.dispatchEvent(new DragEvent(type, { dataTransfer: data, bubbles: true, cancelable: true }));
}"""

PASTE = """(text) => {
    const clipboardData = new DataTransfer();
    clipboardData.setData("text", text);
    const options = { clipboardData, bubbles: true, cancelable: true };
    document.activeElement.dispatchEvent(new ClipboardEvent("paste", options));
}"""


def run(page):
    page.get_by_role("button", name="Run", exact=True).click()


def input_of(page, job_url):
    return page.request.get(re.sub("/jobs/", "/api/v1/jobs/", job_url)).json()["input"]


def test_the_code_samples_have_the_typed_values_and_run(page):
    page.goto("/tasks/simple_task")
    page.get_by_label("Task arg").fill("it's typed")
    page.get_by_label("Seconds").fill("0")

    page.get_by_role("tab", name="curl").click()
    expect(page.get_by_role("tabpanel")).to_contain_text('"seconds": 0')
    page.keyboard.press("ArrowRight")
    expect(page.get_by_role("tab", name="Python")).to_be_focused()
    expect(page.get_by_role("tabpanel")).to_contain_text('"task_arg": "it\'s typed"')
    expect(page.get_by_label("Task arg")).to_be_hidden()

    code = page.locator("#sample-python").inner_text()
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60)
    assert "succeeded" in done.stdout, done.stderr
    assert "prefix___it's typed" in done.stdout

    page.keyboard.press("Home")
    expect(page.get_by_label("Task arg")).to_have_value("it's typed")


def test_an_error_leads_to_its_field_from_the_tab_of_a_code_sample_too(page):
    page.goto("/tasks/simple_task?task_arg=a&seconds=-1")
    run(page)
    page.get_by_role("tab", name="curl").click()
    field = page.get_by_label("Seconds")
    expect(field).to_be_hidden()

    page.get_by_role("alert").get_by_role("link", name="Seconds").click()

    expect(field).to_be_focused()
    expect(page.get_by_role("tab", name="Form")).to_have_attribute("aria-selected", "true")


def test_a_code_sample_is_copied(page):
    page.context.grant_permissions(["clipboard-read", "clipboard-write"])
    page.goto("/tasks/simple_task")
    page.get_by_role("tab", name="curl").click()
    page.get_by_role("button", name="Copy").click()

    expect(page.get_by_text("Copied")).to_be_visible()
    copied = page.evaluate("navigator.clipboard.readText()")
    assert copied == page.locator("#sample-curl").inner_text()
    assert copied.startswith("curl http")


def test_rows_are_added_removed_and_pasted(page):
    page.goto("/tasks/kinds_gallery")
    words = page.locator("[data-rows]", has=page.get_by_label("Words, entry 1"))
    words.get_by_role("button", name="Remove").first.click()
    words.get_by_role("button", name="Add an entry").click()
    page.keyboard.insert_text("three")
    page.keyboard.press("Enter")
    expect(page.get_by_label("Words, entry 3")).to_be_focused()
    page.evaluate(PASTE, "four\nfive\n")
    expect(page.get_by_label("Words, entry 4")).to_have_value("five")
    while page.get_by_label("Numbers, entry 2").count():
        page.get_by_label("Numbers, entry 2").locator("xpath=..").get_by_role("button").click()
    page.get_by_label("Numbers, entry 1").fill("")
    run(page)

    page.wait_for_url(re.compile("/jobs/"))
    given = input_of(page, page.url)
    assert (given["words"], given["numbers"]) == (["two", "three", "four", "five"], [])


def test_a_dropped_file_is_named_and_one_of_a_wrong_kind_is_doubted_at_once(page):
    page.goto("/tasks/train_model")
    zone = page.locator("[data-drop]")
    zone.evaluate(DROP, ["notes.txt", "no table"])
    expect(page.get_by_text("notes.txt does not end in .csv. Is it the right file?")).to_be_visible()
    assert page.locator("main [aria-invalid=true]").count() == 0

    zone.evaluate(DROP, ["table.csv", CSV])
    expect(page.get_by_text("Is it the right file?")).to_be_hidden()
    expect(page.get_by_text(f"table.csv, {len(CSV)} Bytes")).to_be_visible()
    page.get_by_label("Target").fill("label")
    page.get_by_label("Trees").fill("10")
    page.get_by_role("tab", name="curl").click()
    expect(page.get_by_role("tabpanel")).to_contain_text("-F data=@table.csv")
    expect(page.get_by_role("tabpanel")).to_contain_text("-F target=label")

    page.get_by_role("tab", name="Form").click()
    run(page)
    page.wait_for_url(re.compile("/jobs/"))
    assert input_of(page, page.url)["data"]["filename"] == "table.csv"


@pytest.fixture
def berlin(browser, stack):
    yield from open_page(browser, stack.url, timezone_id="Europe/Berlin")


def test_a_time_is_typed_in_the_viewers_zone_and_sent_in_utc(berlin):
    berlin.goto("/tasks/kinds_gallery")
    moment = berlin.get_by_label("Moment")
    expect(moment).to_have_value("2026-01-31T13:30")  # 12:30 in UTC
    expect(berlin.locator("#moment-hint")).to_contain_text("In your time zone, Europe/Berlin.")

    moment.fill("2026-07-01T00:15")
    berlin.get_by_label("Integer from 0 to 100", exact=True).fill("500")
    run(berlin)
    expect(berlin.get_by_text("Must be at most 100.")).to_be_visible()
    expect(moment).to_have_value("2026-07-01T00:15")

    berlin.get_by_label("Integer from 0 to 100", exact=True).fill("5")
    run(berlin)
    berlin.wait_for_url(re.compile("/jobs/"))
    assert input_of(berlin, berlin.url)["moment"] == "2026-06-30T22:15:00Z"


def test_an_earlier_input_is_run_again_with_its_file(page):
    file = {"name": "note.txt", "mimeType": "text/plain", "buffer": b"twelve bytes"}
    old = page.request.post("/api/v1/tasks/kinds_gallery/jobs", multipart={"text": "earlier", "file": file}).json()

    page.goto(f"/tasks/kinds_gallery?from={old['id']}")
    expect(page.get_by_label("Text", exact=True)).to_have_value("earlier")
    expect(page.get_by_label("note.txt")).to_be_checked()
    page.get_by_label("Integer from 0 to 100", exact=True).fill("500")
    run(page)
    expect(page.get_by_text("Must be at most 100.")).to_be_visible()
    expect(page.get_by_label("note.txt")).to_be_checked()
    page.get_by_label("Integer from 0 to 100", exact=True).fill("5")
    run(page)

    page.wait_for_url(re.compile("/jobs/"))
    assert old["id"] not in page.url
    given = input_of(page, page.url)
    assert (given["text"], given["bounded_whole"], given["file"]["filename"]) == ("earlier", 5, "note.txt")


def test_short_fields_stand_in_two_columns_and_on_a_phone_in_one(page):
    page.goto("/tasks/train_model")

    assert top_of(page, "kind") == top_of(page, "trees")
    page.set_viewport_size({"width": 390, "height": 800})
    assert top_of(page, "kind") < top_of(page, "trees")
    page.set_viewport_size({"width": 1280, "height": 720})


def top_of(page, field):
    return page.locator(f"[id='{field}']").bounding_box()["y"]


def names_in(page):
    return page.locator("[data-drop]", has=page.locator("#files")).get_by_role("listitem")


@pytest.mark.slow
def test_several_files_are_dropped_and_chosen_and_each_can_be_removed(page):
    page.goto("/tasks/kinds_gallery")
    zone = page.locator("[data-drop]", has=page.locator("#files"))
    for name in ("a.txt", "b.txt", "a.txt"):
        zone.evaluate(DROP, [name, "text"])
    page.locator("#files").set_input_files([{"name": "c.txt", "mimeType": "text/plain", "buffer": b""}])
    expect(names_in(page)).to_contain_text(["a.txt, 4 Bytes", "b.txt, 4 Bytes", "c.txt, 0 Bytes"])
    expect(zone).to_contain_text("3 files, 8 Bytes")
    expect(page.get_by_text("c.txt is empty. Choose a file that has content.")).to_be_visible()
    page.get_by_role("tab", name="curl").click()
    expect(page.get_by_role("tabpanel")).to_contain_text("-F files=@b.txt")
    page.get_by_role("tab", name="Form").click()
    run(page)
    expect(page.get_by_role("alert").get_by_role("link", name="Files")).to_be_visible()
    expect(page.get_by_text("c.txt is empty. Choose a file that has content.")).to_be_visible()

    names_in(page).nth(2).get_by_role("button", name="Remove c.txt").press("Enter")
    expect(page.get_by_role("button", name="Remove b.txt")).to_be_focused()
    page.keyboard.press("Enter")
    expect(names_in(page)).to_have_count(1)
    run(page)

    page.wait_for_url(re.compile("/jobs/"))
    assert [file["filename"] for file in input_of(page, page.url)["files"]] == ["a.txt"]


def test_what_the_server_says_of_the_files_stays_beside_them(sample_page):
    page = sample_page
    page.goto("/tasks/count_in_files")
    page.locator("#files").set_input_files([{"name": "a.txt", "mimeType": "text/plain", "buffer": b"x"}])
    run(page)
    expect(page.get_by_text("Must have at least 2 files.")).to_be_visible()
    expect(page.get_by_role("button", name="Remove a.txt")).to_be_visible()

    page.locator("#files").set_input_files([{"name": "b.txt", "mimeType": "text/plain", "buffer": b"y"}])
    expect(page.get_by_text("Must have at least 2 files.")).to_be_hidden()
    run(page)

    page.wait_for_url(re.compile("/jobs/"))
    assert [file["filename"] for file in input_of(page, page.url)["files"]] == ["a.txt", "b.txt"]


def test_more_files_than_the_task_takes_or_than_fit_are_refused_at_once(page):
    page.goto("/tasks/kinds_gallery")
    files = [{"name": f"{n}.txt", "mimeType": "text/plain", "buffer": b"x"} for n in range(6)]
    page.locator("#files").set_input_files(files)
    expect(page.get_by_text("6 files are chosen, and 5 are the most. Remove some.")).to_be_visible()
    page.get_by_role("button", name="Remove 0.txt").click()
    expect(page.get_by_text("are the most")).to_be_hidden()

    page.locator("main form").evaluate("form => form.dataset.maxBytes = 4")
    run(page)
    expect(page.get_by_text("Too large: the limit is 4 Bytes in all.")).to_be_visible()
    page.locator("main form").evaluate("form => form.dataset.maxBytes = 0")
    run(page)
    expect(page.get_by_text("1.txt is too large: the limit is 0 Bytes in all.")).to_be_visible()


@pytest.mark.slow
@pytest.mark.parametrize("script", [True, False], ids=["with JavaScript", "without JavaScript"])
def test_several_files_of_an_earlier_job_are_reused_beside_new_ones(page, plain_page, script):
    page = page if script else plain_page
    page.goto("/tasks/kinds_gallery")
    files = [{"name": name, "mimeType": "text/plain", "buffer": name.encode()} for name in ("a.txt", "b.txt")]
    page.locator("#files").set_input_files(files)
    run(page)
    page.wait_for_url(re.compile("/jobs/"))
    expect(page.get_by_role("link", name="b.txt")).to_be_visible()

    page.goto(f"/tasks/kinds_gallery?from={page.url.rpartition('/')[2]}")
    page.get_by_label("Reuse a.txt").uncheck()
    page.locator("#files").set_input_files([{"name": "new.txt", "mimeType": "text/plain", "buffer": b"new"}])
    run(page)

    page.wait_for_url(lambda url: "/jobs/" in url)
    assert [file["filename"] for file in input_of(page, page.url)["files"]] == ["b.txt", "new.txt"]


def test_without_javascript_the_whole_page_works(plain_page):
    page = plain_page
    page.goto("/tasks/kinds_gallery")
    expect(page.get_by_role("tab")).to_have_count(0)
    for heading in ("With curl", "In Python"):
        expect(page.get_by_role("heading", name=heading)).to_be_visible()
    page.locator("#words").fill("uno\ndue\n\ntre")
    page.locator("#bounded_whole").fill("500")
    page.locator("#moment").fill("2026-07-01T00:15")
    page.locator("main form .run button").click()

    expect(page.get_by_text("Must be at most 100.")).to_be_visible()
    expect(page.locator("#words")).to_have_value("uno\ndue\ntre")
    expect(page.locator("#sample-curl")).to_contain_text('"words": ["uno", "due", "tre"]')
    page.locator("#bounded_whole").fill("5")
    page.locator("main form .run button").click()

    page.wait_for_url(re.compile("/jobs/"))
    given = input_of(page, page.url)
    assert (given["words"], given["moment"]) == (["uno", "due", "tre"], "2026-07-01T00:15:00Z")


def test_a_refused_form_focuses_its_first_wrong_field(page):
    page.goto("/tasks/simple_task")
    run(page)

    expect(page).to_have_title(re.compile("^Error: "))
    assert page.evaluate("document.activeElement.id") == "task_arg"
