"""A job goes on where its last attempt has stopped, whatever has ended that."""

from __future__ import annotations

import time

import pytest
from rq import Queue, Repeat
from rq.serializers import JSONSerializer

from taskdesk.jobs.checkpoints import Place, Record
from taskdesk.jobs.fields import CHECKPOINT, LOSSES
from taskdesk.jobs.joblog import read_log
from taskdesk.jobs.rq_time import now_text
from taskdesk.worker.checkpoint_fields import keep, load, show_resumed
from taskdesk.worker.scripts import CYCLE
from taskdesk.worker.shared.activity import RunningJob
from taskdesk.worker.shared.checkpoint_memory import CheckpointMemory, KeptCheckpoint
from taskdesk.worker.supervisor.checkpoint_sender import CheckpointSender
from tests.conftest import wait_until


@pytest.fixture
def path(tmp_path):
    return tmp_path / "rows"


@pytest.fixture
def running(redis, submit):
    """A job whose execution "first" is running, as far as Redis knows."""
    job_id = submit("echo", text="a")
    CYCLE(redis, "someone", now_text(), "first", 90, "", "", keys=["rq:queue:default"])
    return RunningJob(True, False, job_id, "first", time.time(), time.monotonic(), 60, False)


def rows_in(path):
    return [int(line.split()[0]) for line in path.read_text().splitlines()]


# What ends an attempt


@pytest.mark.parametrize("how", ["raise", "exit", "kill"])
def test_the_next_attempt_repeats_the_row_that_was_not_done_and_no_other(run, jobs, path, how):
    """Also if the process is killed right after the row before: its supervisor keeps what the process could not."""
    [job] = run(("sums_rows", {"path": str(path), "rows": 300, "how": how, "at": 200}))

    assert (job.status, job.attempt, jobs.result(job)) == ("succeeded", 2, sum(range(300)))
    assert rows_in(path) == [*range(201), *range(200, 300)]
    assert job.resumed == Place(200, 300)


@pytest.mark.slow
def test_a_job_that_gets_on_between_its_losses_is_no_poison(run, path):
    [job] = run(("dies_at_rows", {"path": str(path), "rows": [10, 20, 30, 40, 40]}))

    assert (job.status, job.attempt) == ("succeeded", 6)


@pytest.mark.slow
def test_a_job_that_loses_its_process_three_times_at_the_same_row_is_poison(run, path):
    [job] = run(("dies_at_rows", {"path": str(path), "rows": [10, 50, 50, 50, 50]}))

    assert (job.status, job.attempt) == ("failed", 4)
    assert "lost its worker 3 times" in job.error["detail"]


@pytest.mark.slow
def test_a_job_over_its_time_goes_on_with_its_next_attempt(run, path):
    [job] = run(("counts_past_its_time", {"path": str(path), "steps": 18}))

    assert (job.status, job.attempt) == ("succeeded", 2)
    assert sorted(set(rows_in(path))) == list(range(18))
    assert len(rows_in(path)) <= 19


@pytest.mark.slow
def test_a_job_that_a_stop_has_cut_off_goes_on_and_no_attempt_is_charged(worker_process, submit, jobs, path):
    job_id = submit("does_steps", path=str(path), steps=60, pause=0.05)
    wait_until(lambda: path.exists() and len(rows_in(path)) > 5, what="the job is at work")

    worker_process.stop()
    done_before = len(rows_in(path))
    worker_process.start("worker")

    job = wait_until(lambda: (job := jobs.get(job_id)).is_final and job, what="the job ends")
    assert (job.status, job.attempt, job.attempts) == ("succeeded", 1, ())
    assert set(rows_in(path)) == set(range(60))
    assert len(rows_in(path)) <= 61
    assert job.resumed.done in (done_before - 1, done_before)


# What is kept, and how long


@pytest.mark.slow
def test_a_job_that_has_succeeded_leaves_no_checkpoint(redis, run, path):
    [job] = run(("sums_rows", {"path": str(path), "rows": 3}))

    assert job.status == "succeeded"
    assert redis.hget(f"rq:job:{job.id}", CHECKPOINT) is None


@pytest.mark.slow
def test_a_job_that_repeats_begins_anew(redis, registry, run_worker, jobs, path):
    queue = Queue("default", connection=redis, serializer=JSONSerializer)
    call = "tests.sample_tasks.sums_rows"
    job = queue.enqueue(call, kwargs={"path": str(path), "rows": 3}, repeat=Repeat(times=1, interval=0))

    run_worker()

    assert rows_in(path) == [0, 1, 2, 0, 1, 2]
    assert jobs.get(job.id).status == "succeeded"


