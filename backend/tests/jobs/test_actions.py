"""Cancel, keep, delete and pause: each is one step in Redis."""

from __future__ import annotations

import random

import pytest

from taskdesk.jobs.errors import JobExpired, JobNotFound
from taskdesk.jobs.job import Retention
from taskdesk.jobs.jobs import Jobs
from taskdesk.jobs.queues import Queues
from tests.conftest import Stack, wait_until
from tests.faults.reconciler import Snapshot

RETENTION = Retention(result_ttl=100, failure_ttl=200)


@pytest.fixture
def submit(jobs, echo):
    return lambda **options: jobs.submit(echo, {"text": "a"}, RETENTION, **options).id


def test_a_queued_job_that_is_canceled_does_not_run(jobs, submit, run_worker, redis):
    first, second = submit(), submit()

    assert jobs.cancel(first) == ["queued"]
    run_worker()

    assert [jobs.get(job_id).status for job_id in (first, second)] == ["canceled", "succeeded"]
    assert 150 < redis.ttl(f"rq:job:{first}") <= 200
    assert list(Snapshot(redis).astray()) == []


def test_a_job_that_has_ended_stays_as_it_is(jobs, submit, run_worker):
    job_id = submit()
    run_worker()

    assert jobs.cancel(job_id, "unknown") == ["succeeded", ""]
    assert jobs.result(jobs.get(job_id)) == "a"


@pytest.mark.parametrize("end", [Jobs.cancel, Jobs.delete])
@pytest.mark.parametrize("ahead", [[], ["by-RQ-1", "by-RQ-2"]], ids=["alone", "behind jobs without a number"])
def test_many_jobs_leave_their_queue_and_the_others_keep_their_order(jobs, echo, redis, end, ahead):
    ids = jobs.submit_many(echo, [{"text": "a"}] * 1_000, RETENTION)
    for job_id in ahead:
        redis.hset(f"rq:job:{job_id}", mapping={"status": "queued", "origin": "default"})
        redis.lpush("rq:queue:default", job_id)
    chosen = random.Random(1).sample(ids, 500)

    end(jobs, *chosen, "unknown", chosen[0])

    stay = [job_id for job_id in ids if job_id not in chosen]
    assert [job_id.decode() for job_id in redis.lrange("rq:queue:default", 0, -1)] == [*reversed(ahead), *stay]
    for job_id in ahead:
        redis.delete(f"rq:job:{job_id}")
        redis.lrem("rq:queue:default", 0, job_id)
    assert list(Snapshot(redis).astray()) == []


def test_a_kept_job_does_not_expire(jobs, submit, run_worker, redis):
    job_id, waiting = submit(), ""
    run_worker()
    waiting = submit()

    assert jobs.keep(job_id, waiting) == ["succeeded", "queued"]

    assert (jobs.get(job_id).is_kept, jobs.get(job_id).expires_at) == (True, None)
    assert redis.zscore("rq:finished:default", job_id) == float("inf")
    assert redis.ttl(f"rq:results:{job_id}") == -1
    assert not jobs.get(waiting).is_kept


def test_a_deleted_job_leaves_nothing(jobs, submit, run_worker, redis):
    done, waiting = submit(tags=["a"]), ""
    run_worker()
    waiting = submit(tags=["a", "b"])
    catalog = set(redis.scan_iter("taskdesk:catalog*"))

    assert jobs.delete(done, waiting, "unknown") == ["succeeded", "queued", ""]

    with pytest.raises(JobNotFound):
        jobs.get(done)
    left = {key.decode() for key in redis.scan_iter() if key not in catalog}
    assert not [key for key in left if done in key or waiting in key]
    assert jobs.page(10) == ([], None)
    assert list(Snapshot(redis).astray()) == []


