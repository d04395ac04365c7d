"""The page of a job in a real browser: it is live, asks before it cancels or deletes, and its result can be used."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta

import pytest
from playwright.sync_api import expect

from tests.browser.conftest import open_page

PAYLOAD = "<img src=x onerror=\"document.title='owned'\"><script>document.title='owned'</script>"


@pytest.fixture
def submit(samples, sample_page):
    """Submit a job of a sample task, and return the address of its page."""

    def submit(task, **arguments):
        answer = sample_page.request.post(f"/api/v1/tasks/{task}/jobs", data=arguments)
        return answer.headers["location"].removeprefix("/api/v1")

    return submit


@pytest.fixture
def is_done(sample_page):
    return lambda path: sample_page.request.get(f"/api/v1{path}", headers={"Prefer": "wait=60"}).json()["status"]


def test_a_running_job_is_followed_to_its_end_without_a_reload(sample_page, submit, tmp_path):
    page = sample_page
    path = submit("recites", folder=str(tmp_path))
    page.goto(path)
    page.evaluate("ends = []; document.addEventListener('job:end', ({ detail }) => ends.push(detail))")
    log = page.get_by_role("region", name="Log")

    (tmp_path / "1").write_text("".join(f"line {n}\n" for n in range(60)))
    expect(page.get_by_text("25 %")).to_be_visible()
    expect(page.get_by_text(re.compile("About .* left"))).to_be_visible()
    expect(log).to_contain_text("line 59")
    is_at_end = "log => log.scrollTop + log.clientHeight >= log.scrollHeight - 4"
    assert log.evaluate(is_at_end)

    page.get_by_role("button", name="Pause").click()
    (tmp_path / "2").write_text("while paused\n")
    page.get_by_role("button", name="Resume (1 new line)").click()
    expect(log).to_contain_text("while paused")

    log.evaluate("log => { log.scrollTop = 20 }")
    (tmp_path / "3").write_text("while reading\n")
    expect(log).to_contain_text("while reading")
    assert log.evaluate("log => log.scrollTop") == 20

    cancel = page.get_by_role("button", name="Cancel")
    cancel.focus()
    (tmp_path / "end").touch()
    expect(page.get_by_role("heading", name="Result")).to_be_visible()
    expect(page.get_by_role("status")).to_have_text("succeeded")
    expect(page.get_by_text(re.compile("^took"))).to_be_visible()
    expect(cancel).to_have_count(0)
    assert page.evaluate("ends") == [{"id": path.removeprefix("/jobs/"), "task": "recites", "status": "succeeded"}]
    assert log.evaluate("log => log.scrollTop") == 20  # the log does not scroll under a reader
    assert page.evaluate("document.activeElement.id") == "main-content"  # the element that had the focus is gone


def test_an_open_question_closes_when_its_button_goes(sample_page, submit, tmp_path):
    page = sample_page
    page.goto(submit("wait_for", path=str(tmp_path / "end")))
    expect(page.locator("h1")).to_contain_text("running")
    page.get_by_role("button", name="Cancel").click()

    (tmp_path / "end").touch()
    expect(page.locator("h1")).to_contain_text("succeeded")
    page.get_by_role("button", name="Keep running").click()

    expect(page.get_by_role("button", name="Retry")).to_be_visible()
    expect(page.get_by_role("button", name="Cancel")).to_have_count(0)


@pytest.mark.slow
def test_the_log_is_complete_at_the_end_although_no_stream_could_be_opened(sample_page, submit, tmp_path):
    page = sample_page
    page.route("**/events", lambda route: route.fulfill(status=429))
    page.goto(submit("recites", folder=str(tmp_path)))

    (tmp_path / "1").write_text("ä line\n")
    expect(page.get_by_text("25 %")).to_be_visible()
    (tmp_path / "end").touch()

    expect(page.locator("h1")).to_contain_text("succeeded")
    expect(page.get_by_role("region", name="Log")).to_have_text("ä line")


@pytest.mark.slow
def test_a_progress_bar_says_that_redis_is_away(sample_page, submit, tmp_path):
    page = sample_page
    page.goto(submit("wait_for", path=str(tmp_path / "end")))
    expect(page.locator("h1")).to_contain_text("running")
    said = page.get_by_text("Live updates are paused")
    expect(said).to_be_hidden()
    address = page.url
    trouble = 'event: heartbeat\ndata: {"live": false}\n\n'
    page.route("**/events", lambda route: route.fulfill(content_type="text/event-stream", body=trouble))
    page.reload()
    page.route(address, lambda route: route.fulfill(status=503))

    expect(said).to_be_visible()
    page.unroute("**/events")
    page.unroute(address)

    expect(said).to_be_hidden()
    (tmp_path / "end").touch()


def test_the_progress_of_the_attempt_before_is_not_shown(sample_page, submit, tmp_path):
    page = sample_page
    events = "".join(
        f'id: {number}-0\nevent: progress\ndata: {{"percent": {percent}, "message": "told"}}\n\n'
        for number, percent in ((99_999_999_999_999, 50), (1, 75))
    )
    path = submit("wait_for", path=str(tmp_path / "end"))
    page.goto(path)
    expect(page.locator("h1")).to_contain_text("running")
    page.route("**/events", lambda route: route.fulfill(content_type="text/event-stream", body=events))
    page.reload()

    expect(page.get_by_text("50 %")).to_be_visible()
    expect(page.get_by_text("75 %")).to_have_count(0)
    (tmp_path / "end").touch()


@pytest.mark.slow
def test_queued_jobs_show_their_position_and_are_canceled_after_a_question(sample_page, submit, tmp_path):
    page = sample_page
    running = submit("wait_for", path=str(tmp_path / "end"))
    first, second = submit("echo", text="a"), submit("echo", text="b")

    page.goto(second)
    expect(page.get_by_text("#2 in queue default")).to_be_visible()
    page.evaluate("isSamePage = true")
    page.request.post(f"/api/v1{first}/cancel")
    expect(page.get_by_text("Next in queue default")).to_be_visible()
    assert page.evaluate("isSamePage")

    page.get_by_role("button", name="Cancel").click()
    page.get_by_role("button", name="Keep waiting").click()
    expect(page.get_by_role("alertdialog")).to_have_count(0)
    page.get_by_role("button", name="Cancel").click()
    page.get_by_role("button", name="Cancel the job").click()
    expect(page.get_by_role("status").first).to_have_text("canceled")
    expect(page.get_by_text("canceled before it started")).to_be_visible()

    page.goto(running)
    page.get_by_role("button", name="Cancel").click()
    page.get_by_role("button", name="Cancel the job").click()
    expect(page.locator("h1")).to_contain_text("canceled")
    expect(page.get_by_text("The job was stopped.")).to_be_visible()


def test_a_job_is_run_again_kept_and_deleted(sample_page, submit, is_done):
    page = sample_page
    path = submit("echo", text="again")
    assert is_done(path) == "succeeded"

    page.goto(path)
    page.get_by_role("button", name="Retry").click()
    page.wait_for_url(lambda url: not url.endswith(path))
    expect(page.get_by_text("a new job with the same input")).to_be_visible()
    expect(page.get_by_role("heading", name="Result")).to_be_visible()
    assert "?" not in page.url  # so that the address can be shared

    page.get_by_role("button", name="Keep").click()
    expect(page.get_by_text("The job is kept. It never expires.")).to_be_visible()

    gone = page.url
    page.get_by_role("button", name="Delete").click()
    page.get_by_role("alertdialog").get_by_role("button", name="Delete").click()
    expect(page.get_by_role("heading", name="Job deleted")).to_be_visible()
    assert page.goto(gone).status == 404


def test_a_table_is_sorted_and_downloaded_and_json_is_folded(sample_page, submit, is_done, tmp_path):
    page = sample_page
    (tmp_path / "end").touch()
    path = submit("recites", folder=str(tmp_path))
    is_done(path)
    page.goto(path)
    first, last = page.locator("tbody tr td:first-child").first, page.locator("tbody tr td:first-child").last

    page.get_by_role("button", name="name").click()
    expect(page.get_by_role("columnheader", name="name")).to_have_attribute("aria-sort", "ascending")
    expect(last).to_have_text("row 11")  # 11 comes after 2
    page.get_by_role("button", name="value").click()
    page.get_by_role("button", name="value").click()
    expect(page.get_by_role("columnheader", name="value")).to_have_attribute("aria-sort", "descending")
    expect(first).to_have_text("row 6")
    page.get_by_role("button", name="formula").click()
    expect(last).to_have_text("row 3")  # the empty cell is last

    with page.expect_download() as download:
        page.get_by_role("link", name="Download as CSV").click()
    assert download.value.suggested_filename == "table.csv"

    entry = page.get_by_text("39", exact=True).last
    expect(entry).to_be_hidden()
    page.get_by_text("deeper").click()
    expect(entry).to_be_visible()
    expect(page.locator(".tree details[open] > summary").last).to_have_css("margin-bottom", "0px")


def test_the_id_is_copied(sample_page, submit):
    path = submit("echo", text="a")
    sample_page.context.grant_permissions(["clipboard-read", "clipboard-write"])
    sample_page.goto(path)

    sample_page.get_by_role("button", name="Copy the id").click()

    expect(sample_page.get_by_text("Copied")).to_be_visible()
    assert sample_page.evaluate("navigator.clipboard.readText()") == path.removeprefix("/jobs/")


@pytest.mark.slow
def test_a_picture_opens_larger(page):
    location = page.request.post("/api/v1/tasks/render_plot/jobs", data={"days": 2}).headers["location"]
    page.goto(location.removeprefix("/api/v1"))

    page.get_by_role("link", name="opens larger").click()
    dialog = page.get_by_role("dialog", name="Picture")
    large = dialog.get_by_role("img")
    expect(large).to_be_visible()
    assert large.evaluate("image => image.clientWidth <= innerWidth")
    dialog.get_by_role("button", name="Actual size").click()
    assert large.evaluate("image => image.clientWidth === image.naturalWidth")
    page.keyboard.press("Escape")
    expect(dialog).to_be_hidden()


@pytest.mark.parametrize(("fail", "places"), [(True, 6), (False, 7)])
def test_markup_in_any_text_of_a_task_does_nothing(sample_page, submit, tmp_path, fail, places):
    page = sample_page
    page.goto(submit("repeats", text=PAYLOAD, folder=str(tmp_path), fail=fail))
    expect(page.locator("[data-message]")).to_have_text(PAYLOAD)
    expect(page.get_by_role("region", name="Log")).to_have_text(PAYLOAD)

    (tmp_path / "end").touch()
    expect(page.get_by_role("button", name="Retry")).to_be_visible()
    page.reload()

    assert page.locator("main").inner_text().count(PAYLOAD) == places
    assert page.locator("main img[src=x], main script, main a[href^=javascript]").count() == 0
    assert "owned" not in page.title()


def test_markup_in_the_name_of_an_uploaded_file_does_nothing(sample_page, is_done):
    page = sample_page
    file = {"name": "<img src=x onerror=document.title='owned'>.csv", "mimeType": "text/csv", "buffer": b"a\n"}
    answer = page.request.post("/api/v1/tasks/count_bytes/jobs", multipart={"data": file})

    page.goto(answer.headers["location"].removeprefix("/api/v1"))

    expect(page.get_by_role("link", name=file["name"])).to_be_visible()
    assert "owned" not in page.title()


@pytest.fixture
def plain_page(browser, samples):
    yield from open_page(browser, samples.url, java_script_enabled=False)


def test_the_page_works_without_javascript(plain_page, submit, tmp_path):
    page = plain_page
    running, waiting = submit("recites", folder=str(tmp_path)), submit("echo", text="never")

    page.goto(waiting)
    page.get_by_role("button", name="Cancel").click()
    page.get_by_role("button", name="Cancel the job").click()
    expect(page.get_by_text("canceled before it started")).to_be_visible()

    page.goto(running)
    (tmp_path / "1").write_text("printed\n")
    expect(page.get_by_text("25 %")).to_be_visible()
    expect(page.get_by_role("region", name="Log")).to_contain_text("printed")
    (tmp_path / "end").touch()
    expect(page.get_by_role("cell", name="row 11")).to_be_visible()
    page.get_by_text("deeper").click()
    expect(page.get_by_text("39", exact=True).last).to_be_visible()

    page.get_by_role("button", name="Keep").click()
    expect(page.get_by_text("The job is kept")).to_be_visible()
    page.get_by_role("button", name="Delete").click()
    page.get_by_role("alertdialog").get_by_role("button", name="Delete").click()
    expect(page.get_by_role("heading", name="Job deleted")).to_be_visible()


def test_a_text_is_found_in_the_log_and_its_lines_are_wrapped_or_not(sample_page, submit, is_done):
    page = sample_page
    path = submit("talk")
    assert is_done(path) == "succeeded"
    page.goto(path)
    page.get_by_role("group").get_by_text("Log", exact=True).click()
    page.get_by_role("searchbox", name="Find in log").fill("LINE")
    expect(page.get_by_text("4 found")).to_be_visible()
    page.keyboard.press("Enter")
    expect(page.get_by_text("1 of 4")).to_be_visible()
    page.keyboard.press("Shift+Enter")
    expect(page.get_by_text("4 of 4")).to_be_visible()

    wrap = page.get_by_role("button", name="Wrap lines")
    assert page.get_by_role("region", name="Log").evaluate("log => getComputedStyle(log).whiteSpace") == "pre-wrap"
    wrap.click()
    assert page.get_by_role("region", name="Log").evaluate("log => getComputedStyle(log).whiteSpace") == "pre"


def test_a_live_log_has_colors_numbers_and_times_and_is_the_same_after_a_reload(
    sample_page, submit, is_done, tmp_path, axe
):
    page = sample_page
    path = submit("recites", folder=str(tmp_path))
    page.goto(path)
    log = page.get_by_role("region", name="Log", exact=True)
    (tmp_path / "1").write_text("\x1b[1;31mred <b>bold\x1b[0m, \x1b[32mgreen\x1b[0m\nhalf a ")
    expect(log.locator(".c32")).to_have_text("green")
    expect(log.locator(".c1.c31")).to_have_text("red <b>bold")
    (tmp_path / "2").write_text("\x1b[43mline\x1b[0m\n\nlast\n")
    expect(log.locator("> span")).to_have_text(["red <b>bold, green", "half a line", "", "last"])
    (tmp_path / "end").touch()
    assert is_done(path) == "succeeded"
    live = log.inner_html()

    page.reload()
    page.get_by_role("group").get_by_text("Log", exact=True).click()
    assert [re.sub(' (title|data-time)="[^"]*"', "", text) for text in (log.inner_html(), live)] == [log_html()] * 2
    page.get_by_role("button", name="Line numbers").click()
    page.get_by_role("button", name="Times").click()
    gutter = "span => getComputedStyle(span, '::before').content"
    assert re.fullmatch(r'counter\(line\) "  \d+:\d\d:\d\d( [AP]M)?"', log.locator("> span").last.evaluate(gutter))
    axe(page)
    page.get_by_role("searchbox", name="Find in log").fill("bold, gre")
    page.keyboard.press("Enter")
    expect(page.get_by_text("1 of 1")).to_be_visible()


def log_html():
    red, green = '<span class="c1 c31">red &lt;b&gt;bold</span>', '<span class="c32">green</span>'
    lines = [f"{red}, {green}", 'half a <span class="c43">line</span>', "", "last"]
    return "".join(f"<span>{line}</span>\n" for line in lines)


@pytest.fixture
def kolkata(browser, stack):
    yield from open_page(browser, stack.url, timezone_id="Asia/Kolkata")


def test_a_scheduled_job_is_moved_and_rescheduled_in_the_zone_of_the_place(kolkata, axe):
    page, (first, second) = kolkata, [f"{datetime.now(UTC) + timedelta(days=days):%Y-%m-%d}T" for days in (30, 60)]
    at = f"{first}00:00:00Z"
    job_id = page.request.post(f"/api/v1/tasks/fib/jobs?at={at}", data={"n": 1}).json()["id"]
    page.goto(f"/jobs/{job_id}")
    page.get_by_role("button", name="Change queue").click()
    axe(page)
    page.get_by_role("alertdialog").get_by_label("Queue").select_option("low")
    page.get_by_role("alertdialog").get_by_role("button", name="Change queue").click()
    expect(page.get_by_text("The job is in the queue low.")).to_be_visible()

    page.get_by_role("button", name="Reschedule").click()
    expect(page.get_by_label("Start at")).to_have_value(f"{first}05:30")
    page.get_by_label("Start at").fill(f"{second}05:30")
    page.get_by_role("alertdialog").get_by_role("button", name="Reschedule").click()
    expect(page.get_by_text("The job is rescheduled.")).to_be_visible()

    job = page.request.get(f"/api/v1/jobs/{job_id}").json()
    page.request.delete(f"/api/v1/jobs/{job_id}")
    assert (job["scheduled_at"], job["queue"]["name"]) == (f"{second}00:00:00.000Z", "low")


@pytest.mark.slow
def test_a_large_table_is_filtered_and_sorted_over_all_its_rows_and_fills_the_screen(sample_page):
    page = sample_page
    body = {"rows": 1_000, "columns": 12}
    job = page.request.post("/api/v1/tasks/gives_a_table/jobs?queue=high", data=body).headers["location"]
    page.goto(job.removeprefix("/api/v1"))
    page.get_by_role("link", name="All 1,000 rows").click()
    expect(page.get_by_role("status")).to_contain_text("Rows 1 to 200 of 1,000")

    page.get_by_role("link", name="column 0").click()
    page.get_by_role("link", name="column 0").click()
    expect(page.get_by_role("cell").first).to_have_text("999")
    page.get_by_role("searchbox", name="Filter the rows").fill("text 99")
    page.keyboard.press("Enter")
    expect(page.get_by_role("status")).to_contain_text("Rows 1 to 11 of 11 1,000 in all")
    expect(page.get_by_role("cell").first).to_have_text("999")

    page.get_by_role("button", name="Full screen").click()
    expect(page.get_by_role("button", name="Leave full screen")).to_be_visible()
    assert page.evaluate("document.fullscreenElement.className") == "whole-table"
