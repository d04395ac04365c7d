"""Slots of RQ's limits when answers are lost, RQ's tools meddle, or the data of a limit are damaged."""

from __future__ import annotations

import pytest
from rq import Queue, Retry
from rq.job import Job
from rq.rate_limit import RateLimit
from rq.serializers import JSONSerializer

from taskdesk.jobs.queues import Queues
from taskdesk.jobs.rq_time import now_text
from taskdesk.jobs.scripts import TIDY_LIMIT
from taskdesk.worker.scripts import CYCLE, RELEASE, TICK

ECHO = "tests.sample_tasks.echo"
FAILURE = ("{}", "", "", "", "")


@pytest.fixture
def queue(redis):
    return Queue("default", connection=redis, serializer=JSONSerializer)


@pytest.fixture
def enqueue(queue):
    """Enqueue a job with RQ, one at a time of its limit."""

    def enqueue(job_id: str, limit: str = "k", **options) -> Job:
        return queue.enqueue(ECHO, kwargs={"text": "a"}, rate_limit=RateLimit(limit, 1), job_id=job_id, **options)

    return enqueue


@pytest.fixture
def status(redis):
    return lambda job_id: (redis.hget(f"rq:job:{job_id}", "status") or b"").decode()


@pytest.fixture
def begin(redis):
    """A worker reserves the job at the head of the queue."""
    return lambda execution="e1": CYCLE(redis, "someone", now_text(), execution, 90, "", "", keys=["rq:queue:default"])


@pytest.fixture
def end(redis):
    def end(job_id: str, execution: str = "e1", how: str = "failed") -> None:
        RELEASE(redis, "someone", now_text(), how, job_id, execution, *FAILURE)

    return end


def test_an_end_that_is_sent_again_leaves_a_job_that_waits_for_a_slot_again_alone(redis, enqueue, begin, end, status):
    enqueue("one", retry=Retry(max=1, interval=60))
    enqueue("two")
    begin()
    end("one")
    redis.zadd("rq:scheduled:default", {"one": 1})
    TICK(redis, "someone", now_text(), "{}", "", "default")
    assert status("one") == "rate_limited"

    end("one")  # the answer was lost
    begin("e2")
    end("two", "e2")

    assert status("one") == "queued"


def test_tidying_leaves_a_job_alone_that_waits_for_a_slot_and_left_one_behind(redis, enqueue, status):
    enqueue("one")
    enqueue("two")
    redis.zadd("rq:rl:k:allowed", {"two": 1})
    redis.zrem("rq:rl:k:allowed", "one")

    TIDY_LIMIT(redis, "k", now_text())

    assert status("two") == "queued"


@pytest.mark.parametrize("action", ["cancel", "delete"])
def test_a_job_that_has_just_begun_keeps_its_slot_when_rqs_tools_take_it_away(
    redis, enqueue, begin, end, status, action
):
    """Its worker notices at its next heartbeat; until then, its function runs."""
    enqueue("one")
    enqueue("two")
    begin()

    getattr(Job.fetch("one", connection=redis, serializer=JSONSerializer), action)()
    TIDY_LIMIT(redis, "k", now_text())

    assert status("two") == "rate_limited"
    end("one", how="stopped")
    assert status("two") == "queued"


def test_a_job_that_runs_keeps_its_slot_when_it_is_canceled_by_rq_and_then_deleted(
    redis, jobs, enqueue, begin, end, status
):
    enqueue("one")
    enqueue("two")
    begin()
    Job.fetch("one", connection=redis, serializer=JSONSerializer).cancel()

    jobs.delete("one")

    assert status("two") == "rate_limited"
    end("one", how="stopped")
    assert status("two") == "queued"
    assert not redis.exists("rq:executions:one")


@pytest.mark.parametrize("action", ["cancel", "delete"])
def test_jobs_that_are_canceled_and_deleted_together_give_their_slot_to_none_of_them(
    redis, jobs, queue, enqueue, status, action
):
    for job_id in ("one", "two", "zulu"):
        enqueue(job_id)

    getattr(jobs, action)("one", "two")

    assert queue.job_ids == ["zulu"]
    assert redis.zrange("rq:rl:k:allowed", 0, -1) == [b"zulu"]


@pytest.mark.parametrize("most", ["abc", "0", "-1", "1.5", "0x2", "inf", ""])
def test_a_job_with_a_damaged_limit_runs(redis, enqueue, run_worker, status, most):
    enqueue("one", retry=Retry(max=1))
    redis.hset("rq:job:one", mapping={"rate_limit_concurrency": most, "status": "scheduled"})
    redis.delete("rq:queue:default", "rq:rl:k:allowed")
    redis.zadd("rq:scheduled:default", {"one": 1})
    TICK(redis, "someone", now_text(), "{}", "", "default")
    assert status("one") == "queued"

    run_worker()

    assert status("one") in ("finished", "failed")


@pytest.mark.parametrize("most", ["abc", "0", None])
def test_a_limit_whose_number_is_damaged_is_what_its_oldest_job_says(redis, enqueue, begin, end, status, most):
    enqueue("one")
    enqueue("two")
    redis.delete("rq:rl:k") if most is None else redis.hset("rq:rl:k", "concurrency", most)
    begin()

    end("one")

    assert status("two") == "queued"


@pytest.mark.parametrize("suffix", ["", ":allowed", ":rate_limited"])
def test_a_limit_whose_key_is_something_else_is_no_limit(redis, jobs, enqueue, run_worker, status, suffix):
    """As with two limits "k" and "k:allowed": RQ uses one key for both."""
    for job_id in ("one", "two", "zulu"):
        enqueue(job_id)
    redis.delete(f"rq:rl:k{suffix}")
    redis.set(f"rq:rl:k{suffix}", "something else")

    TIDY_LIMIT(redis, "k", now_text())
    Queues(redis, ("default",)).read()
    run_worker()
    jobs.cancel("zulu")

    assert status("one") == "finished"
    assert status("zulu") == "canceled"


def test_a_slot_is_freed_although_redis_is_full(redis, jobs, enqueue, status):
    for job_id in ("one", "two", "zulu"):
        enqueue(job_id)
    redis.config_set("maxmemory", 1)
    try:
        jobs.cancel("one")
        jobs.delete("two")
    finally:
        redis.config_set("maxmemory", 0)

    assert [status(job_id) for job_id in ("one", "two", "zulu")] == ["canceled", "", "queued"]


def test_many_jobs_that_are_gone_do_not_hold_up_the_next(redis, enqueue, begin, end, status):
    enqueue("one")
    enqueue("two")
    redis.zadd("rq:rl:k:rate_limited", {f"gone {number}": number for number in range(25_000)})
    begin()

    end("one")
    for _ in range(3):
        TIDY_LIMIT(redis, "k", now_text())

    assert status("two") == "queued"
