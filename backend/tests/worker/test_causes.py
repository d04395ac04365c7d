"""Failures are counted under their cause, in the step that ends the job."""

from __future__ import annotations

import time

import pytest
from rq import Queue, SimpleWorker
from rq.job import Job as RqJob
from rq.serializers import JSONSerializer

from taskdesk.jobs import cause as limits
from taskdesk.jobs.artifacts import FolderStore
from taskdesk.jobs.catalog_reader import CatalogReader
from taskdesk.jobs.cause import HOURS, MAX_CAUSES, State
from taskdesk.jobs.causes import Causes
from taskdesk.jobs.errors import CauseNotFound
from taskdesk.jobs.fields import CAUSE
from taskdesk.jobs.intake import REST_MS, Intake
from taskdesk.jobs.keys import CAUSES, INTAKE_LOCK, SWEEP_LOCK, UNCOUNTED, cause_jobs_key, cause_key, job_key
from taskdesk.jobs.rq_time import now_text
from taskdesk.worker.scripts import RELEASE
from taskdesk.worker.supervisor.retention import Sweeper
from tests.worker.test_lifetime import ERROR as FAILED
from tests.worker.test_lifetime import Life

RAISES = "tests/sample_tasks/bad.py:raises"


@pytest.fixture
def causes(redis):
    return Causes(redis)


@pytest.fixture
def life(redis, jobs, registry, worker_settings):
    return Life(redis, jobs, registry, worker_settings)


@pytest.fixture
def sweep(redis, jobs, worker_settings):

    sweeper = Sweeper(redis, FolderStore(worker_settings.data_dir / "artifacts"), worker_settings)

    def sweep() -> None:
        redis.delete(SWEEP_LOCK)
        sweeper.sweep()

    return sweep


@pytest.mark.slow
def test_failures_of_the_same_task_error_and_place_have_one_cause(run, causes):
    first, second = run(("raises", {}), ("raises", {}))

    [cause] = causes.read()
    assert (cause.task, cause.type, cause.frame) == ("raises", "ValueError", RAISES)
    assert (cause.count, cause.open_jobs, cause.state) == (2, 2, State.OPEN)
    assert (cause.sample, cause.message) == (second.id, "The number <seven> is too small.")
    assert cause.first_at < cause.last_at
    assert (len(cause.hours), sum(cause.hours), sum(cause.hours[-2:])) == (HOURS, 2, 2)
    assert first.cause == second.cause == cause.id
    assert first.error["frame"] == RAISES
    assert first.error["line"] == cause.line > 0


def test_another_task_error_or_place_is_another_cause(run, causes):
    run(("raises", {}), ("raises_what_it_is_given", {"text": "a"}), ("raises_half_a_character", {}))

    assert len({cause.id for cause in causes.read()}) == 3
    assert [cause.task for cause in causes.read()] == ["raises_half_a_character", "raises_what_it_is_given", "raises"]


@pytest.mark.slow
def test_only_the_final_failure_of_a_job_counts(run, causes, redis, run_worker):
    run(("stumbles", {}))
    assert causes.read() == []

    for _ in range(3):
        for queue in ("high", "default", "low"):
            key = f"rq:scheduled:{queue}"
            redis.zadd(key, dict.fromkeys(redis.zrange(key, 0, -1), 1) or {"none": 1})
        run_worker()

    [cause] = causes.read()
    assert (cause.type, cause.count, cause.open_jobs) == ("ConnectionError", 1, 1)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("task", "type"),
    [
        ("never_ends", "Timeout"),
        ("kills_itself", "WorkerLost"),
        ("returns_an_object", "UnstorableResult"),
    ],
)
def test_what_is_no_error_of_the_code_is_a_cause_by_its_type(task, type, run, causes):
    run((task, {}), (task, {}))

    [cause] = causes.read()
    assert (cause.task, cause.type, cause.frame, cause.count) == (task, type, "", 2)


def test_a_job_that_no_worker_serves_has_a_cause(life, causes):
    life.find_no_worker()

    assert [(cause.type, cause.count) for cause in causes.read()] == [("Failed", 1)]


def test_an_end_that_is_told_twice_counts_once(life, causes):
    life.fail()
    life.release("failed")

    assert [(cause.count, cause.open_jobs) for cause in causes.read()] == [(1, 1)]


