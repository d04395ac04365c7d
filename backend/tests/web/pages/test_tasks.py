"""The page of a task, without JavaScript: what fills it, files that are used again, its code samples."""

from __future__ import annotations

import html
import io
import json
import re
from datetime import UTC, datetime, timedelta
from urllib.parse import quote

import pytest

from taskdesk.jobs.catalog import announce
from taskdesk.web.application import create_app
from taskdesk.web.pages.view.curl import JSON_BODY
from taskdesk.worker.discovery import discover
from taskdesk.worker.settings import WorkerSettings
from tests.code_samples import sample_on, words_of

CSV = "name,size\na,1\n"


def value_of(page: str, name: str) -> str | None:
    """The value of an input on the page."""
    [tag] = re.findall(rf'<input [^>]*name="{name}"[^>]*>', page)
    found = re.search(r'value="([^"]*)"', tag)
    return html.unescape(found[1]) if found else None


def upload(client, **form):
    data = {"data": (io.BytesIO(CSV.encode()), "table.csv"), **form}
    return client.post("/tasks/count_bytes", data=data, content_type="multipart/form-data")


def job_of(client, sent):
    return client.get("/api/v1" + sent.location).json


def test_a_link_may_fill_the_form(client):
    page = client.get("/tasks/every_kind?note=abc&numbers=7&numbers=8&sure=no&size=large&unknown=1").text

    assert value_of(page, "note") == "abc"
    assert re.search(r'name="numbers"[^>]*>\s*7\n8</textarea>', page)
    assert "checked" not in re.search(r'<input [^>]*name="sure"[^>]*>', page)[0]
    assert '<option value="large" selected>' in page
    assert value_of(page, "share") == "0.5"  # the default, of what the link does not name


@pytest.fixture
def sent_twice(client):
    """Send a form of a page twice, and then changed. Return the addresses that this leads to."""

    def send(page, address, change=None, **form):
        key = value_of(client.get(page).text, "-form-token")
        forms = [form, form, *([change] if change else [])]
        return [client.post(address, data={"-form-token": key, **one}).location for one in forms]

    return send


def test_a_form_that_is_sent_twice_makes_one_job_and_a_changed_one_another(client, sent_twice):
    for page, form, change in (
        ("/tasks/echo", {"text": "a"}, {"text": "b"}),
        ("/tasks/echo", {"text": "a"}, {"text": "a", "-queue": "low"}),
    ):
        first, again, changed = sent_twice(page, page, change, **form)
        assert first == again != changed
        assert client.get("/api/v1" + changed).status_code == 200


def test_a_file_that_is_sent_twice_makes_one_job(client):
    key = value_of(client.get("/tasks/count_bytes").text, "-form-token")

    first, again, other = (upload(client, **{"-form-token": each}).location for each in (key, key, ""))

    assert first == again != other


def test_a_form_that_is_shown_again_makes_another_job(client, sent_twice):
    assert len({sent_twice("/tasks/echo", "/tasks/echo", text="a")[0] for _ in range(2)}) == 2


def test_a_form_whose_job_was_deleted_makes_another(client):
    form = {"-form-token": value_of(client.get("/tasks/echo").text, "-form-token"), "text": "a"}
    first = client.post("/tasks/echo", data=form).location
    client.delete("/api/v1" + first)

    assert client.get("/api/v1" + client.post("/tasks/echo", data=form).location).status_code == 200


def test_retry_that_is_pressed_twice_makes_one_job(client, sent_twice, run_worker):
    page = client.post("/tasks/echo", data={"text": "a"}).location
    run_worker()

    first, again = sent_twice(page, f"{page}/retry")

    assert first == again != page


def test_the_input_of_a_job_fills_the_form(client):
    given = {"note": "xyz", "numbers": [5], "sure": False, "maybe": 3, "color": "blue", "day": "2025-12-24"}
    job_id = client.post("/api/v1/tasks/every_kind/jobs", json=given).json["id"]

    page = client.get(f"/tasks/every_kind?from={job_id}").text

    assert (value_of(page, "note"), value_of(page, "maybe"), value_of(page, "day")) == ("xyz", "3", "2025-12-24")
    assert '<option value="blue" selected>' in page
    assert "Prefilled from job" in page
    assert '"note": "xyz"' in sample_on(page, "curl")


