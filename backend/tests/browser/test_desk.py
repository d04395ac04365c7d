"""A task in a real browser: its form, the progress bar, the picture, a wrong input, with and without JavaScript."""

from __future__ import annotations

import re
import time
from datetime import UTC, datetime, timedelta

import pytest
from playwright.sync_api import expect
from redis import Redis

from tests.conftest import wait_until


@pytest.mark.slow
def test_many_tasks_can_be_searched(sample_page):
    page = sample_page
    page.goto("/")
    page.keyboard.press("/")
    field = page.get_by_role("searchbox", name="Find a task")
    expect(field).to_be_focused()

    page.keyboard.type("COUNT bytes")
    expect(page.locator(".card:visible")).to_have_count(1)
    page.keyboard.type(" nothing")
    expect(page.get_by_text("No task matches.")).to_be_visible()
    field.fill("count_bytes")
    page.keyboard.press("Enter")

    expect(page).to_have_url(re.compile("/tasks/count_bytes$"))


def test_the_search_for_a_task_opens_the_best_match_and_not_the_first(sample_page):
    page = sample_page
    page.goto("/")
    field = page.get_by_role("searchbox", name="Find a task")

    field.fill("return a")
    expect(page.locator(".card:visible :is(h3, h4)").first).to_have_text(re.compile("^Return a"))
    field.fill("wait for")
    best = page.locator(".card:visible").first
    field.fill("wait_for")
    expect(best.locator("code").first).to_have_text("wait_for")
    field.fill("")
    titles = page.locator(".card:visible :is(h3, h4)").all_text_contents()
    page.reload()

    assert titles == page.locator(".card:visible :is(h3, h4)").all_text_contents()


def test_a_search_hides_the_names_of_modules_and_gives_the_order_back(sample_page):
    page = sample_page
    page.goto("/")
    items = page.locator(".cards > li:visible")
    before = items.all_text_contents()
    field = page.get_by_role("searchbox", name="Find a task")

    field.fill("count_bytes")
    expect(items).to_have_count(1)
    field.fill("")

    assert len(page.locator(".cards > .group:visible").all()) > 1
    assert [text.split()[:3] for text in items.all_text_contents()] == [text.split()[:3] for text in before]


@pytest.mark.slow
def test_few_tasks_have_no_search(page):
    page.goto("/")
    expect(page.locator(".card").first).to_be_visible()
    expect(page.get_by_role("searchbox")).to_have_count(0)


def test_the_form_of_the_tutorial(page):
    page.goto("/")
    page.get_by_label("Text for").fill("abc")
    page.get_by_role("button", name="Run", exact=True).click()

    expect(page.get_by_role("status")).to_contain_text("Added task to queue default")
    expect(page.get_by_role("heading", name="Succeeded jobs")).to_be_visible()


@pytest.mark.slow
def test_the_desk_shows_the_running_jobs_with_their_bars(page):
    job = page.request.post("/api/v1/tasks/simple_task/jobs", data={"task_arg": "a", "seconds": 60}).json()
    page.goto("/")

    running = page.get_by_role("region", name="Running")
    expect(running.get_by_role("link", name=job["id"][:8])).to_be_visible()
    expect(running.get_by_role("progressbar", name=f"Progress of simple_task {job['id'][:8]}")).to_have_attribute(
        "value", re.compile(r"\d")
    )
    page.request.post(f"/api/v1/jobs/{job['id']}/cancel")
    expect(running).to_have_count(0)


@pytest.mark.slow
def test_a_task_runs_its_bar_moves_and_its_result_appears(page):
    page.goto("/tasks/simple_task")
    page.get_by_label("Task arg").fill("browser")
    page.get_by_label("Seconds").fill("4")
    page.get_by_role("button", name="Run").click()

    expect(page.get_by_text(re.compile(r"^(25|50|75) %"))).to_be_visible()
    expect(page.locator("h1")).to_contain_text("succeeded")
    expect(page.get_by_text("prefix___browser")).to_be_visible()


