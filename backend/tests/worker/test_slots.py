"""RQ 3 limits how many jobs run at the same time: every end of a job frees its slot, and the next one is queued."""

from __future__ import annotations

from datetime import timedelta

import pytest
from rq import Queue, Repeat, Retry
from rq.job import Dependency, Job
from rq.rate_limit import RateLimit
from rq.registry import FailedJobRegistry
from rq.serializers import JSONSerializer

from taskdesk.jobs.queues import Queues
from taskdesk.jobs.rq_time import now_text
from taskdesk.jobs.scripts import TIDY_LIMIT
from taskdesk.worker.scripts import CYCLE, RELEASE, TICK
from tests.conftest import wait_until

ECHO, RAISES = "tests.sample_tasks.echo", "tests.sample_tasks.raises"
FAILURE = ("{}", "", "", "", "")
# RQ scores by whole seconds, so jobs of the same second are in the order of their ids: one, two, zulu.


@pytest.fixture
def queue(redis):
    return Queue("default", connection=redis, serializer=JSONSerializer)


@pytest.fixture
def enqueue(queue):
    """Enqueue a job with RQ, one at a time of the limit "k"."""

    def enqueue(job_id: str, function: str = ECHO, *, queue: Queue = queue, concurrency: int = 1, **options) -> Job:
        kwargs = {"text": "a"} if function == ECHO else {}
        limit = RateLimit("k", concurrency)
        return queue.enqueue(function, kwargs=kwargs, rate_limit=limit, job_id=job_id, **options)

    return enqueue


@pytest.fixture
def status(redis):
    return lambda job_id: (redis.hget(f"rq:job:{job_id}", "status") or b"").decode()


@pytest.fixture
def begin(redis):
    """A worker reserves the job at the head of the queue."""
    return lambda execution="e1": CYCLE(
        redis, "someone", now_text(), execution, 90, "", "", keys=["rq:queue:high", "rq:queue:default"]
    )


def slots(redis) -> list[str]:
    return [job_id.decode() for job_id in redis.zrange("rq:rl:k:allowed", 0, -1)]


def test_every_job_runs_one_after_the_other(redis, enqueue, run_worker, status):
    for job_id in ("one", "two", "zulu"):
        enqueue(job_id)
    assert [status(job_id) for job_id in ("one", "two", "zulu")] == ["queued", "rate_limited", "rate_limited"]

    run_worker()

    assert [status(job_id) for job_id in ("one", "two", "zulu")] == ["finished"] * 3
    assert slots(redis) == []


@pytest.mark.slow
@pytest.mark.parametrize("options", [
    {"result_ttl": 0},
    {"function": RAISES},
    {"function": RAISES, "retry": Retry(max=2)},
    {"function": "tests.sample_tasks.kills_itself"},
    {"repeat": Repeat(times=1, interval=0)},
    {"function": "tests.sample_tasks.never_ends", "job_timeout": 1},
])  # fmt: skip
def test_whatever_becomes_of_a_job_the_next_one_runs(redis, enqueue, run_worker, status, options):
    enqueue("one", **options)
    enqueue("two")

    run_worker()

    assert status("two") == "finished"
    assert slots(redis) == []


@pytest.mark.parametrize("how", ["failed", "lost", "stopped", "handed_back"])
def test_an_execution_that_ends_in_this_way_frees_its_slot(redis, enqueue, begin, status, how):
    enqueue("one")
    enqueue("two")
    begin()
    foreign = ("tests.sample_tasks.echo", "", "", "why", 100, "{}", "") if how == "handed_back" else ()

    RELEASE(redis, "someone", now_text(), how, "one", "e1", *FAILURE, *foreign)

    assert status("two") == "queued"
    assert slots(redis) == ["two"]


def test_a_job_that_is_requeued_or_tried_at_once_keeps_its_slot(redis, enqueue, begin, status):
    enqueue("one", retry=Retry(max=1))
    enqueue("two")
    for execution, how in (("e1", "requeued"), ("e2", "failed")):
        begin(execution)
        RELEASE(redis, "someone", now_text(), how, "one", execution, *FAILURE)

        assert (status("one"), status("two")) == ("queued", "rate_limited")
        assert slots(redis) == ["one"]


def test_a_poisonous_job_frees_its_slot(redis, enqueue, begin, status):
    enqueue("one", retry=Retry(max=9))
    enqueue("two")
    for execution in ("e1", "e2", "e3"):
        assert status("two") == "rate_limited"
        begin(execution)
        RELEASE(redis, "someone", now_text(), "lost", "one", execution, *FAILURE)

    assert (status("one"), status("two")) == ("failed", "queued")


def test_a_retry_that_waits_for_its_time_gives_its_slot_away_and_needs_a_new_one(redis, enqueue, begin, status):
    enqueue("one", retry=Retry(max=1, interval=60))
    enqueue("two")
    begin()
    RELEASE(redis, "someone", now_text(), "failed", "one", "e1", *FAILURE)
    assert (status("one"), status("two")) == ("scheduled", "queued")

    redis.zadd("rq:scheduled:default", {"one": 1})
    TICK(redis, "someone", now_text(), "{}", "", "default")

    assert (status("one"), slots(redis)) == ("rate_limited", ["two"])
    begin("e2")
    RELEASE(redis, "someone", now_text(), "failed", "two", "e2", *FAILURE)
    assert (status("one"), slots(redis)) == ("queued", ["one"])


