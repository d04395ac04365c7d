"""The worker: what it runs, what it refuses, and what is left in Redis."""

from __future__ import annotations

import os
import signal
import tempfile
import time
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from rq import Queue
from rq.job import Job as RqJob
from rq.serializers import JSONSerializer

from taskdesk.jobs.catalog_reader import CatalogReader
from taskdesk.jobs.job import Retention, Wait
from taskdesk.jobs.jobs import Jobs
from tests.conftest import wait_until

RETENTION = Retention(result_ttl=100, failure_ttl=200)


@pytest.fixture
def run(redis, jobs, registry, run_worker):
    """Submit a sample task, let a worker run it, and give the job."""

    def run(name: str, **arguments: Any):
        job_id = jobs.submit(registry.catalog.tasks[name], arguments, RETENTION).id
        run_worker()
        return jobs.get(job_id)

    return run


def test_a_job_runs_and_its_result_is_kept_for_its_time(run, jobs):
    job = run("echo", text="ab", times=2)

    assert (job.status, jobs.result(job)) == ("succeeded", "abab")
    assert 90 < (job.expires_at - job.ended_at).total_seconds() <= 101


def test_rq_itself_reads_the_job_and_its_result(run, redis):
    job = run("echo", text="ab")

    seen_by_rq = RqJob.fetch(job.id, connection=redis, serializer=JSONSerializer)

    assert seen_by_rq.is_finished
    assert seen_by_rq.return_value() == "ab"
    assert seen_by_rq.func_name == "tests.sample_tasks.echo"


def test_arguments_become_python_values(run, jobs):
    job = run("every_kind", color="blue", day="2026-03-04", numbers=[3, 4])

    assert jobs.result(job) == {
        "color": "BLUE",
        "size": "small",
        "day": "2026-03-04",
        "numbers": 7,
        "share": 0.5,
        "sure": True,
        "maybe": None,
        "note": "abc",
    }


def test_arguments_are_checked_again_in_the_worker(run):
    job = run("echo", text="a", times=99)

    assert job.status == "failed"
    assert job.error["type"] == "InvalidArguments"
    assert "times: Input should be less than or equal to 3" in job.error["detail"]


def test_output_and_progress_are_kept(run, redis):
    from taskdesk.jobs.events import read
    from taskdesk.jobs.joblog import read_log

    job = run("talk")

    log = read_log(redis, job.id).text
    assert [line in log for line in ("printed line", "error line", "library: logged line", "own line")] == [True] * 4
    assert job.progress.as_dict() == {"percent": 25.0, "current": 1.0, "total": 4.0, "message": "a quarter"}
    assert {"log", "progress"} == {event.type for event in read(redis, job.id)}


def test_around_job_is_entered_around_the_task(run, jobs):
    job = run("talk")

    assert jobs.result(job) == f"entered {job.id}"


@pytest.mark.parametrize(
    ("task", "sentence"),
    [
        ("raises", "The number <seven> is too small."),
        ("returns_an_object", "can't be kept as JSON"),
        ("returns_nan", "holds NaN"),
        ("returns_half_a_character", "half of a surrogate pair"),
        ("raises_half_a_character", "odd ?"),
        ("returns_a_missing_file", "does not exist"),
        ("returns_a_bad_name", "can't be a file's name"),
        ("returns_a_ragged_table", "not as long as its list of columns"),
        ("returns_too_much", "over the limit of 10,000,000 (MAX_RESULT_BYTES)"),
        ("kills_itself", "signal 9"),
        ("never_ends", "longer than its limit of 1 s"),
    ],
)
def test_a_job_that_goes_wrong_fails_with_a_sentence(run, redis, task, sentence):
    job = run(task)

    assert job.status == "failed"
    assert sentence in job.error["detail"]
    assert redis.ttl(f"rq:job:{job.id}") > 100


