"""What becomes of a job that a plain RQ program put into Redis: used again, removed, canceled, retried."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from taskdesk.jobs.artifacts import FolderStore
from taskdesk.jobs.desk import Desk
from taskdesk.jobs.errors import UnreadableInput
from taskdesk.jobs.job import Retention
from taskdesk.jobs.keys import JOBS, SWEEP_LOCK, index_key, job_key, queue_key
from taskdesk.jobs.status import Status
from taskdesk.worker.supervisor.retention import Sweeper

ECHO = "tests.sample_tasks.echo"
RETENTION = Retention(result_ttl=100, failure_ttl=200)


def test_an_id_that_is_used_again_is_listed_under_its_new_status(queue, listed, stock):
    queue.enqueue(ECHO, "a", job_id="nightly")
    listed()
    stock()
    assert listed(status="succeeded") == ["nightly"]

    queue.enqueue(ECHO, "a", job_id="nightly")

    assert listed(status="queued") == ["nightly"]
    assert listed(status="succeeded") == []


def test_an_id_that_is_used_again_after_its_job_was_deleted_is_listed_once(queue, listed, stock, redis):
    job = queue.enqueue(ECHO, "a", job_id="nightly")
    listed()
    stock()
    assert listed(status="succeeded") == ["nightly"]
    job.delete()

    queue.enqueue(ECHO, "a", job_id="nightly")

    assert listed(status="queued") == listed() == ["nightly"]
    assert not redis.exists(index_key("default", Status.SUCCEEDED))


def test_jobs_that_were_seen_late_hide_no_others_from_a_list_by_time(queue, listed, jobs, echo, redis):
    old = queue.enqueue(ECHO, "a")
    redis.hset(old.key, "created_at", "2020-01-01T00:00:00.000000Z")
    since = datetime.now(UTC) - timedelta(minutes=1)
    new = jobs.submit(echo, {"text": "a"}, RETENTION).id

    assert listed(since=since) == [new]


def test_a_plain_job_is_never_removed_before_rq_removes_it(
    queue, listed, jobs, echo, run_worker, redis, tmp_path, worker_settings
):
    plain = [queue.enqueue(ECHO, "a", result_ttl=50).id for _ in range(3)]
    unseen = queue.enqueue(ECHO, "a", result_ttl=50).id
    ours = [jobs.submit(echo, {"text": "a"}, RETENTION).id for _ in range(2)]
    run_worker()
    listed()
    redis.hdel(job_key(unseen), "td_seq")
    redis.delete(SWEEP_LOCK)

    Sweeper(redis, FolderStore(tmp_path), worker_settings.model_copy(update={"max_jobs": 1})).sweep()

    assert redis.exists(*map(job_key, [*plain, unseen])) == 4
    assert redis.exists(*map(job_key, ours)) == 0


def test_a_plain_job_leaves_the_lists_with_its_hash(queue, listed, redis, tmp_path, worker_settings, jobs):
    job = queue.enqueue(ECHO, "a")
    listed()
    redis.delete(job.key)

    assert listed() == []
    redis.delete(SWEEP_LOCK)
    Sweeper(redis, FolderStore(tmp_path), worker_settings).sweep()
    assert not redis.exists(JOBS, index_key("default", Status.QUEUED))


@pytest.mark.parametrize("status", ["queued", "scheduled", "waiting", "running"])
def test_a_plain_job_can_be_canceled_and_deleted_in_whatever_status(status, queue, listed, jobs, redis):
    job = {
        "queued": lambda: queue.enqueue(ECHO, "a"),
        "scheduled": lambda: queue.enqueue_in(timedelta(hours=1), ECHO, "a"),
        "waiting": lambda: queue.enqueue(ECHO, "a", depends_on=queue.enqueue(ECHO, "b")),
        "running": lambda: queue.enqueue(ECHO, "a"),
    }[status]()
    if status == "running":
        redis.lpop(queue_key("default"))
        redis.hset(job.key, "status", "started")
        redis.zadd("rq:wip:default", {f"{job.id}:an-execution": 1e12})
    assert listed(status=status) == [job.id]

    if status == "running":
        assert jobs.cancel(job.id) == ["running"]
        assert jobs.delete(job.id) == ["running"]
        assert listed(status=status) == [job.id]
    else:
        assert jobs.cancel(job.id) == [status]
        assert listed(status="canceled") == [job.id]
        assert jobs.delete(job.id) == ["canceled"]
        assert job.id not in listed()


@pytest.mark.parametrize(
    ("arguments", "named", "expected"),
    [
        (("ab",), {}, {"text": "ab"}),
        ((), {"text": "ab"}, {"text": "ab"}),
        (("a", 1, 2, 3), {}, None),
        (("a",), {"text": "b"}, None),
    ],
)
def test_the_arguments_of_a_plain_job_have_their_names_so_that_it_can_be_retried(
    arguments, named, expected, queue, look, redis, web_settings
):
    job = queue.enqueue(ECHO, args=arguments, kwargs=named)
    look()
    desk = Desk(web_settings, redis)

    assert desk.job(job.id).input == expected
    desk.jobs.cancel(job.id)
    if expected:
        assert desk.retry(desk.job(job.id)).input == expected
    else:
        with pytest.raises(UnreadableInput):
            desk.retry(desk.job(job.id))