@pytest.mark.slow
def test_a_job_whose_last_repetition_a_stock_worker_has_ended_begins_anew(redis, registry, run_worker, path):
    queue = Queue("default", connection=redis, serializer=JSONSerializer)
    arguments = {"path": str(path), "rows": 3}
    job = queue.enqueue("tests.sample_tasks.sums_rows", kwargs=arguments, repeat=Repeat(times=1, interval=0))
    CYCLE(redis, "someone", now_text(), "first", 90, "", "", keys=["rq:queue:default"])
    keep(redis, job.id, KeptCheckpoint(1, "first", Record(loop=1, place=Place(2, 3)).as_json()))

    job.refresh()
    Repeat.schedule(job, queue)  # a stock worker calls it when the job has succeeded
    run_worker()

    assert rows_in(path) == [0, 1, 2]


def test_at_most_one_checkpoint_a_second_goes_to_redis_and_the_last_one_when_the_process_ends(redis, running):
    memory = CheckpointMemory()
    sender = CheckpointSender(redis, memory)

    for record in (b"1", b"2", b"3"):
        memory.write("first", record)
        sender.send_if_due(running)
    assert load(redis, running.job_id) == b"1"

    sender.send(running)
    assert load(redis, running.job_id) == b"3"


def test_a_checkpoint_of_a_lost_execution_changes_nothing(redis, running):
    keep(redis, running.job_id, KeptCheckpoint(7, "first", b"7"))

    keep(redis, running.job_id, KeptCheckpoint(8, "another", b"8"))
    show_resumed(redis, running.job_id, "another", Place(1, 2))

    assert load(redis, running.job_id) == b"7"
    assert redis.hget(f"rq:job:{running.job_id}", "td_resumed") is None


def test_an_older_checkpoint_of_the_same_execution_that_comes_late_changes_nothing(redis, running):
    keep(redis, running.job_id, KeptCheckpoint(10, "first", b"10"))
    keep(redis, running.job_id, KeptCheckpoint(9, "first", b"9"))

    assert load(redis, running.job_id) == b"10"


def test_only_a_checkpoint_that_differs_from_the_last_one_forgets_the_losses(redis, running):
    key = f"rq:job:{running.job_id}"
    keep(redis, running.job_id, KeptCheckpoint(1, "first", b"a b"))
    redis.hset(key, LOSSES, 2)

    keep(redis, running.job_id, KeptCheckpoint(2, "first", b"a b"))
    assert redis.hget(key, LOSSES) == b"2"

    keep(redis, running.job_id, KeptCheckpoint(3, "first", b"a c"))
    assert redis.hget(key, LOSSES) is None


def test_a_checkpoint_of_a_job_that_is_gone_brings_nothing_back(redis, running):
    redis.delete(f"rq:job:{running.job_id}")

    keep(redis, running.job_id, KeptCheckpoint(1, "first", b"1"))

    assert not redis.exists(f"rq:job:{running.job_id}")


def test_a_full_redis_keeps_no_checkpoint_until_there_is_room(redis, running, leave):
    leave(1.5)
    memory = CheckpointMemory()
    sender = CheckpointSender(redis, memory)
    memory.write("first", b"x" * 60_000)

    sender.send(running)
    assert load(redis, running.job_id) is None

    redis.config_set("maxmemory", 0)
    sender.send(running)
    assert load(redis, running.job_id) == b"x" * 60_000


def test_a_value_that_fills_the_limit_is_kept_whole():
    memory = CheckpointMemory()
    for number in range(20):
        record = Record(b'"%s"' % (b"x" * (65_536 - 2)), number, Place(10**15, 10**15)).as_json()
        memory.write("first", record)

        assert memory.read("first").record == record
    assert memory.read("second") is None


# Where it is called


@pytest.mark.slow
def test_a_thread_of_the_job_keeps_its_checkpoint(run, jobs):
    [job] = run(("checkpoints_elsewhere", {"where": "thread"}))

    assert jobs.result(job) == ["of a thread"]


@pytest.mark.slow
@pytest.mark.parametrize(("where", "kept"), [("process", "own"), ("process alone", None)])
def test_a_process_of_the_job_can_keep_none(run, jobs, redis, where, kept):
    [job] = run(("checkpoints_elsewhere", {"where": where}))

    assert jobs.result(job) == [kept]
    assert "exit status 1" in read_log(redis, job.id).text


@pytest.mark.slow
def test_a_thread_that_outlives_its_job_keeps_none_for_the_next(run, jobs, redis, path):
    first, second = run(("leaves_a_thread", {"path": str(path)}), ("waits_for_late_thread", {"path": str(path)}))

    assert (first.status, jobs.result(second)) == ("succeeded", ["own, and newer"])
    assert [redis.hget(f"rq:job:{job.id}", CHECKPOINT) for job in (first, second)] == [None, None]


def test_a_value_that_is_no_good_fails_the_job_with_a_sentence(run):
    [job] = run(("keeps", {"value": "x" * 70_000}))

    assert "is 70,002 bytes of JSON, over the limit of 65,536" in job.error["detail"]