@pytest.mark.parametrize(
    "function", ["os.system", "tasks.simple_task", "tests.sample_tasks.good.Color", "builtins.eval"]
)
def test_what_is_not_in_the_catalog_is_handed_back_and_never_imported(redis, jobs, run_worker, tmp_path, function):
    canary = tmp_path / "canary"
    job = Queue("default", connection=redis, serializer=JSONSerializer).enqueue(function, f"touch {canary}")

    run_worker()

    assert jobs.get(job.id).status == "waiting"
    assert jobs.get(job.id).wait == Wait(f"No worker here serves {function}.", function)
    assert not canary.exists()


def test_a_job_that_plain_rq_enqueued_runs_with_its_positional_arguments(redis, jobs, registry, run_worker):
    queue = Queue("default", connection=redis, serializer=JSONSerializer)
    job = queue.enqueue("tests.sample_tasks.echo", "ab", times=2)
    wrong = queue.enqueue("tests.sample_tasks.echo", "ab", nothing=2)

    run_worker()

    assert jobs.result(jobs.get(job.id)) == "abab"
    assert jobs.get(wrong.id).error["detail"] == "nothing: The task has no such parameter."


def test_callbacks_of_elsewhere_that_redis_names_are_never_called(redis, jobs, registry, run_worker, tmp_path):
    job_id = jobs.submit(registry.catalog.tasks["echo"], {"text": "a"}, RETENTION).id
    for kind in ("success", "failure", "stopped"):
        redis.hset(f"rq:job:{job_id}", f"{kind}_callback_name", "os.abort")

    run_worker()

    assert jobs.get(job_id).status == "succeeded"


def test_a_pickle_in_redis_is_never_loaded(redis, jobs, registry, run_worker, tmp_path):
    canary = tmp_path / "canary"
    pickled = f"cos\nsystem\n(S'touch {canary}'\ntR.".encode()
    job_id = jobs.submit(registry.catalog.tasks["echo"], {"text": "a"}, RETENTION).id
    redis.hset(f"rq:job:{job_id}", mapping={"data": pickled, "meta": pickled, "result": pickled})

    run_worker()

    assert jobs.get(job_id).status == "waiting"
    assert jobs.get(job_id).wait.reason == "No worker here can read the job's data, which is no JSON."
    assert not canary.exists()


def test_the_next_job_runs_after_one_that_killed_its_process(jobs, registry, run_worker):
    killed = jobs.submit(registry.catalog.tasks["kills_itself"], {}, RETENTION).id
    following = jobs.submit(registry.catalog.tasks["echo"], {"text": "a"}, RETENTION).id

    run_worker()

    assert [jobs.get(job_id).status for job_id in (killed, following)] == ["failed", "succeeded"]


def test_a_killed_job_leaves_no_temporary_folder(jobs, registry, run_worker):
    job_id = jobs.submit(registry.catalog.tasks["kills_itself"], {}, RETENTION).id

    run_worker()

    assert not (Path(tempfile.gettempdir()) / f"taskdesk-{job_id}").exists()


def test_a_job_is_tried_again_after_a_while(run, jobs, run_worker, tmp_path):
    job = run("fails_once", path=str(tmp_path / "seen"))
    assert job.status == "scheduled"

    def ended():
        run_worker()
        return jobs.get(job.id) if jobs.get(job.id).is_final else None

    job = wait_until(ended)
    assert (job.status, jobs.result(job)) == ("succeeded", "done")


def test_a_failed_job_that_rq_queues_again_runs_as_if_it_had_not_failed(redis, jobs, registry, run_worker, tmp_path):
    arguments = {"path": str(tmp_path / "flag")}
    job_id = jobs.submit(registry.catalog.tasks["fails_once"], arguments, RETENTION).id
    redis.hset(f"rq:job:{job_id}", "retries_left", 0)
    run_worker()
    jobs.keep(job_id)

    RqJob.fetch(job_id, connection=redis, serializer=JSONSerializer).requeue()
    run_worker()

    job = jobs.get(job_id)
    assert (job.status, job.error, job.is_kept, jobs.result(job)) == ("succeeded", None, False, "done")
    assert 90 < redis.ttl(f"rq:job:{job_id}") <= 100


