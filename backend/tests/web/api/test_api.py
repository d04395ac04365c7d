"""The API: tasks, jobs, events, and an error for every wrong request."""

from __future__ import annotations

import json
import re

import pytest


def test_tasks_are_listed_with_their_schema(client):
    tasks = {task["name"]: task for task in client.get("/api/v1/tasks").json["data"]}

    assert tasks["echo"]["title"] == "Give a text back."
    assert tasks["echo"]["input_schema"]["properties"]["times"]["maximum"] == 3
    assert tasks["echo"]["queue"] == {"name": "default", "workers_online": 0}


def test_a_task_is_found_by_its_name_and_by_its_reference(client):
    by_name = client.get("/api/v1/tasks/echo").json

    assert by_name == client.get("/api/v1/tasks/tests.sample_tasks.echo").json


def test_a_job_is_accepted_runs_and_shows_its_result(client, post, run_worker):
    accepted = post("echo", {"text": "ab", "times": 2})
    run_worker()
    job = client.get(accepted.location).json

    assert (accepted.status_code, accepted.headers["Retry-After"], accepted.json["status"]) == (202, "1", "queued")
    assert (job["status"], job["input"]) == ("succeeded", {"text": "ab", "times": 2})
    assert job["result"] == {"kind": "text", "url": f"/api/v1/jobs/{job['id']}/result", "value": "abab"}
    assert job["expires_at"] > job["ended_at"]
    assert client.get(job["result"]["url"]).text == "abab"


def test_a_failed_job_says_why(finished, client):
    job = finished("raises")

    error = {"type": "ValueError", "title": "ValueError", "detail": "The number <seven> is too small."}
    assert job["error"] == {**error, "frame": "tests/sample_tasks/bad.py:raises", "line": job["error"]["line"]}
    assert client.get(job["links"]["self"] + "/result").status_code == 409


def test_a_job_that_waits_for_its_next_attempt_says_why(client, post, run_worker, tmp_path):
    location = post("fails_once", {"path": str(tmp_path / "seen")}).location
    run_worker()

    job = client.get(location).json

    assert (job["status"], job["error"]["detail"], job["ended_at"]) == ("scheduled", "the first time", None)
    assert "Retrying soon" in client.get(f"/jobs/{job['id']}").text


@pytest.mark.slow
def test_a_job_that_succeeds_the_second_time_shows_no_error(finished, tmp_path):
    job = finished("fails_once", path=str(tmp_path / "seen"))

    assert job["result"]["value"] == "done"
    assert "error" not in job


@pytest.mark.slow
def test_a_job_that_was_tried_again_shows_the_first_attempt(finished, tmp_path):
    job = finished("fails_once", path=str(tmp_path / "seen"))

    [first] = job["attempts"]
    assert (first["error"]["detail"], job["attempt"]) == ("the first time", 2)
    assert None is not first["worker"] != job["worker"] is not None  # each time a worker of its own
    assert job["created_at"] < first["started_at"] <= first["ended_at"] < job["started_at"]


@pytest.mark.parametrize("path", ["tasks/nothing", "tasks/os.system", "jobs/nothing", "jobs/a:b", "nothing"])
def test_an_unknown_address_is_404(client, path):
    answer = client.get(f"/api/v1/{path}")

    assert (answer.status_code, answer.json["status"]) == (404, 404)


def test_only_announced_tasks_can_be_submitted(post, redis):
    assert post("os.system", {"command": "true"}).status_code == 404
    assert post("tasks.simple_task", {"task_arg": "a"}).status_code == 404
    assert redis.llen("rq:queue:default") == 0


def test_an_expired_job_is_410(client, post, redis):
    location = post("echo", {"text": "a"}).location
    redis.delete("rq:job:" + location.rpartition("/")[2])

    assert client.get(location).status_code == 410


def test_jobs_are_listed_by_page_with_a_link_to_the_next(client, post):
    ids = [post("echo", {"text": str(n)}).json["id"] for n in range(3)]

    first = client.get("/api/v1/jobs?limit=2")
    second = client.get(first.headers["Link"].split(">")[0].lstrip("<"))

    assert [job["id"] for job in first.json["data"] + second.json["data"]] == ids[::-1]
    assert second.json["next_cursor"] is None


@pytest.mark.parametrize("query", ["limit=0", "limit=x", "limit=9999", "cursor=x", "cursor=-1", "limit="])
def test_a_wrong_page_is_422(client, query):
    assert client.get(f"/api/v1/jobs?{query}").status_code == 422


def test_events_replay_what_happened_and_end(client, finished):
    job = finished("talk")

    stream = client.get(job["links"]["events"])

    assert stream.mimetype == "text/event-stream"
    events = [block.split("\n") for block in stream.text.strip().split("\n\n")]
    types = [line[7:] for block in events for line in block if line.startswith("event: ")]
    assert types[0] == "state"
    assert types[-1] == "end"
    assert {"progress", "log"} <= set(types)
    texts = [json.loads(line[6:]).get("text", "") for block in events for line in block if line.startswith("data: ")]
    assert "printed line" in "".join(texts)


def test_events_continue_after_the_last_one_seen(client, finished):
    events = finished("talk")["links"]["events"]
    said = _told_once(client.get(events).text)

    again = client.get(events, headers={"Last-Event-ID": said[1][0]}).text

    assert _told_once(again) == said[2:]


def _told_once(stream: str) -> list[tuple[str, str]]:
    """Id and data of the progress and log events: what a client must not see twice."""
    return re.findall(r"^id: (\S+)\nevent: (?:progress|log)\ndata: (.*)$", stream, re.MULTILINE)


def test_a_page_of_another_site_can_not_write(client, redis):
    for headers in ({"Origin": "http://evil.example"}, {"Sec-Fetch-Site": "cross-site"}):
        assert client.post("/api/v1/tasks/echo/jobs", json={"text": "a"}, headers=headers).status_code == 403
    assert redis.llen("rq:queue:default") == 0


def test_health_readiness_and_version(client):
    assert client.get("/healthz").json == {"status": "ok"}
    assert client.get("/readyz").status_code == 200
    assert "taskdesk" in client.get("/version").json


def test_a_request_has_an_id_that_its_error_names(client):
    answer = client.get("/api/v1/jobs/nothing", headers={"X-Request-ID": "my-request-1"})

    assert answer.headers["X-Request-ID"] == answer.json["request_id"] == "my-request-1"
