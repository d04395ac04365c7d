"""A real worker counts its jobs when they have ended for good, each once."""

from __future__ import annotations

import time
from itertools import pairwise

import pytest
from rq import Queue, Repeat
from rq.job import Dependency
from rq.serializers import JSONSerializer

import taskdesk.worker.rq_fallback
import taskdesk.worker.supervisor.settlement
from taskdesk.jobs.keys import PARENTS, WAKE
from taskdesk.jobs.listing import Filter
from taskdesk.jobs.queues import Queues
from taskdesk.jobs.rq_time import now_text
from taskdesk.worker.answers import Order, Tick
from taskdesk.worker.rq_fallback import RQFallback, _Worker
from taskdesk.worker.scripts import CYCLE, RELEASE
from taskdesk.worker.shared.activity import Activity
from taskdesk.worker.shared.checkpoint_memory import CheckpointMemory
from taskdesk.worker.shared.foreign_jobs import ForeignJobs
from taskdesk.worker.shared.memory import SharedMemory
from taskdesk.worker.shared.meters import Meters
from taskdesk.worker.shared.output_buffer import OutputBuffer
from taskdesk.worker.supervisor.heartbeat import Heartbeat
from taskdesk.worker.supervisor.settlement import Settlement
from tests.conftest import wait_until


@pytest.fixture
def ended(redis):
    """How many jobs of a queue have succeeded, and failed."""

    def ended(queue: str = "default") -> tuple[int, int]:
        hour = Queues(redis, [queue]).get(queue).last_hour
        return sum(hour.succeeded), sum(hour.failed)

    return ended


@pytest.mark.slow
def test_jobs_count_on_their_own_queue(submit, run_worker, ended):
    submit("every_kind")  # on the queue "high"
    for _ in range(30):
        submit("echo", text="a")
    submit("raises")
    submit("exits", status=3)  # its supervisor ends it

    run_worker()

    assert (ended("high"), ended("default")) == ((1, 0), (30, 2))


@pytest.mark.slow
def test_a_job_that_is_tried_again_counts_once_and_as_what_it_becomes(submit, run_worker, ended, tmp_path):
    submit("fails_once", path=str(tmp_path / "seen"))
    run_worker()
    between = ended()

    def succeeded():
        run_worker()
        return ended()[0]

    wait_until(succeeded)

    assert (between, ended()) == ((0, 0), (1, 0))


@pytest.mark.slow
def test_a_damaged_job_that_waits_for_another_fails_that_one_and_costs_no_process(redis, jobs, run_worker, submit):
    submit("remembers")
    queue = Queue("default", connection=redis, serializer=JSONSerializer)
    first = queue.enqueue("tests.sample_tasks.echo", kwargs={"text": "a"})
    waiting = queue.enqueue("tests.sample_tasks.echo", kwargs={"text": "a"}, depends_on=first)
    redis.hset(f"rq:job:{waiting.id}", "created_at", "no time")
    after = submit("remembers")

    run_worker()

    assert (jobs.get(first.id).status, jobs.get(first.id).error["type"]) == ("failed", "ValueError")
    assert jobs.result(jobs.get(after)) == 2


@pytest.mark.slow
def test_a_beat_while_rq_ends_a_job_that_repeats_takes_no_repeat_from_it(redis, run_worker, monkeypatch):
    queue = Queue("default", connection=redis, serializer=JSONSerializer)
    queue.enqueue("tests.sample_tasks.echo", kwargs={"text": "a"}, repeat=Repeat(times=2, interval=60), job_id="one")
    end, beats = _Worker.cleanup_execution, iter(["a beat"])

    def end_beside_a_beat(worker, job, pipeline, execution):
        end(worker, job, pipeline, execution)
        for _ in beats:
            redis.hset("rq:job:one", "last_heartbeat", now_text())  # it makes RQ try its transaction again

    monkeypatch.setattr(_Worker, "cleanup_execution", end_beside_a_beat)

    run_worker()

    assert redis.hget("rq:job:one", "repeats_left") == b"1"
    assert not redis.keys("rq:execution*")