def test_queues_are_served_in_the_order_of_the_settings(jobs, registry, run_worker):
    late = jobs.submit(registry.catalog.tasks["echo"], {"text": "a"}, RETENTION).id
    urgent = jobs.submit(registry.catalog.tasks["every_kind"], {}, RETENTION).id

    run_worker()

    assert jobs.get(urgent).started_at < jobs.get(late).started_at


def _running(jobs: Jobs, job_id: str) -> bool:
    job = jobs.get(job_id)
    return job.status == "running" and job.progress is not None


def test_a_worker_announces_its_catalog_and_is_seen_online(worker_process, redis):
    reader = CatalogReader(redis)

    announced = wait_until(lambda: (a := reader.read(max_age=0)).workers and a)

    assert announced.workers_online("high") == 1
    assert announced.workers_online("other") == 0
    assert announced.task("echo") == announced.task("tests.sample_tasks.echo")


def test_a_stopped_worker_puts_an_unfinished_job_back_and_another_runs_it(
    worker_process, redis, jobs, registry, tmp_path, run_worker
):
    job_id = jobs.submit(registry.catalog.tasks["wait_for"], {"path": str(tmp_path / "go")}, RETENTION).id
    wait_until(lambda: _running(jobs, job_id))

    worker_process.processes["worker"].send_signal(signal.SIGTERM)

    assert worker_process.processes["worker"].wait(timeout=60) == 0
    assert jobs.get(job_id).status == "queued"
    (tmp_path / "go").touch()
    run_worker()
    assert jobs.result(jobs.get(job_id)) == "seen"


def test_a_job_that_rq_scheduled_runs_at_its_time(worker_process, redis, jobs, registry):
    queue = Queue("default", connection=redis, serializer=JSONSerializer)
    scheduled = queue.enqueue_in(timedelta(seconds=1), "tests.sample_tasks.echo", kwargs={"text": "a"})

    assert jobs.get(scheduled.id).status == "scheduled"
    wait_until(lambda: jobs.get(scheduled.id).status == "succeeded")


def test_a_command_that_can_not_be_read_harms_nobody(worker_process, redis, jobs, registry):
    [worker] = wait_until(lambda: CatalogReader(redis).read(max_age=0).workers)

    for text in ("garbage", "[]", "{}", '"stop-job"', '{"command": ["stop-job"]}'):
        redis.publish(f"rq:pubsub:{worker.name}", text)

    job_id = jobs.submit(registry.catalog.tasks["echo"], {"text": "a"}, RETENTION).id
    wait_until(lambda: jobs.get(job_id).status == "succeeded")
    assert [worker.name] == [one.name for one in CatalogReader(redis).read(max_age=0).workers]


def test_a_worker_process_that_is_killed_is_replaced(worker_process, redis):
    reader = CatalogReader(redis)
    [first] = wait_until(lambda: reader.read(max_age=0).workers)
    pid = int(redis.hget(f"rq:worker:{first.name}", "pid"))

    os.kill(pid, signal.SIGKILL)

    wait_until(lambda: {w.name for w in reader.read(max_age=0).workers} - {first.name}, what="another worker is online")


def test_progress_reaches_redis_at_most_ten_times_a_second(redis, jobs, registry, worker_settings):
    from taskdesk.jobs.events import read
    from taskdesk.worker.child.progress_reporter import Reporter
    from taskdesk.worker.shared.output_buffer import OutputBuffer

    job_id = jobs.submit(registry.catalog.tasks["echo"], {"text": "a"}, RETENTION).id
    reporter = Reporter(redis, OutputBuffer())
    began = time.monotonic()

    reporter.begin(job_id, ttl=60)
    progress = reporter.progress_of_job()
    for step in range(100_000):
        progress(step + 1, 100_000, "")
    reporter.end()

    sent = [event for event in read(redis, job_id) if event.type == "progress"]
    assert len(sent) <= 10 * (time.monotonic() - began) + 2
    assert sent[-1].data["percent"] == 100