@pytest.mark.parametrize("action", ["cancel", "delete"])
@pytest.mark.parametrize("job_id", ["one", "two"])
def test_a_job_that_has_not_begun_is_canceled_and_deleted_with_its_slot(redis, enqueue, jobs, status, action, job_id):
    for name in ("one", "two", "zulu"):
        enqueue(name)

    getattr(jobs, action)(job_id)

    assert status(job_id) == ("canceled" if action == "cancel" else "")
    assert slots(redis) == ["two" if job_id == "one" else "one"]
    assert redis.zrange("rq:rl:k:rate_limited", 0, -1) == ([b"zulu"])


@pytest.mark.slow
def test_a_running_job_that_is_canceled_frees_its_slot(enqueue, jobs, status, worker_process):
    enqueue("one", "tests.sample_tasks.never_ends")
    enqueue("two")
    wait_until(lambda: status("one") == "started", what="the job runs")

    jobs.cancel("one")

    wait_until(lambda: status("two") == "finished", what="the next one runs")
    assert status("one") == "stopped"


@pytest.mark.parametrize("action", ["cancel", "delete"])
def test_a_running_job_that_rqs_tools_take_away_frees_its_slot(redis, enqueue, begin, status, action):
    enqueue("one")
    enqueue("two")
    begin()
    getattr(Job.fetch("one", connection=redis, serializer=JSONSerializer), action)()
    assert status("two") == "rate_limited"

    RELEASE(redis, "someone", now_text(), "stopped", "one", "e1", *FAILURE)

    assert (status("two"), slots(redis)) == ("queued", ["two"])


def test_a_job_that_expires_in_its_queue_leaves_no_slot_behind(redis, enqueue, run_worker, status):
    enqueue("one")
    enqueue("two")
    redis.delete("rq:job:one")

    TIDY_LIMIT(redis, "k", now_text())

    assert slots(redis) == ["two"]
    run_worker()
    assert status("two") == "finished"


def test_a_limit_that_nobody_uses_any_more_is_forgotten(redis, enqueue, run_worker):
    enqueue("one")
    run_worker()

    TIDY_LIMIT(redis, "k", now_text())

    assert not redis.keys("rq:rl*")


def test_the_oldest_goes_first_and_one_at_the_front_to_the_head_of_its_queue(redis, enqueue, begin, queue):
    enqueue("one")
    enqueue("two")
    enqueue("zulu", at_front=True)
    begin()

    RELEASE(redis, "someone", now_text(), "failed", "one", "e1", *FAILURE)
    assert queue.job_ids == ["two"]
    begin("e2")
    queue.enqueue(ECHO, kwargs={"text": "a"}, job_id="other")
    RELEASE(redis, "someone", now_text(), "failed", "two", "e2", *FAILURE)

    assert queue.job_ids == ["zulu", "other"]


def test_a_scheduled_job_and_a_dependent_wait_for_a_slot(redis, enqueue, queue, status, run_worker):
    enqueue("one", RAISES)
    queue.enqueue_in(timedelta(0), ECHO, kwargs={"text": "a"}, rate_limit=RateLimit("k", 1), job_id="planned")
    enqueue("child", depends_on=Dependency(["one"], allow_failure=True))

    run_worker()
    wait_until(lambda: (run_worker(), status("planned") == status("child") == "finished")[1])

    assert FailedJobRegistry(queue=queue).get_job_ids() == ["one"]
    assert slots(redis) == []


def test_a_job_without_a_slot_waits_and_says_why(enqueue, jobs, redis):
    enqueue("one")
    enqueue("two")

    job = jobs.get("two")

    assert job.status == "waiting"
    assert job.wait.reason == "It waits for its turn: the limit k lets 1 of its jobs be queued or run at a time."
    [default] = [queue for queue in Queues(redis, ("high", "default")).read() if queue.name == "default"]
    assert (default.jobs["queued"], default.jobs["waiting"]) == (1, 1)


def test_a_job_that_is_ready_to_be_queued_waits_until_a_tick_queues_it(redis, jobs, queue):
    """As after the death of a worker, between the end of the first job and the queueing of those that waited for it."""
    queue.enqueue(ECHO, kwargs={"text": "a"}, job_id="one")
    redis.lrem("rq:queue:default", 0, "one")
    redis.hset("rq:job:one", "status", "ready_to_enqueue")
    redis.zadd("rq:ready:default", {"one": 1})

    job = jobs.get("one")
    waiting = Queues(redis, ("default",)).read()[0].jobs["waiting"]
    TICK(redis, "someone", now_text(), "{}", "", "default")

    assert (job.status, job.wait.reason[:8], waiting) == ("waiting", "The jobs", 1)
    assert (jobs.get("one").status, queue.job_ids) == ("queued", ["one"])


@pytest.mark.parametrize("action", ["cancel", "delete"])
def test_a_job_that_is_ready_to_be_queued_is_canceled_and_deleted(redis, jobs, queue, action):
    queue.enqueue(ECHO, kwargs={"text": "a"}, job_id="one")
    redis.lrem("rq:queue:default", 0, "one")
    redis.hset("rq:job:one", "status", "ready_to_enqueue")
    redis.zadd("rq:ready:default", {"one": 1})

    getattr(jobs, action)("one")
    TICK(redis, "someone", now_text(), "{}", "", "default")

    assert not redis.exists("rq:ready:default", "rq:queue:default")
