"""A retried job is dealt with: it names the job that repeats it, and an action on many jobs retries each once."""

from __future__ import annotations

import threading

import pytest

from taskdesk.jobs.actions import RETRY
from taskdesk.jobs.errors import AlreadyRetried
from taskdesk.jobs.job import Retention
from taskdesk.jobs.jobs import Jobs

RETENTION = Retention(100, 100)


@pytest.fixture
def get(client):
    return lambda path: client.get(f"/api/v1{path}")


@pytest.fixture
def failed(client, submit, run_worker):
    """The ids of some failed jobs, oldest first."""

    def failed(count: int, **query) -> list[str]:
        ids = [submit("raises", {}, **query) for _ in range(count)]
        run_worker()
        return ids

    return failed


@pytest.fixture
def listed(client):
    return lambda query: [job["id"] for job in client.get(f"/api/v1/jobs?{query}").json["data"]]


def bulk(client, count: int, **matching):
    body = {"action": "retry", "filter": matching, "expected_count": count}
    return client.post("/api/v1/jobs:bulk", json=body).json


def test_a_retried_job_names_the_job_that_repeats_it_last(client, get, failed):
    [job_id] = failed(1)
    before = get(f"/jobs/{job_id}").json

    client.post(f"/api/v1/jobs/{job_id}/retry")
    last = client.post(f"/api/v1/jobs/{job_id}/retry").json["id"]

    assert (before["retried_as"], get(f"/jobs/{job_id}").json["retried_as"]) == (None, last)
    assert get(f"/jobs/{last}").json["retry_of"] == job_id


def test_many_are_retried_once_however_often_that_is_asked(client, failed, listed):
    ids = failed(3, tag="night")

    first = bulk(client, 3, status="failed", tag="night")
    again = bulk(client, 3, status="failed", tag="night")

    assert first["outcomes"] == {"retried": 3}
    assert again["outcomes"] == {"skipped": 3}
    assert (len(listed("status=queued")), listed("status=failed")) == (3, ids[::-1])


def test_jobs_that_were_retried_are_retried_again_if_the_filter_names_them(client, failed, listed):
    failed(2)
    bulk(client, 2, status="failed")

    assert bulk(client, 2, status="failed", retried="yes")["outcomes"] == {"retried": 2}
    assert len(listed("status=queued")) == 4


def test_a_filter_tells_retried_jobs_from_others(client, failed, listed):
    first, second, third = failed(3)
    client.post(f"/api/v1/jobs/{second}/retry")

    assert listed("status=failed&retried=no") == [third, first]
    assert listed("status=failed&retried=yes") == [second]
    wrong = client.get("/api/v1/jobs?retried=maybe")
    assert (wrong.status_code, wrong.json["errors"][0]["pointer"]) == (422, "/retried")


def test_the_jobs_that_a_request_has_submitted_are_found_by_its_id(client, failed, listed):
    failed(2)
    answer = client.post(
        "/api/v1/jobs:bulk", json={"action": "retry", "filter": {"status": "failed"}, "expected_count": 2}
    )

    assert len(listed(f"request={answer.headers['X-Request-ID']}")) == 2
    assert listed("request=unknown") == []


def test_jobs_are_found_by_their_end(client, failed, listed, redis):
    old, new = failed(2)
    redis.hset(f"rq:job:{old}", "ended_at", "2026-01-01T10:00:00.000000Z")

    assert listed("status=failed&ended_since=1h") == [new]
    assert set(listed("ended_since=2026-01-01T09:00:00Z")) == {old, new}


def test_the_jobs_of_a_cause_are_those_that_nobody_has_retried(client, get, failed, listed):
    first, second = failed(2)
    cause = get(f"/jobs/{first}").json["cause"]
    assert listed(f"cause={cause}") == [second, first]

    client.post(f"/api/v1/jobs/{first}/retry")

    assert listed(f"cause={cause}") == [second]
    assert listed("cause=0123456789ab") == []


def test_a_retry_that_has_failed_again_is_in_its_cause_in_place_of_the_first(client, get, failed, listed, run_worker):
    [first] = failed(1)
    again = client.post(f"/api/v1/jobs/{first}/retry").json["id"]
    run_worker()

    assert listed(f"cause={get(f'/jobs/{first}').json['cause']}") == [again]


def test_of_two_first_retries_at_the_same_time_one_is_refused(redis, registry):
    jobs, spec = Jobs(redis, ("default",)), registry.catalog.tasks["echo"]
    old = jobs.submit(spec, {"text": "a"}, RETENTION).id
    refused, made, start = [], [], threading.Barrier(8)

    def retry() -> None:
        start.wait()
        try:
            made.append(jobs.submit(spec, {"text": "a"}, RETENTION, retry_of=old, first_retry=True).id)
        except AlreadyRetried as error:
            refused.append(str(error))

    threads = [threading.Thread(target=retry) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert (len(made), len(refused)) == (1, 7)
    assert refused[0] == f"Job {old} was retried already, as job {made[0]}."
    assert jobs.get(old).retried_as == made[0]


def test_a_retry_of_a_job_that_is_gone_makes_no_hash_of_it(redis, registry):
    jobs = Jobs(redis, ("default",))

    jobs.submit(registry.catalog.tasks["echo"], {"text": "a"}, RETENTION, retry_of="gone")

    assert not redis.exists("rq:job:gone")


def test_a_list_says_why_a_job_failed_and_what_repeats_it(client, failed):
    [job_id] = failed(1)
    new = client.post(f"/api/v1/jobs/{job_id}/retry").json["id"]

    for path in ("/jobs?status=failed", "/"):
        text = client.get(path).text
        assert "ValueError: The number &lt;seven&gt; is too small." in text
        assert f'retried as <a href="/jobs/{new}"><code>{new[:8]}</code></a>' in text
    assert f'<dt>Retried as</dt><dd><a href="/jobs/{new}">' in client.get(f"/jobs/{job_id}").text


def test_the_notice_after_many_retries_links_to_the_new_jobs(client, failed, listed):
    failed(2)
    form = {"action": "retry", "all": "1", "expected_count": "2"}

    done = client.post("/jobs?status=failed", data=form, follow_redirects=True)

    assert "2 retried as new jobs." in done.text
    made = done.request.args["made"]
    assert f'<a href="/jobs?request={made}">Show the new jobs</a>' in done.text
    assert len(listed(f"request={made}")) == 2
    again = client.post("/jobs?status=failed", data={"action": "retry", "all": "1"})
    assert "These jobs were retried already." in again.text


def test_ticked_jobs_that_were_retried_are_left_out(client, failed):
    first, second = failed(2)
    client.post(f"/api/v1/jobs/{first}/retry")

    form = {"action": "retry", "id": [first, second], "expected_count": "2"}
    done = client.post("/jobs?status=failed", data=form, follow_redirects=True)

    assert f"1 {RETRY.skipped}, 1 retried as new jobs." in done.text
