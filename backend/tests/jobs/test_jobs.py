"""Jobs in Redis: submit, find, list, expire."""

from __future__ import annotations

import io
import json
import os

import pytest
from redis.exceptions import ResponseError
from rq import Queue
from rq.job import Job as RqJob
from rq.serializers import JSONSerializer

from taskdesk.jobs.artifacts import FolderStore
from taskdesk.jobs.errors import JobExpired, JobNotFound, NoResult
from taskdesk.jobs.job import Retention
from taskdesk.jobs.keys import EXPIRED, JOBS, SWEEP_LOCK, owner_key
from taskdesk.jobs.listing import Filter
from taskdesk.worker.supervisor.retention import SLICE_ENTRIES, Sweeper

RETENTION = Retention(result_ttl=100, failure_ttl=200)


def test_submitting_is_one_round_trip(redis, jobs, echo):
    jobs.submit(echo, {"text": "a"}, RETENTION)  # loads the script
    before = redis.info("stats")["total_commands_processed"]

    jobs.submit(echo, {"text": "a"}, RETENTION)

    calls = redis.info("stats")["total_commands_processed"] - before - 1  # this INFO
    assert calls == 13  # one EVALSHA, and the twelve commands inside it


def test_a_submit_returns_the_job_that_is_found_later(jobs, echo):
    job = jobs.submit(echo, {"text": "a (b)"}, RETENTION, tags=["red", "blue"], retry_of="before")

    assert jobs.get(job.id) == job


def test_rq_sees_a_submitted_job_as_if_it_had_enqueued_it(redis, jobs, echo):
    queue = Queue("default", connection=redis, serializer=JSONSerializer)
    theirs = queue.enqueue(echo.reference, kwargs={"text": "a"}, job_timeout=180, result_ttl=100, failure_ttl=200)

    ours = RqJob.fetch(jobs.submit(echo, {"text": "a"}, RETENTION).id, connection=redis, serializer=JSONSerializer)

    for name in ("func_name", "args", "kwargs", "origin", "timeout", "result_ttl", "failure_ttl", "meta", "instance"):
        assert getattr(ours, name) == getattr(theirs, name) or (getattr(ours, name), getattr(theirs, name)) == ([], ())
    assert ours.get_status() == theirs.get_status()
    assert queue.job_ids == [theirs.id, ours.id]


def test_two_submits_with_one_id_make_one_job(redis, jobs, echo):
    for _ in range(2):
        jobs.submit(echo, {"text": "a"}, RETENTION, job_id="same")

    assert redis.llen("rq:queue:default") == 1


def test_a_batch_is_one_round_trip_and_runs_in_its_order(redis, jobs, echo):
    ids = jobs.submit_many(echo, [{"text": str(n)} for n in range(1_000)], RETENTION)

    assert [job_id.decode() for job_id in redis.lrange("rq:queue:default", 0, -1)] == ids
    assert [job.id for job in jobs.page(2)[0]] == ids[:-3:-1]
    assert jobs.get(ids[7]).input == {"text": "7"}
    assert redis.info("commandstats")["cmdstat_evalsha"]["calls"] >= 1


def test_a_batch_may_be_empty_and_has_a_limit(jobs, echo):
    assert jobs.submit_many(echo, [], RETENTION) == []
    with pytest.raises(ValueError, match="takes 1,000 jobs at most"):
        jobs.submit_many(echo, [{"text": "a"}] * 1_001, RETENTION)


def test_each_retry_waits_longer_and_a_random_time(redis, jobs, registry):
    spec = registry.catalog.tasks["fails_once"]

    waits = [
        json.loads(redis.hget(f"rq:job:{jobs.submit(spec, {'path': 'a'}, RETENTION).id}", "retry_intervals"))
        for _ in range(20)
    ]

    assert all(0.5 * 2**n <= wait <= 1.5 * 2**n for job in waits for n, wait in enumerate(job))
    assert len({job[0] for job in waits}) > 1


def test_pages_are_newest_first_and_neither_repeat_nor_lose_while_jobs_arrive(jobs, echo):
    ids = [jobs.submit(echo, {"text": str(n)}, RETENTION).id for n in range(5)]

    first, cursor = jobs.page(2)
    jobs.submit(echo, {"text": "new"}, RETENTION)
    second, cursor = jobs.page(2, cursor)
    third, end = jobs.page(2, cursor)

    assert [job.id for job in first + second + third] == ids[::-1]
    assert end is None


