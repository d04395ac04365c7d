"""The pages, without JavaScript: the form, what was typed, the result, and nothing that a user sent as markup."""

from __future__ import annotations

import io
from datetime import datetime

import pytest

from taskdesk.jobs.catalog import announce
from taskdesk.jobs.parsing import read_fields
from taskdesk.web.application import create_app
from taskdesk.web.pages.view.fields import form_fields
from taskdesk.web.settings import WebSettings
from taskdesk.worker.discovery import discover
from taskdesk.worker.settings import WorkerSettings
from tests.conftest import free_port
from tests.jobs.test_parsing import spec


@pytest.fixture
def desk_client(web_settings, redis):
    """A client of the product's own desk: the tasks that ship are announced."""
    announce(redis, discover(WorkerSettings(_env_file=None)).catalog)
    return create_app(web_settings).test_client()


def test_the_form_of_the_tutorial_adds_a_job_and_says_so(desk_client):
    sent = desk_client.post("/", data={"task_param": "abc"})
    page = desk_client.get(sent.location)

    assert sent.status_code == 303
    assert "Added task to queue default" in page.text
    assert "Tasks in queue" in page.text


def test_the_form_of_the_tutorial_is_there_with_its_task(desk_client):
    assert "A text for" in desk_client.get("/").text


def test_the_form_of_the_tutorial_is_not_there_where_other_tasks_are(client):
    assert "A text for" not in client.get("/").text


def test_finished_tasks_are_pairs_of_id_and_result_newest_first(client, run_worker):
    ids = []
    for text in ("a", "b"):
        ids.append(client.post("/api/v1/tasks/echo/jobs", json={"text": text}).json["id"])
        run_worker()

    assert client.get("/finished_tasks").json == [[ids[1], "b"], [ids[0], "a"]]
    assert client.post("/finished_tasks?limit=1").json == [[ids[1], "b"]]
    assert client.get("/finished_tasks?detail=1").json[0]["task"] == "echo"


def test_finished_tasks_live_through_a_job_that_expires_under_them(client, run_worker, redis):
    for text in ("a", "b"):
        client.post("/api/v1/tasks/echo/jobs", json={"text": text})
        run_worker()
    gone, kept = [job_id for job_id, _ in client.get("/finished_tasks").json]

    redis.delete(f"rq:results:{gone}")
    assert client.get("/finished_tasks").json == [[kept, "a"]]
    redis.delete(f"rq:job:{kept}")
    assert client.get("/finished_tasks").json == []


def test_a_file_in_finished_tasks_is_a_link(client, run_worker):
    client.post("/api/v1/tasks/parts/jobs")
    run_worker()

    [[_, result]] = client.get("/finished_tasks").json
    assert client.get(result["file"], buffered=True).data == b"content"


@pytest.mark.parametrize("typed", ["", "   "])
def test_an_empty_text_is_named(desk_client, typed):
    page = desk_client.post("/", data={"task_param": typed})

    assert page.status_code == 422
    assert "Type a text first." in page.text


def test_the_form_of_a_task_has_a_field_for_each_kind_of_parameter(client):
    page = client.get("/tasks/every_kind").text

    for control in (
        '<select name="colour"',
        'type="number" name="share"',
        'type="date" name="day"',
        '<textarea name="numbers"',
        'type="checkbox" name="sure"',
        'type="text" name="note"',
    ):
        name = control.split('name="')[1].rstrip('"')
        assert f'name="{name}"' in page, control


@pytest.mark.parametrize(
    ("default", "shown", "read"),
    [
        ("2026-01-02T12:00:00+02:00", "2026-01-02T10:00", "2026-01-02T10:00:00Z"),
        ("2026-01-02T12:00:30Z", "2026-01-02T12:00:30.000", "2026-01-02T12:00:30.000Z"),
        ("2026-01-02T12:00:00", "2026-01-02T12:00", "2026-01-02T12:00:00Z"),
    ],
)
def test_a_date_time_with_an_offset_is_shown_and_read_in_utc(default, shown, read):
    task = spec(x=(datetime, datetime.fromisoformat(default)))

    [field] = form_fields(task)

    assert field.value == shown
    assert read_fields(task, {"x": [field.value]}) == {"x": read}


