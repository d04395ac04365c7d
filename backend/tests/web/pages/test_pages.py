"""All pages, without JavaScript: errors, headers, escaped input, and Redis away."""

from __future__ import annotations

import pytest

from taskdesk.jobs.catalog import announce
from taskdesk.web.application import create_app
from taskdesk.web.settings import WebSettings
from taskdesk.worker.discovery import discover
from taskdesk.worker.settings import WorkerSettings
from tests.conftest import free_port


def test_a_job_page_shows_results_as_text_never_as_markup(client, run_worker):
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


def test_the_page_of_a_running_job_reloads_itself_without_javascript(client):
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


def test_the_desk_says_that_no_worker_is_online(client):
    client.post("/tasks/echo", data={"text": "a", "times": "1"})

    assert "no worker" in client.get("/tasks/echo").text.lower()


@pytest.mark.parametrize(
    ("path", "status"), [("/nothing", 404), ("/tasks/nothing", 404), ("/jobs/nothing", 404), ("/jobs/a/retry", 405)]
)
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


def test_a_page_says_that_redis_is_away_and_reloads_itself(away_client):
    page = away_client.get("/jobs/some-id", headers={"Accept": "text/html"})
    sent = away_client.post("/tasks/echo", data={"text": "a"}, headers={"Accept": "text/html"})

    assert (page.status_code, sent.status_code) == (503, 503)
    assert "Nothing is lost" in page.text
    assert '<noscript><meta http-equiv="refresh"' in page.text
    assert "Traceback" not in page.text
    assert "refresh" not in sent.text  # that would not send it again
    assert "Go back, and send it again" in sent.text


def test_a_missing_page_says_what_to_do_next(client, redis):
    expired = client.post("/tasks/echo", data={"text": "a", "times": "1"}).location
    redis.delete(f"rq:job:{expired.rpartition('/')[2]}")
    pages = [client.get(path, headers={"Accept": "text/html"}) for path in ("/jobs/nothing", expired)]

    assert [page.status_code for page in pages] == [404, 410]
    assert 'href="/jobs">all jobs' in pages[0].text
    assert "run the task again" in pages[1].text


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
