"""The desk, without JavaScript: the form of the tutorial, the numbers, and the finished tasks."""

from __future__ import annotations

import re

import pytest

from taskdesk.jobs.catalog import announce
from taskdesk.web.application import create_app
from taskdesk.worker.discovery import discover
from taskdesk.worker.settings import WorkerSettings


@pytest.fixture
def desk_client(web_settings, redis):
    """A client of a desk that has the tasks of the product."""
    announce(redis, discover(WorkerSettings(_env_file=None)).catalog)
    return create_app(web_settings).test_client()


def test_the_form_of_the_tutorial_adds_a_job_and_says_so(desk_client):
    sent = desk_client.post("/", data={"task_param": "abc"})
    page = desk_client.get(sent.location)

    assert sent.status_code == 303
    assert "Added task to queue default" in page.text
    assert "Queued jobs" in page.text


def test_the_form_of_the_tutorial_is_there_with_its_task(desk_client):
    assert "Text for" in desk_client.get("/").text


def test_the_form_of_the_tutorial_is_not_there_where_other_tasks_are(client):
    assert "Text for" not in client.get("/").text


def test_finished_tasks_are_pairs_of_id_and_result_newest_first(client, run_worker):
    ids = []
    for text in ("a", "b"):
        ids.append(client.post("/api/v1/tasks/echo/jobs", json={"text": text}).json["id"])
        run_worker()

    assert client.get("/finished_tasks").json == [[ids[1], "b"], [ids[0], "a"]]
    assert client.post("/finished_tasks?limit=1").json == [[ids[1], "b"]]
    assert client.get("/finished_tasks?detail=1").json[0]["task"] == "echo"


def test_a_job_that_expires_meanwhile_is_left_out_of_the_finished_tasks(client, run_worker, redis):
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
def test_an_empty_text_is_refused_with_a_sentence(desk_client, typed):
    page = desk_client.post("/", data={"task_param": typed})

    assert page.status_code == 422
    assert "Type a text first." in page.text


def test_the_desk_links_its_numbers_and_shows_the_statistics_of_tasks(client, page, submit, run_worker):
    submit("raises", {})
    submit("echo", {"text": "a"})
    run_worker()

    text, markup = page("/"), client.get("/").text

    assert "Succeeded 1 Failed, last hour 1 Workers 0" in text
    assert re.search(r"echo queue default · usually (\d+ ms|&lt; 1 ms)", text)
    assert re.search(r"raises queue default · 100&nbsp;% failed", text)
    queued, failed = "/jobs?status=queued", "/jobs?status=failed&amp;ended_since=1h"
    for link in (queued, "/jobs?status=running", "/jobs?status=succeeded", failed, "/workers"):
        assert f'<a href="{link}">' in markup


def test_the_desk_names_a_paused_queue_and_counts_its_jobs(client, page, submit):
    submit(queue="high")
    client.patch("/api/v1/queues/high", json={"paused": True})

    paused = page("/")
    client.patch("/api/v1/queues/high", json={"paused": False})

    assert "The queue high is paused. Its jobs do not start until it is resumed. 1 job in it." in paused
    assert "is paused" not in page("/")


def test_the_failures_of_the_last_hour_stand_before_the_tasks(page, submit, run_worker):
    failed = submit("raises", {})
    run_worker()

    text = page("/")

    parts = ("Failed in the last hour 1", f"raises {failed[:8]}", "All tasks", "Queued jobs", "Succeeded jobs")
    places = [text.index(part) for part in parts]
    assert places == sorted(places)


def test_a_quiet_desk_shows_neither_running_jobs_nor_failures(page):
    assert "Failed in the last hour" not in page("/")
    assert "Running 0" in page("/")  # only the number


def test_each_task_has_its_last_job_and_a_link_that_runs_it(client, submit, run_worker):
    submit("echo", {"text": "a"})
    run_worker()

    card = _cards(client.get("/").text)["echo"]

    assert 'class="badge succeeded"' in card
    assert re.search(r'href="/tasks/echo" class="button outline run-task" aria-label="Run [^"]+">Run</a>', card)


def test_the_module_of_the_task_that_was_used_last_comes_first(client, submit):
    submit("echo", {"text": "a"})
    submit("raises", {})
    names = list(_cards(client.get("/").text))

    assert names[0] == "raises"
    assert names.index("echo") < names.index("parts")  # of the same module, never used


def test_few_tasks_are_cards(desk_client):
    assert '<ul class="cards" ' in desk_client.get("/").text


def test_thirty_tasks_are_lines_under_the_names_of_their_modules(client):
    markup = client.get("/").text

    assert '<ul class="cards lines" ' in markup
    assert '<li class="group"><h3>good</h3></li>' in markup


def _cards(markup: str) -> dict[str, str]:
    """Return the cards of the tasks by name, in their order."""
    return {re.search(r"<code>(\w+)</code>", card)[1]: card for card in markup.split('<li class="panel card">')[1:]}