def test_a_position_counts_the_jobs_that_run_before(jobs, registry, submit, run_worker):
    urgent = registry.catalog.tasks["every_kind"]  # on the queue high
    first, second, third = submit(), submit(), submit()
    jobs.submit(urgent, {}, RETENTION)

    places = [jobs.place(jobs.get(job_id)) for job_id in (first, third)]
    jobs.cancel(second)
    after = jobs.place(jobs.get(third))

    assert [(place.position, place.ahead) for place in places] == [(1, 1), (3, 3)]
    assert (after.position, after.ahead) == (2, 2)


def test_no_job_of_a_paused_queue_starts_until_it_is_resumed(jobs, submit, run_worker, redis, registry):
    queues = Queues(redis, ("high", "default", "low"))
    paused = submit()
    queues.pause("default")
    other = jobs.submit(registry.catalog.tasks["every_kind"], {}, RETENTION).id
    run_worker()

    assert [jobs.get(job_id).status for job_id in (paused, other)] == ["queued", "succeeded"]
    assert [queue.is_paused for queue in queues.read()] == [False, True, False]

    queues.resume("default")
    run_worker()

    assert jobs.get(paused).status == "succeeded"


@pytest.mark.slow
def test_workers_continue_when_a_queue_is_resumed(jobs, submit, redis, redis_url, tmp_path):
    queues = Queues(redis, ("high", "default", "low"))
    queues.pause("default")
    stack = Stack(redis_url, tmp_path, TASKS="tests.sample_tasks", WORKERS="1")
    stack.start("worker")
    paused = submit()
    wait_until(lambda: redis.smembers("rq:workers"))
    assert jobs.get(paused).status == "queued"

    queues.resume("default")

    wait_until(lambda: jobs.get(paused).status == "succeeded")
    stack.stop()


def test_an_expired_job_differs_from_a_deleted_one(jobs, submit, redis):
    expired, deleted = submit(), submit()
    redis.delete(f"rq:job:{expired}")
    jobs.delete(deleted)

    with pytest.raises(JobExpired):
        jobs.get(expired)
    with pytest.raises(JobNotFound):
        jobs.get(deleted)


@pytest.mark.parametrize(("task", "status"), [("echo", "succeeded"), ("raises", "failed"), ("echo", "canceled")])
def test_a_job_that_is_no_longer_kept_expires_with_all_that_belongs_to_it(client, redis, run_worker, task, status):
    job_id = client.post(f"/api/v1/tasks/{task}/jobs", json={"text": "a"} if task == "echo" else {}).json["id"]
    if status == "canceled":
        client.post(f"/api/v1/jobs/{job_id}/cancel")
    run_worker()
    before = {key: redis.ttl(key) for key in redis.scan_iter(f"*{job_id}*")}
    scores = {key: redis.zscore(key, job_id) for key in redis.scan_iter("rq:*:default", _type="zset")}

    client.post(f"/api/v1/jobs/{job_id}/keep")
    shown = client.post(f"/api/v1/jobs/{job_id}/unkeep").json

    assert (shown["status"], shown["kept"]) == (status, False)
    assert shown["expires_at"] is not None
    assert {key: redis.ttl(key) for key in before} == {key: pytest.approx(ttl, abs=5) for key, ttl in before.items()}
    assert {key: redis.zscore(key, job_id) for key in scores} == {
        key: score and pytest.approx(score, abs=5) for key, score in scores.items()
    }


def test_a_scheduled_job_is_run_now(client, run_worker, redis):
    job_id = client.post("/api/v1/tasks/echo/jobs?at=2027-01-01T00:00:00Z", json={"text": "a"}).json["id"]

    shown = client.post(f"/api/v1/jobs/{job_id}/enqueue").json
    again = client.post(f"/api/v1/jobs/{job_id}/enqueue").json

    assert (shown["status"], again["status"]) == ("queued", "queued")
    assert redis.lrange("rq:queue:default", 0, -1) == [job_id.encode()]
    run_worker()
    assert client.get(f"/api/v1/jobs/{job_id}").json["status"] == "succeeded"