@pytest.mark.slow
def test_a_cancel_while_rq_ends_a_job_that_repeats_is_obeyed(redis, jobs, run_worker, monkeypatch):
    queue = Queue("default", connection=redis, serializer=JSONSerializer)
    queue.enqueue("tests.sample_tasks.echo", kwargs={"text": "a"}, repeat=Repeat(times=2, interval=60), job_id="one")
    end, cancels = _Worker.cleanup_execution, iter(["a cancel"])

    def end_beside_a_cancel(worker, job, pipeline, execution):
        end(worker, job, pipeline, execution)
        for _ in cancels:
            assert jobs.cancel("one") == ["running"]

    monkeypatch.setattr(_Worker, "cleanup_execution", end_beside_a_cancel)

    run_worker()

    assert jobs.get("one").status == "canceled"
    assert not redis.exists("rq:scheduled:default", "rq:wip:default", "rq:finished:default")


@pytest.mark.parametrize("action", ["cancel", "delete"])
def test_a_dependent_that_is_canceled_or_deleted_while_rq_queues_it_never_runs(
    redis, jobs, run_worker, monkeypatch, action
):
    queue = Queue("default", connection=redis, serializer=JSONSerializer)
    first = queue.enqueue("tests.sample_tasks.echo", kwargs={"text": "a"})
    for name in ("one", "other"):
        queue.enqueue("tests.sample_tasks.echo", kwargs={"text": "b"}, depends_on=first, job_id=name)
    end, actions = _Worker.cleanup_execution, iter([getattr(jobs, action)])

    def end_beside_an_action(worker, job, pipeline, execution):
        end(worker, job, pipeline, execution)
        for act in actions:
            act("one")  # RQ has read the dependents, and has not queued them yet

    monkeypatch.setattr(_Worker, "cleanup_execution", end_beside_an_action)

    run_worker()

    assert redis.hget("rq:job:one", "status") == (b"canceled" if action == "cancel" else None)
    assert redis.hget("rq:job:other", "status") == b"finished"


def test_a_heartbeat_after_the_function_has_ended_leaves_the_hash_that_rq_watches(redis, submit):
    """Else RQ's code, which needs longer for very many dependents, would begin anew for ever."""
    job_id, activity = submit("echo", text="a"), Activity(["default"])
    CYCLE(redis, "someone", now_text(), "e1", 90, "", "", keys=["rq:queue:default"])
    heartbeat = Heartbeat(redis, "someone", activity)

    def beat():
        redis.hset(f"rq:job:{job_id}", "last_heartbeat", "before")
        assert heartbeat.send(activity.read(), 0).order is Order.GO_ON
        return redis.hget(f"rq:job:{job_id}", "last_heartbeat")

    activity.begin(job_id, "e1", 60)
    assert beat() != b"before"
    activity.end_function()
    assert beat() == b"before"


def test_an_end_by_rq_after_which_the_connection_breaks_is_whole(redis, submit, jobs, worker_settings, monkeypatch):
    job_id, end = submit("echo", text="a"), _Worker.handle_job_success
    CYCLE(redis, "someone", now_text(), "e1", 90, "", "", keys=["rq:queue:default"])

    def end_and_lose_the_answer(*arguments):
        end(*arguments)
        raise ConnectionError

    monkeypatch.setattr(_Worker, "handle_job_success", end_and_lose_the_answer)
    with redis.pubsub() as news:
        news.subscribe(WAKE)
        news.get_message(timeout=30)
        with pytest.raises(ConnectionError):
            RQFallback(redis, "someone", worker_settings).succeed(
                job_id, "e1", b'"a"', "", b"", time.time(), time.time()
            )

        assert news.get_message(timeout=30)["data"] == job_id.encode()
    assert [job.id for job in jobs.page(9, None, Filter(status="succeeded"))[0]] == [job_id]


def test_what_was_canceled_or_stopped_is_no_failure(submit, jobs, redis, ended, run_worker):
    waiting, running = submit("echo", text="a"), submit("echo", text="a")
    jobs.cancel(waiting)
    CYCLE(redis, "someone", now_text(), "e1", 90, "", "", keys=["rq:queue:default"])

    assert RELEASE(redis, "someone", now_text(), "stopped", running, "e1", "{}", "", "", "", "")[0] == b"stopped"
    assert ended() == (0, 0)