@pytest.mark.parametrize("text", ["nothing", "../../etc", "a" * 500, "<b>"])
def test_the_form_says_that_the_job_to_fill_it_from_does_not_exist(client, text):
    page = client.get(f"/tasks/echo?from={quote(text)}")

    assert page.status_code == 200
    assert "No job" in page.text
    assert "the form without its input" in page.text
    assert "<b>" not in page.text
    assert value_of(page.text, "times") == "1"


def test_the_job_of_another_task_does_not_fill_the_form(client):
    job_id = client.post("/api/v1/tasks/echo/jobs", json={"text": "a"}).json["id"]

    page = client.get(f"/tasks/every_kind?from={job_id}").text

    assert "is a job of echo, not of this task" in page


def test_the_form_says_that_the_job_to_fill_it_from_has_expired(client, run_worker, redis):
    job_id = client.post("/api/v1/tasks/echo/jobs", json={"text": "a"}).json["id"]
    run_worker()
    redis.delete(f"rq:job:{job_id}")

    assert "has expired" in client.get(f"/tasks/echo?from={job_id}").text


def test_the_file_of_a_job_is_used_again_unless_another_is_chosen(client, run_worker):
    old = job_of(client, upload(client))
    page = client.get(f"/tasks/count_bytes?from={old['id']}").text
    assert "table.csv" in page
    assert "-F data=@table.csv" in sample_on(page, "curl")
    address = f"/tasks/count_bytes?from={old['id']}"

    again = job_of(client, client.post(address, data={"-reuse": "data"}))
    file = (io.BytesIO(b"longer than that"), "new.csv")
    other = job_of(client, client.post(address, data={"-reuse": "data", "data": file}))
    run_worker()

    assert again["input"]["data"] == old["input"]["data"]
    assert other["input"]["data"]["filename"] == "new.csv"
    for job, size in ((again, len(CSV)), (other, 16)):
        assert client.get(f"/api/v1/jobs/{job['id']}").json["result"]["value"] == size


def test_a_file_of_an_earlier_job_is_reused_only_if_its_box_is_checked(client):
    old = job_of(client, upload(client, other=(io.BytesIO(b"x"), "other.txt")))

    page = client.post(f"/tasks/count_bytes?from={old['id']}", data={"-reuse": "other"})
    sent = client.post(f"/tasks/count_bytes?from={old['id']}", data={"-reuse": "data"})

    assert (page.status_code, page.text.count("Required.")) == (422, 1)
    assert re.search(r'value="other" checked', page.text)
    assert re.search(r'value="data" +>', page.text)
    assert "other" not in job_of(client, sent)["input"]


def test_a_file_that_is_no_longer_kept_is_an_error_at_its_field(client):
    old = job_of(client, upload(client))
    client.delete(f"/api/v1/jobs/{old['id']}")

    page = client.post(f"/tasks/count_bytes?from={old['id']}", data={"-reuse": "data"})

    assert page.status_code == 422
    assert "no longer kept: choose it again" in page.text


def test_the_code_samples_are_what_was_sent_and_what_is_missing_is_an_example(client):
    page = client.post("/tasks/echo", data={"text": "it's", "times": "9"})
    plain = client.get("/tasks/echo")

    *start, body = words_of(sample_on(page.text, "curl"))
    assert start == ["curl", "http://localhost/api/v1/tasks/echo/jobs", *JSON_BODY]
    assert json.loads(body) == {"text": "it's", "times": 9}
    assert json.loads(words_of(sample_on(plain.text, "curl"))[-1]) == {"text": "text", "times": 1}
    compile(sample_on(page.text, "python"), "page", "exec")


def test_the_code_samples_follow_the_form_as_it_is_now(client):
    now = client.post("/tasks/count_bytes/code_samples", data={"data": "my table.csv", "other": ""}).json
    plain = client.post("/tasks/count_bytes/code_samples", data={}).json

    assert words_of(now["curl"]) == [
        "curl",
        "http://localhost/api/v1/tasks/count_bytes/jobs",
        "-F",
        "data=@my table.csv",
    ]
    assert 'open("my table.csv", "rb")' in now["python"]
    assert "data=@data.csv" in plain["curl"]