def test_an_unknown_id_is_not_found_and_a_removed_one_expired(redis, jobs, echo, registry, worker_settings, tmp_path):
    job_id = jobs.submit(echo, {"text": "a"}, RETENTION).id
    redis.delete(f"rq:job:{job_id}")

    for unknown in ("nothing", "a:b", "x" * 5000, "new\nline", ""):
        with pytest.raises(JobNotFound):
            jobs.get(unknown)
    with pytest.raises(JobExpired):
        jobs.get(job_id)
    Sweeper(redis, FolderStore(tmp_path), worker_settings).sweep()
    assert jobs.page(10) == ([], None)
    with pytest.raises(JobExpired):
        jobs.get(job_id)


def test_a_job_that_waits_has_no_result(jobs, echo):
    job = jobs.get(jobs.submit(echo, {"text": "a"}, RETENTION).id)

    with pytest.raises(NoResult, match="it is queued"):
        jobs.result(job)


def test_over_the_cap_the_oldest_ended_jobs_are_removed(redis, jobs, echo, run_worker, worker_settings, tmp_path):
    ids = []
    for n in range(3):
        ids.append(jobs.submit(echo, {"text": str(n)}, Retention(100 + n, 100)).id)
        run_worker()
    redis.delete("taskdesk:sweep")

    Sweeper(redis, FolderStore(tmp_path), worker_settings.model_copy(update={"max_jobs": 2})).sweep()

    assert [job.id for job in jobs.page(10)[0]] == [ids[2], ids[1]]
    with pytest.raises(JobExpired):
        jobs.get(ids[0])


def test_an_expired_job_leaves_every_index(redis, jobs, echo, worker_settings, tmp_path):
    ids = [jobs.submit(echo, {"text": "a"}, RETENTION, tags=[f"t{n}"], owner="ann").id for n in range(20)]
    jobs.cancel(ids[0])
    redis.delete(*(f"rq:job:{job_id}" for job_id in ids), "rq:queue:default")

    Sweeper(redis, FolderStore(tmp_path), worker_settings).sweep()
    redis.delete("taskdesk:sweep")
    Sweeper(redis, FolderStore(tmp_path), worker_settings).sweep()

    left = {key.decode() for key in redis.scan_iter() if redis.type(key) == b"zset"}
    assert left == {"taskdesk:expired"}
    assert redis.smembers("taskdesk:indexes") == set()


def test_jobs_of_an_earlier_version_are_found_by_their_owner_once_a_worker_has_swept(
    redis, jobs, echo, worker_settings, tmp_path
):
    ids = jobs.submit_many(echo, [{"text": "a"}] * 3, RETENTION, owner="ann")
    redis.delete(owner_key("ann"))  # which it did not write
    redis.srem("taskdesk:indexes", owner_key("ann"))

    Sweeper(redis, FolderStore(tmp_path), worker_settings).sweep()

    assert [job.id for job in jobs.page(10, matching=Filter(owner="ann"))[0]] == ids[::-1]
    assert redis.sismember("taskdesk:indexes", owner_key("ann"))


def test_an_error_of_redis_ends_one_sweep_and_not_all(redis, worker_settings, tmp_path):
    sweeper = Sweeper(redis, FolderStore(tmp_path), worker_settings)
    redis.zadd(JOBS, {"gone": 1})
    redis.set(EXPIRED, "no sorted set")
    with pytest.raises(ResponseError):
        sweeper.sweep()
    redis.delete(EXPIRED)

    for _ in range(2):  # the first begins again
        redis.delete(SWEEP_LOCK)
        sweeper.sweep()

    assert not redis.exists(JOBS)


def test_files_whose_job_is_gone_are_removed_and_others_stay(redis, jobs, echo, registry, worker_settings, tmp_path):
    store = FolderStore(tmp_path / "artifacts")
    kept = jobs.submit(echo, {"text": "a"}, RETENTION).id
    for job_id in (kept, "gone", "young"):
        store.save(job_id, "file", io.BytesIO(b"content"))
    for folder in (tmp_path / "artifacts").glob("??/*"):
        if folder.name != "young":
            os.utime(folder, (1, 1))

    Sweeper(redis, store, worker_settings).sweep()

    assert {job_id for job_id, _ in store.job_ids()} == {kept, "young"}


def test_the_next_sweep_comes_soon_while_many_jobs_have_expired(redis, worker_settings, tmp_path):
    sweeper = Sweeper(redis, FolderStore(tmp_path), worker_settings)
    redis.zadd(JOBS, {f"gone-{n}": n for n in range(SLICE_ENTRIES)})

    assert sweeper.sweep()
    assert redis.ttl(SWEEP_LOCK) <= 1
    redis.delete(SWEEP_LOCK)
    assert not sweeper.sweep()
    assert redis.ttl(SWEEP_LOCK) > 10