def test_an_end_that_comes_twice_counts_once(submit, redis, ended):
    job_id = submit("echo", text="a")
    CYCLE(redis, "someone", now_text(), "e1", 90, "", "", keys=["rq:queue:default"])

    for _ in range(2):
        RELEASE(redis, "someone", now_text(), "failed", job_id, "e1", "{}", "", "", "", "")

    assert ended() == (0, 1)


def test_a_job_that_others_wait_for_counts_too(redis, run_worker, ended, registry):
    queue = Queue("default", connection=redis, serializer=JSONSerializer)
    first = queue.enqueue("tests.sample_tasks.echo", kwargs={"text": "a"})
    queue.enqueue("tests.sample_tasks.echo", kwargs={"text": "b"}, depends_on=first)

    run_worker()

    assert ended() == (2, 0)


@pytest.fixture
def settlement(redis, worker_settings, registry):
    meters = Meters(1).rows[0]
    shared = SharedMemory(Activity(worker_settings.queues), meters, OutputBuffer(), ForeignJobs(), CheckpointMemory())
    return Settlement(redis, "one", worker_settings, registry, shared)


@pytest.fixture
def fail_with_dependents(redis, submit):
    """Let a job fail that so many others wait for, as if its worker had died before it could tell them."""
    queue = Queue("low", connection=redis, serializer=JSONSerializer)

    def fail(dependents):
        job_id = submit("echo", text="a")
        for _ in range(dependents):
            queue.enqueue("tests.sample_tasks.echo", "a", depends_on=Dependency(job_id, allow_failure=True))
        CYCLE(redis, "someone", now_text(), job_id, 90, "", "", keys=["rq:queue:default"])
        RELEASE(redis, "someone", now_text(), "failed", job_id, job_id, "{}", "", "", "", "")

    return fail


@pytest.mark.parametrize("parents", [[5], [1, 1, 3], [2, 1, 2]])
def test_failed_jobs_tell_many_dependents_some_at_each_tick(
    redis, settlement, fail_with_dependents, parents, monkeypatch
):
    """Else a supervisor would send no heartbeat for long."""
    monkeypatch.setattr(taskdesk.worker.supervisor.settlement, "DEPENDENTS_PER_TICK_SECONDS", 0)
    monkeypatch.setattr(taskdesk.worker.rq_fallback, "SLICE_DEPENDENTS", 2)
    for dependents in parents:
        fail_with_dependents(dependents)

    told = [0]
    while settlement.tick() is Tick.AT_ONCE:
        told.append(redis.llen("rq:queue:low"))

    assert told[-1] == 5
    assert all(0 < after - before <= 2 for before, after in pairwise(told))
    assert not redis.exists(PARENTS)


@pytest.mark.parametrize(("field", "how"), [("td_attempts", "failed"), ("td_foreign", "requeued")])
def test_a_damaged_field_keeps_no_job_from_its_end(redis, submit, field, how):
    job_id = submit("echo", text="a")
    CYCLE(redis, "someone", now_text(), "e1", 90, "", "", keys=["rq:queue:default"])
    redis.hset(f"rq:job:{job_id}", mapping={field: "no JSON", "retries_left": 1})

    assert RELEASE(redis, "someone", now_text(), how, job_id, "e1", "{}", "", "", "", "")[0] == b"queued"


def test_a_job_that_rqs_tools_deleted_before_they_saw_its_execution_leaves_none(redis, submit):
    job_id = submit("echo", text="a")
    redis.hset("rq:worker:someone", "queues", "high,default")
    CYCLE(redis, "someone", now_text(), "e1", 90, "", "", keys=["rq:queue:default"])
    redis.delete(f"rq:job:{job_id}")

    RELEASE(redis, "someone", now_text(), "lost", job_id, "e1", "{}", "", "", "", "")

    assert not redis.exists("rq:wip:default")


def test_a_late_release_leaves_the_execution_that_runs_elsewhere(redis, submit):
    job_id = submit("echo", text="a")
    CYCLE(redis, "someone", now_text(), "e2", 90, "", "", keys=["rq:queue:default"])
    redis.zadd(f"rq:executions:{job_id}", {"e1": 1, "e2": 1})

    assert not RELEASE(redis, "another", now_text(), "failed", job_id, "e1", "{}", "", "", "", "")

    assert redis.zrange(f"rq:executions:{job_id}", 0, -1) == [b"e2"]