def test_a_form_with_its_defaults_runs(client, run_worker):
    form = {
        "colour": "red",
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
    assert (missing.status_code, missing.text.count("This is required.")) == (422, 1)


def test_a_wrong_form_keeps_what_was_typed_and_says_what_is_wrong_at_the_field(client):
    page = client.post("/tasks/echo", data={"text": 'typed "<text>"', "times": "7"})

    assert page.status_code == 422
    assert "This has to be at most 3." in page.text
    assert "typed &#34;&lt;text&gt;&#34;" in page.text
    assert 'value="7"' in page.text


def test_a_form_without_its_file_is_refused_at_the_field(client):
    empty_input = (io.BytesIO(b""), "")

    page = client.post("/tasks/count_bytes", data={"data": empty_input}, content_type="multipart/form-data")

    assert page.status_code == 422
    assert "This is required." in page.text


def test_a_job_page_shows_what_came_as_text_never_as_markup(client, run_worker):
    sent = client.post("/tasks/parts")
    run_worker()

    page = client.get(sent.location).text

    assert "<b>bold</b>" not in page
    assert "<i>a</i>" not in page
    assert "<script>alert" not in page
    assert "<h4>Title</h4>" in page  # under the heading of its part
    assert "artifacts/picture.png" in page


@pytest.mark.parametrize("payload", ["<script>alert(1)</script>", "'\"><img src=x onerror=alert(1)>", "{{ 7*7 }}"])
def test_an_argument_is_shown_escaped(client, run_worker, payload):
    sent = client.post("/tasks/echo", data={"text": payload, "times": "1"})
    run_worker()

    for path in (sent.location, "/", "/finished_tasks"):
        answer = client.get(path)
        assert answer.mimetype == "application/json" or payload not in answer.text or "<" not in payload


def test_a_failed_job_shows_its_sentence_and_its_traceback(client, run_worker):
    sent = client.post("/tasks/raises")
    run_worker()

    page = client.get(sent.location).text

    assert "The number &lt;seven&gt; is too small." in page
    assert "Traceback" in page


def test_a_job_that_runs_is_reloaded_where_there_is_no_javascript(client):
    sent = client.post("/tasks/echo", data={"text": "a", "times": "1"})

    assert '<noscript><meta http-equiv="refresh"' in client.get(sent.location).text


def test_a_broken_module_is_shown_and_the_others_work(web_settings, redis, tmp_path, monkeypatch):
    (tmp_path / "half").mkdir()
    (tmp_path / "half" / "__init__.py").touch()
    (tmp_path / "half" / "good.py").write_text("def works(): ...")
    (tmp_path / "half" / "bad.py").write_text("def broken(:")
    monkeypatch.syspath_prepend(str(tmp_path))
    announce(redis, discover(WorkerSettings(tasks="half", _env_file=None)).catalog)
    client = create_app(web_settings).test_client()

    page = client.get("/").text

    assert "half.bad" in page
    assert "SyntaxError" in page
    assert "/tasks/works" in page


def test_no_worker_is_said(client):
    client.post("/tasks/echo", data={"text": "a", "times": "1"})

    assert "no worker" in client.get("/tasks/echo").text.lower()


@pytest.mark.parametrize(("path", "status"), [("/nothing", 404), ("/tasks/nothing", 404), ("/jobs/nothing", 404)])
def test_errors_are_pages_for_people(client, path, status):
    page = client.get(path, headers={"Accept": "text/html"})

    assert (page.status_code, page.mimetype) == (status, "text/html")


def test_every_page_has_a_strict_policy_and_no_inline_script_or_style(client, run_worker):
    sent = client.post("/tasks/parts")
    run_worker()

    for path in ("/", "/tasks/echo", sent.location, "/nothing"):
        answer = client.get(path, headers={"Accept": "text/html"})
        assert "unsafe" not in answer.headers["Content-Security-Policy"]
        assert "<style" not in answer.text
        assert " style=" not in answer.text
        assert "//cdn" not in answer.text
        assert all("src=" in tag.split(">")[0] for tag in answer.text.split("<script")[1:])


@pytest.fixture
def away_client(tmp_path):
    """A client of an application whose Redis does not answer."""
    url = f"redis://127.0.0.1:{free_port()}/0"
    return create_app(WebSettings(redis_url=url, data_dir=tmp_path, _env_file=None)).test_client()


@pytest.mark.parametrize("path", ["/", "/finished_tasks", "/api/v1/tasks", "/readyz", "/jobs/some-id", "/tasks/echo"])
def test_redis_away_is_503_with_retry_after(away_client, path):
    answer = away_client.get(path)

    assert (answer.status_code, answer.headers["Retry-After"]) == (503, "5")
    assert away_client.get("/healthz").status_code == 200


def test_a_page_says_in_words_that_redis_is_away_and_is_tried_again(away_client):
    page = away_client.get("/jobs/some-id", headers={"Accept": "text/html"})
    sent = away_client.post("/tasks/echo", data={"text": "a"}, headers={"Accept": "text/html"})

    assert (page.status_code, sent.status_code) == (503, 503)
    assert "Nothing is lost" in page.text
    assert '<noscript><meta http-equiv="refresh"' in page.text
    assert "Traceback" not in page.text
    assert "refresh" not in sent.text  # that would not send it again
    assert "go back, and send it again" in sent.text


def test_a_page_that_is_not_there_says_what_to_do_next(client, redis):
    expired = client.post("/tasks/echo", data={"text": "a", "times": "1"}).location
    redis.delete(f"rq:job:{expired.rpartition('/')[2]}")
    pages = [client.get(path, headers={"Accept": "text/html"}) for path in ("/jobs/nothing", expired)]

    assert [page.status_code for page in pages] == [404, 410]
    assert 'href="/jobs">the list of jobs' in pages[0].text
    assert "run again" in pages[1].text


def test_the_form_keeps_what_was_typed_while_redis_is_away(away_client):
    page = away_client.post("/", data={"task_param": "precious words"})

    assert page.status_code == 503
    assert "The queue can&#39;t be reached" in page.text
    assert "precious words" in page.text


def test_a_task_form_keeps_what_was_typed_when_redis_goes_away(client, redis_server):
    client.get("/tasks/echo")
    redis_server.stop()
    try:
        page = client.post("/tasks/echo", data={"text": "precious words", "times": "1"})
    finally:
        redis_server.start()

    assert page.status_code == 503
    assert "precious words" in page.text
    assert client.post("/tasks/echo", data={"text": "again", "times": "1"}).status_code == 303