def test_a_stopped_or_canceled_job_has_no_cause(life, causes, redis):
    life.stop()
    life.cancel_before_it_begins()

    assert causes.read() == []
    assert redis.llen(UNCOUNTED) == 0


def test_a_success_writes_nothing_about_causes(run, redis):
    run(("echo", {"text": "a"}))

    assert redis.keys("*cause*") == []


def test_a_damaged_cause_costs_no_job_its_end(life, causes, redis, jobs):
    life.fail()
    [cause] = causes.read()
    redis.set(cause_key(cause.id), "damaged")

    life.fail()

    assert jobs.get(life.id).status == "failed"
    assert causes.read() == []


def test_a_cause_outlives_its_jobs(life, causes, redis, sweep):
    life.fail()
    redis.delete(job_key(life.id))

    sweep()

    [cause] = causes.read()
    assert (cause.count, cause.open_jobs, cause.sample) == (1, 0, life.id)


def test_a_deleted_job_leaves_its_cause(life, causes, jobs):
    life.fail()

    jobs.delete(life.id)

    assert [(cause.count, cause.open_jobs) for cause in causes.read()] == [(1, 0)]


def test_a_resolved_cause_opens_again_when_it_is_seen_again(life, causes):
    life.fail()
    [cause] = causes.read()

    resolved = causes.change(cause.id, State.RESOLVED, "ann")
    assert (resolved.state, resolved.changed_by) == (State.RESOLVED, "ann")
    assert resolved.changed_at >= resolved.last_at

    life.fail()
    [again] = causes.read()
    assert (again.state, again.count) == (State.OPEN, 2)
    assert again.reopened_at == again.last_at

    assert causes.change(cause.id, State.RESOLVED).reopened_at is None


def test_a_muted_cause_stays_muted_when_it_is_seen_again(life, causes):
    life.fail()
    [cause] = causes.read()
    causes.change(cause.id, State.MUTED, "ann")

    life.fail()

    [again] = causes.read()
    assert (again.state, again.changed_by, again.count, again.reopened_at) == (State.MUTED, "ann", 2, None)
    assert causes.change(cause.id, State.OPEN).state == State.OPEN


@pytest.mark.parametrize("cause_id", ["", "no such", "0123456789ab", "../x", "0123456789AB"])
def test_an_unknown_cause_is_not_found(cause_id, causes):
    with pytest.raises(CauseNotFound):
        causes.get(cause_id)
    with pytest.raises(CauseNotFound):
        causes.change(cause_id, State.MUTED)


def test_causes_since_a_time_are_those_seen_since(life, causes, redis):
    life.fail()
    [cause] = causes.read()

    assert causes.read(since=cause.last_at.timestamp()) == [cause]
    assert causes.read(since=cause.last_at.timestamp() + 1) == []


def test_the_cause_that_was_seen_the_longest_ago_makes_room(life, causes, redis):
    life.fail()
    [cause] = causes.read()
    redis.zadd(CAUSES, {f"{n:012x}": time.time() + 100 for n in range(MAX_CAUSES)})
    redis.zadd(CAUSES, {cause.id: 1})

    life.begin()
    life.release("failed")  # its score is that of now

    assert redis.zcard(CAUSES) == MAX_CAUSES
    assert redis.zscore(CAUSES, cause.id) is None
    assert not redis.exists(cause_key(cause.id), cause_jobs_key(cause.id))


def test_a_muted_cause_is_forgotten_only_when_all_others_are_muted(life, causes, redis):
    def fail(kind):
        life.begin()
        error = FAILED.replace('"type": "Failed"', f'"type": "{kind}"')
        RELEASE(redis, "someone", now_text(), "failed", life.id, "e1", error, "", 1.0, 2.0, 1.0)

    fail("Muted")
    [muted] = causes.read()
    causes.change(muted.id, State.MUTED)
    others = [f"{n:012x}" for n in range(MAX_CAUSES - 1)]
    redis.zadd(CAUSES, {**dict.fromkeys(others, 2), muted.id: 1})

    fail("New")
    assert redis.zscore(CAUSES, muted.id)
    assert redis.zscore(CAUSES, others[0]) is None

    for other in others[1:]:
        redis.hset(cause_key(other), "state", State.MUTED)
    causes.change(causes.read(since=3)[0].id, State.MUTED)
    fail("Newest")
    assert redis.zscore(CAUSES, muted.id) is None
    assert [cause.type for cause in causes.read(since=3)] == ["Newest", "New"]