def test_a_job_that_waits_for_its_next_attempt_says_so(sample_page, samples):
    page = sample_page
    location = page.request.post("/api/v1/tasks/stumbles/jobs", data={}).headers["location"]
    tomorrow = {location.rpartition("/")[2]: time.time() + 86400}
    with Redis.from_url(samples.environment["REDIS_URL"]) as redis:  # postpone the next attempt once it is scheduled
        wait_until(lambda: redis.zadd("rq:scheduled:default", tomorrow, xx=True, ch=True))

    page.goto(location.removeprefix("/api/v1"))
    replayed = "new EventSource(document.querySelector('[data-job]').dataset.events)"
    page.evaluate(f"new Promise((done) => {replayed}.addEventListener('progress', () => done()))")

    expect(page.get_by_text("Retrying soon")).to_be_visible()
    expect(page.get_by_text("nobody answers", exact=True)).to_be_visible()
    expect(page.get_by_text("25 %")).to_have_count(0)


@pytest.mark.slow
def test_a_picture_is_shown(page):
    page.goto("/tasks/render_plot")
    page.get_by_role("button", name="Run").click()

    picture = page.get_by_role("img")
    expect(picture).to_be_visible()
    assert picture.evaluate("image => image.naturalWidth") > 100


@pytest.mark.slow
def test_an_uploaded_table_becomes_a_model(page, tmp_path):
    table = tmp_path / "table.csv"
    table.write_text("x,label\n" + "".join(f"{n},{'ab'[n > 20]}\n" for n in range(40)))
    page.goto("/tasks/train_model")
    page.get_by_label("Data").set_input_files(table)
    page.get_by_label("Target").fill("label")
    page.get_by_label("Trees").fill("10")
    page.get_by_role("button", name="Run").click()

    expect(page.get_by_role("heading", name="Confusion matrix")).to_be_visible()
    with page.expect_download() as download:
        page.get_by_role("link", name="Download model.skops").click()
    assert download.value.suggested_filename == "model.skops"


def test_the_columns_of_the_chosen_table_are_offered_and_a_wrong_one_is_refused_before_the_job(page, tmp_path):
    table = tmp_path / "table.csv"
    table.write_bytes('"x ""1""";größe;Label\n1;2;a\n'.encode("cp1252"))
    page.goto("/tasks/train_model")
    page.get_by_label("Data").set_input_files(table)

    offered = page.locator("datalist[id='target-columns'] option")
    expect(offered).to_have_count(3)
    assert [option.get_attribute("value") for option in offered.all()] == ['x "1"', "größe", "Label"]
    page.get_by_label("Target").fill("labels")
    page.get_by_role("button", name="Run").click()
    expect(page.get_by_text("table.csv has no column 'labels'. Similar: Label.")).to_be_visible()
    expect(offered).to_have_count(3)  # of the same file, in the new form


@pytest.mark.parametrize(("kind", "own_list"), [("page", "target-columns"), ("plain_page", "target-options")])
def test_the_columns_of_a_file_of_an_earlier_job_are_offered(request, kind, own_list):
    page = request.getfixturevalue(kind)
    table = {"name": "table.csv", "mimeType": "text/csv", "buffer": b"x;label;\n1;a;\n"}
    at = (datetime.now(UTC) + timedelta(days=1)).strftime("%Y-%m-%dT%H:%M:%SZ")
    sent = page.request.post(
        f"/api/v1/tasks/train_model/jobs?at={at}", multipart={"data": table, "target": "label"}
    ).json()
    page.goto(f"/tasks/train_model?from={sent['id']}")

    offered = page.locator(f"datalist[id='{own_list}'] option")
    expect(offered).to_have_count(2)
    expect(page.locator("#target")).to_have_attribute("list", own_list)
    if kind == "page":
        page.get_by_label("Data").set_input_files(table | {"buffer": b"a,b,c\n1,2,3\n"})
        expect(offered).to_have_count(3)