def test_the_form_chooses_the_queue_the_time_and_tags(client):
    tomorrow = (datetime.now(UTC) + timedelta(days=1)).strftime("%Y-%m-%dT%H:%M")
    form = {"text": "a", "-queue": "low", "-at": tomorrow, "-tag": " nightly  report"}
    sent = client.post("/tasks/echo", data=form)
    plain = client.post("/tasks/echo", data={"text": "a", "-queue": "default", "-at": "", "-tag": ""})
    again = client.get(f"/tasks/echo?from={job_of(client, sent)['id']}").text

    job = job_of(client, sent)
    assert (job["queue"]["name"], job["status"], job["tags"]) == ("low", "scheduled", ["nightly", "report"])
    assert job["scheduled_at"] == f"{tomorrow}:00.000Z"
    assert job_of(client, plain)["queue"]["name"] == "default"
    assert '<option value="low" selected>' in again
    assert (value_of(again, "-tag"), value_of(again, "-at")) == ("nightly report", "")
    assert "jobs?tag=nightly&tag=report&queue=low" in sample_on(again, "curl")
    assert "jobs?tag=nightly&tag=report&queue=low" in sample_on(again, "python")


@pytest.mark.parametrize("zone", ["Z", "+00:00", "+02:00"])
def test_a_time_to_start_may_have_a_zone(client, zone):
    then = datetime.now(UTC).replace(microsecond=0) + timedelta(days=1)
    sent = client.post("/tasks/echo", data={"text": "a", "-at": f"{then:%Y-%m-%dT%H:%M:%S}{zone}"})

    started = datetime.fromisoformat(job_of(client, sent)["scheduled_at"])
    assert started == then - timedelta(hours=int(zone[1:3] or 0))


@pytest.mark.parametrize(
    ("option", "typed", "sentence"),
    [
        ("-queue", "nothing", "There is no queue"),
        ("-at", "tomorrow", "Must be a date and time"),
        ("-at", "2999-01-01T00:00", "days ahead. Choose an earlier time"),
        ("-at", "2020-01-01T08:00", "This time has passed. Choose a later one"),
        ("-tag", "x" * 65, "each a word of up to 64 characters"),
    ],
)
def test_a_wrong_option_is_an_error_at_its_field_and_kept(client, option, typed, sentence):
    page = client.post("/tasks/echo", data={"text": "a", option: typed})

    assert page.status_code == 422
    hint = re.search(rf'<small id="{option}-hint">.*?</small>', page.text, re.DOTALL)[0]
    assert sentence in html.unescape(hint)
    assert f'href="#{option}"' in page.text
    assert option == "-queue" or f'value="{typed}"' in page.text


def test_the_choice_of_a_queue_shows_its_state(client):
    client.patch("/api/v1/queues/low", json={"paused": True})

    page = client.get("/tasks/echo").text

    assert re.findall(r"<option [^>]*>(\w+ \([\w ]+\))", page) == [
        "high (no worker)",
        "default (no worker)",
        "low (paused)",
    ]


def test_each_wrong_entry_of_a_list_is_named(client):
    page = client.post("/tasks/every_kind", data={"numbers": "1\nx\n3\ny"})

    assert page.status_code == 422
    assert "Entry 2: Must be a whole number. Entry 4: Must be a whole number." in page.text


def test_the_page_shows_the_usual_duration_and_the_queue(client, run_worker):
    assert "Typical duration" not in client.get("/tasks/echo").text
    client.post("/api/v1/tasks/echo/jobs", json={"text": "a"})
    run_worker()
    client.post("/api/v1/tasks/echo/jobs", json={"text": "a"})
    client.patch("/api/v1/queues/default", json={"paused": True})

    page = client.get("/tasks/echo").text

    assert re.search(r"Typical duration</dt>\s*<dd>(&lt;\s)?\d+\sms", page)
    assert "0&nbsp;% <small>of the last job<" in page
    assert "1 queued, 0 running" in page
    assert "paused" in page


def test_the_task_of_a_broken_module_is_a_404_that_names_the_module(web_settings, redis, tmp_path, monkeypatch):
    (tmp_path / "cracked").mkdir()
    (tmp_path / "cracked" / "__init__.py").write_text("def works(): ...")
    (tmp_path / "cracked" / "train.py").write_text("import no_such_library")
    monkeypatch.syspath_prepend(str(tmp_path))
    announce(redis, discover(WorkerSettings(tasks="cracked", _env_file=None)).catalog)

    page = create_app(web_settings).test_client().get("/tasks/train_model")

    assert page.status_code == 404
    assert "cracked.train" in page.text
    assert "No module named &#39;no_such_library&#39;" in page.text


