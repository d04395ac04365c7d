"""A real worker writes down what its jobs took."""

from __future__ import annotations

import time
from datetime import UTC, datetime, timedelta

import pytest
from rq import Queue
from rq.serializers import JSONSerializer

from taskdesk.jobs.job import Retention
from taskdesk.jobs.keys import job_key
from taskdesk.jobs.statistics import Statistics, typical
from taskdesk.worker.child.completion import Completion
from tests.conftest import wait_until


@pytest.fixture
def statistics(redis):
    def statistics(task: str) -> Statistics:
        with redis.pipeline() as pipeline:
            Statistics.ask(pipeline, f"tests.sample_tasks.{task}")
            return Statistics.of(pipeline.execute()[0])

    return statistics


def test_runs_are_counted_with_the_time_that_they_took(submit, run_worker, redis, statistics, tmp_path):
    slow = [submit("wait_for", path=str(tmp_path / "never"), seconds=0.06) for _ in range(3)]
    submit("raises")

    run_worker()

    found = statistics("wait_for")
    assert (found.succeeded, found.failed, found.run.counts[-1]) == (len(slow), 0, len(slow))
    assert 0.18 <= found.run.sum < 2
    assert found.run.counts[3] == 0  # none took up to 0.05 s
    [usual] = typical(redis, "tests.sample_tasks.wait_for")
    assert 0.06 <= usual.median <= usual.p95 < 1
    assert usual.runs == 3
    assert (statistics("raises").succeeded, statistics("raises").failed) == (0, 1)
    assert typical(redis, "tests.sample_tasks.raises") == [None]


def test_many_short_jobs_are_all_counted(submit, run_worker, redis, statistics):
    for _ in range(300):
        submit("echo", text="a")

    run_worker()

    found = statistics("echo")
    assert (found.succeeded, found.run.counts[-1], found.wait.counts[-1]) == (300, 300, 300)
    assert typical(redis, "tests.sample_tasks.echo")[0].runs == 100


def test_a_run_counts_though_its_process_is_slow_to_read_that_redis_has_its_end(
    submit, run_worker, statistics, monkeypatch
):
    read = Completion.confirm

    def read_slowly(completion, *arguments):
        time.sleep(0.5)  # in which its supervisor is told that the job does not run
        return read(completion, *arguments)

    monkeypatch.setattr(Completion, "confirm", read_slowly)
    for _ in range(2):
        submit("echo", text="a")

    run_worker()

    assert statistics("echo").succeeded == 2


@pytest.mark.slow
def test_a_job_has_waited_since_it_was_queued_last(submit, run_worker, redis, statistics, tmp_path):
    job_id = submit("fails_once", path=str(tmp_path / "seen"))
    long_ago = datetime.now(UTC) - timedelta(seconds=500)
    redis.hset(job_key(job_id), "enqueued_at", long_ago.strftime("%Y-%m-%dT%H:%M:%S.%fZ"))

    def ended():
        run_worker()
        return statistics("fails_once").succeeded

    wait_until(ended)

    found = statistics("fails_once")
    assert (found.succeeded, found.failed) == (1, 1)
    assert found.wait.counts[-1] == 2
    assert 500 < found.wait.sum < 530  # the wait before the second run is short, and without that before the first


def test_a_time_that_can_not_be_read_harms_nobody(submit, run_worker, redis, statistics, jobs):
    times = ("nobody knows", "2026-13-45Z", "", "2026-01-01T00:00:00.000000", "9999-12-31T23:59:59.999999Z")
    for text in times:
        redis.hset(job_key(submit("echo", text="a")), "enqueued_at", text)

    run_worker()

    found = statistics("echo")
    assert (found.succeeded, found.wait.counts[-1], found.wait.sum) == (5, 1, 0)


def test_refused_arguments_count_as_a_failure_and_unknown_tasks_as_nothing(redis, registry, run_worker, statistics):
    queue = Queue("default", connection=redis, serializer=JSONSerializer)
    queue.enqueue("tests.sample_tasks.echo", kwargs={"wrong": 1})
    queue.enqueue("os.system", "true")

    run_worker()

    assert statistics("echo").failed == 1
    assert redis.keys("taskdesk:statistics:*") == [b"taskdesk:statistics:tests.sample_tasks.echo"]


@pytest.mark.slow
def test_an_idle_worker_has_written_what_it_ran_within_a_second(worker_process, submit, statistics):
    for ran in (1, 2, 3):
        submit("echo", text="a")
        wait_until(lambda ran=ran: statistics("echo").succeeded >= ran)


@pytest.mark.slow
def test_a_worker_that_has_no_rest_writes_all_the_same(worker_process, jobs, registry, redis, statistics):
    for _ in range(15):
        jobs.submit_many(
            registry.catalog.tasks["echo"], [{"text": "a"}] * 1000, Retention(result_ttl=100, failure_ttl=200)
        )

    found = wait_until(lambda: (now := statistics("echo")).succeeded > 500 and now)

    assert found.succeeded < 10_000  # then its child ends, and writes for that (RECYCLE_JOBS)
    assert redis.llen("rq:queue:default") > 0