def test_a_long_message_is_cut_between_characters(life, causes):
    life.begin()
    text = FAILED.replace("It failed.", "ä" * 2_000)

    RELEASE(life.redis, "someone", now_text(), "failed", life.id, "e1", text, "", 1.0, 2.0, 1.0)

    [cause] = causes.read()
    assert cause.message.strip("ä") == "…"
    assert len(cause.message.encode()) <= limits.MAX_MESSAGE_BYTES + 3


def test_the_error_of_a_job_may_be_damaged(life, causes):
    life.begin()

    RELEASE(life.redis, "someone", now_text(), "failed", life.id, "e1", '{"type": 7, "line": "x"}', "", 1.0, 2.0, 1.0)

    assert [(cause.type, cause.line, cause.message) for cause in causes.read()] == [("", 0, "")]
    assert life.jobs.get(life.id).status == "failed"


# Jobs that RQ's own code, or an older version, has ended


@pytest.fixture
def queue(redis):
    return Queue("default", connection=redis, serializer=JSONSerializer)


@pytest.fixture
def stock(redis):
    def stock() -> None:
        SimpleWorker(["default"], connection=redis, serializer=JSONSerializer).work(
            burst=True, logging_level="CRITICAL"
        )

    return stock


@pytest.fixture
def look(redis, registry):

    intake = Intake(redis, ("high", "default", "low"), CatalogReader(redis))

    def look() -> None:
        for _ in range(10):
            redis.delete(INTAKE_LOCK)
            if intake.look() >= REST_MS / 1000 and not redis.exists(UNCOUNTED):
                return
        raise AssertionError("the looks do not end")

    return look


def test_a_failure_of_a_stock_worker_counts_with_the_error_of_its_traceback(queue, stock, look, causes, jobs):
    job = queue.enqueue("tests.sample_tasks.raises")
    stock()
    look()

    [cause] = causes.read()
    assert (cause.task, cause.type, cause.frame) == ("raises", "ValueError", "sample_tasks/bad.py:raises")
    assert (cause.message, cause.sample, cause.open_jobs) == ("The number <seven> is too small.", job.id, 1)
    assert jobs.get(job.id).error["type"] == "ValueError"


def test_a_failure_of_a_job_that_no_index_has_counts_when_the_intake_has_seen_it(queue, run_worker, look, causes):
    queue.enqueue("tests.sample_tasks.raises")
    run_worker()
    look()

    assert [(cause.task, cause.frame, cause.count) for cause in causes.read()] == [("raises", RAISES, 1)]


def test_a_job_that_rqs_tools_requeue_leaves_its_cause_and_counts_again(run, causes, redis, run_worker, jobs):
    [job] = run(("raises", {}))
    RqJob.fetch(job.id, connection=redis, serializer=JSONSerializer).requeue()

    run_worker()

    [cause] = causes.read()
    assert (cause.count, cause.open_jobs) == (2, 1)


def test_a_requeued_job_that_waits_is_no_open_failure(run, causes, redis, look, jobs):
    [job] = run(("raises", {}))
    RqJob.fetch(job.id, connection=redis, serializer=JSONSerializer).requeue()

    look()

    assert [(cause.count, cause.open_jobs) for cause in causes.read()] == [(1, 0)]
    assert jobs.get(job.id).cause == ""


def test_a_sweep_counts_the_failures_of_an_older_version_at_their_time(run, causes, redis, sweep):
    [job] = run(("raises", {}))
    redis.delete(CAUSES, cause_key(job.cause), cause_jobs_key(job.cause))
    redis.hdel(job_key(job.id), CAUSE)
    redis.hset(job_key(job.id), "ended_at", "2026-01-01T10:00:00.000000Z")

    sweep()
    sweep()

    [cause] = causes.read()
    assert (cause.count, cause.open_jobs, cause.sample) == (1, 1, job.id)
    assert cause.last_at.isoformat() == "2026-01-01T10:00:00+00:00"
    assert sum(cause.hours) == 0