def test_the_page_links_to_the_task_in_the_description_of_the_api(client):
    [anchor] = re.findall(r'href="/docs#([^"]+)"', client.get("/tasks/echo").text)

    assert f'id="{anchor}"' in client.get("/docs").text


def test_the_form_of_a_task_has_a_field_for_each_kind_of_parameter(client):
    page = client.get("/tasks/every_kind").text

    for control in (
        '<select name="color"',
        'type="number" name="share"',
        'type="date" name="day"',
        '<textarea name="numbers"',
        'type="checkbox" name="sure"',
        'type="text" name="note"',
    ):
        name = control.split('name="')[1].rstrip('"')
        assert f'name="{name}"' in page, control


def test_a_form_with_its_defaults_runs(client, run_worker):
    form = {
        "color": "red",
        "size": "small",
        "day": "2026-01-02",
        "numbers": "1\n2\n",
        "share": "0.5",
        "maybe": "",
        "note": "",
    }

    sent = client.post("/tasks/every_kind", data=form)
    run_worker()

    job = client.get("/api/v1" + sent.location).json
    assert sent.status_code == 303
    assert job["input"]["sure"] is False  # an unticked box is not sent
    assert job["result"]["value"]["maybe"] is None


def test_an_emptied_text_with_a_default_is_empty_and_a_required_one_is_named(client):
    emptied = client.post("/tasks/every_kind", data={"note": "", "share": "", "day": ""})
    missing = client.post("/tasks/echo", data={"text": "", "times": ""})

    assert client.get("/api/v1" + emptied.location).json["input"] == {"note": "", "sure": False}
    assert (missing.status_code, missing.text.count("Required.")) == (422, 1)


def test_a_wrong_form_keeps_what_was_typed_and_says_what_is_wrong_at_the_field(client):
    page = client.post("/tasks/echo", data={"text": 'typed "<text>"', "times": "7"})

    assert page.status_code == 422
    assert "Must be at most 3." in page.text
    assert "typed &#34;&lt;text&gt;&#34;" in page.text
    assert 'value="7"' in page.text


def test_a_form_without_its_file_is_refused_at_the_field(client):
    empty_input = (io.BytesIO(b""), "")

    page = client.post("/tasks/count_bytes", data={"data": empty_input}, content_type="multipart/form-data")

    assert page.status_code == 422
    assert "Required." in page.text


def test_the_page_of_a_wrong_form_says_so_in_its_title_and_focuses_the_first_wrong_field(client):
    page = client.post("/tasks/echo", data={"text": "", "times": "9"}).text

    assert "<title>Error: Give a text back · Taskdesk</title>" in page
    assert "Please fix: " in page
    assert re.search(r'id="times"[^>]*aria-invalid="true" autofocus', page)


def test_the_last_ten_jobs_of_a_task_stand_beside_its_form_with_their_durations(client, run_worker):
    ids = [client.post("/api/v1/tasks/echo/jobs", json={"text": f"text {n}"}).json["id"] for n in range(12)]
    client.post("/api/v1/tasks/raises/jobs", json={})
    run_worker()

    page = client.get("/tasks/echo").text

    jobs = re.findall(r'<li>\s*<a href="/jobs/([^"]+)"', page)
    assert jobs == ids[:1:-1]
    assert "text=&#34;text 11&#34;" in page
    assert "Durations of the last 12 that succeeded" in page
    assert '<a href="/jobs?task=echo">View all jobs of this task</a>' in page


def test_the_newest_duration_stands_at_the_right(client, redis):
    redis.lpush("taskdesk:run-times:tests.sample_tasks.echo", 1, 2, 4)
    client.post("/api/v1/tasks/echo/jobs", json={"text": "a"})

    assert re.findall(r'height="([\d.]+)"><title>', client.get("/tasks/echo").text) == ["25.0", "50.0", "100.0"]


def test_a_task_without_jobs_has_no_list_of_them(client):
    assert "Last jobs" not in client.get("/tasks/echo").text