def test_without_javascript_a_wrong_column_is_refused_too(plain_page, tmp_path):
    table = tmp_path / "table.csv"
    table.write_text("x,label\n1,a\n")
    plain_page.goto("/tasks/train_model")
    plain_page.locator("#data").set_input_files(table)
    plain_page.locator("#target").fill("labels")
    plain_page.locator("main .run > button").click()

    expect(plain_page.get_by_text("table.csv has no column 'labels'. Similar: label.")).to_be_visible()


@pytest.mark.slow
def test_a_wrong_input_is_marked_and_the_chosen_file_stays(page, tmp_path):
    table = tmp_path / "table.csv"
    table.write_text("x,label\n1,a\n")
    page.goto("/tasks/train_model")
    page.get_by_label("Data").set_input_files(table)
    page.get_by_label("Target").fill("label")
    page.get_by_label("Trees").fill("5000")
    page.get_by_role("button", name="Run").click()

    expect(page.get_by_text("Must be at most 2000.")).to_be_visible()
    expect(page.get_by_label("Target")).to_have_value("label")
    assert page.get_by_label("Data").evaluate("input => input.files.length") == 1

    page.get_by_label("Trees").fill("10")
    page.get_by_role("button", name="Run").click()
    expect(page.locator("h1")).to_contain_text("failed")  # one row is too few
    expect(page.get_by_text("only one class, 'a'").first).to_be_visible()


def test_a_file_over_the_limit_is_refused_and_the_other_inputs_stay(page, tmp_path):
    table = tmp_path / "table.csv"
    table.write_bytes(b"x" * 2_100_000)
    page.goto("/tasks/train_model")
    page.get_by_label("Data").set_input_files(table)
    page.get_by_label("Target").fill("label")
    page.get_by_role("button", name="Run").click()

    expect(page.get_by_role("alert")).to_contain_text("table.csv is too large: the limit is 2 MB in all.")
    expect(page.get_by_label("Target")).to_have_value("label")
    expect(page.get_by_role("button", name="Run")).to_be_enabled()


def test_every_kind_of_field_has_a_label_and_the_gallery_runs_with_its_defaults(page):
    page.goto("/tasks/kinds_gallery")
    for control in page.locator("main input:not([type=hidden]), main select, main textarea").all():
        named = "element => element.hidden || element.labels.length + element.hasAttribute('aria-label')"
        assert control.evaluate(named), control.evaluate("element => element.outerHTML")
    page.get_by_role("button", name="Run").click()

    for heading in ("Text", "JSON", "Markdown", "Table", "Picture"):
        expect(page.get_by_role("heading", name=heading, exact=True)).to_be_visible()
    expect(page.get_by_role("link", name="Download values.json")).to_be_visible()


@pytest.mark.slow
def test_a_job_is_started_and_followed_without_javascript(plain_page):
    page = plain_page
    page.goto("/tasks/simple_task")
    page.locator("#task_arg").fill("plain")
    page.locator("#seconds").fill("1")
    page.locator("main form .run button").click()

    page.wait_for_url(re.compile("/jobs/"))
    expect(page.get_by_text("prefix___plain")).to_be_visible()  # the page reloads itself


def test_payloads_are_shown_as_text(page):
    payload = "<img src=x onerror=document.title='owned'><script>document.title='owned'</script>"
    page.goto("/tasks/simple_task")
    page.get_by_label("Task arg").fill(payload)
    page.get_by_label("Seconds").fill("0")
    page.get_by_role("button", name="Run").click()

    expect(page.get_by_text(f"prefix___{payload}")).to_be_visible()
    assert "owned" not in page.title()


def test_the_picture_of_tutorial_001_follows_its_bar(page):
    page.goto("/image_page")

    picture = page.get_by_role("img", name="The picture, in full size")
    expect(picture).to_be_visible()
    assert picture.evaluate("image => image.naturalWidth") > 100
