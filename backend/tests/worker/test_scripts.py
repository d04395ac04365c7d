"""The transitions in Redis: sent twice, or too late, they change nothing."""

from __future__ import annotations

import time
from datetime import UTC, datetime, timedelta

import pytest

from taskdesk.jobs.job import Retention
from taskdesk.jobs.listing import Filter
from taskdesk.jobs.rq_time import now_text
from taskdesk.worker.scripts import CYCLE, RELEASE, TICK

WORKER = "someone"
RETENTION = Retention(result_ttl=100, failure_ttl=200)
QUEUES = ["rq:queue:high", "rq:queue:default", "rq:queue:low"]


@pytest.fixture
def echo(jobs, registry):
    return lambda: jobs.submit(registry.catalog.tasks["echo"], {"text": "a"}, RETENTION).id


@pytest.fixture
def cycle(redis):
    """Reserve a job, and before that end one: (id, execution). `begins` is a job that was prefetched."""

    def cycle(execution: str, *, begins=("", ""), done=None, queues=QUEUES):
        outcome = [*done, "default", "", 100, '"json"', 1.0, 2.0] if done else []
        script = redis.register_script(CYCLE.source)
        answer = script(keys=queues, args=[WORKER, now_text(), execution, 90, *begins, *outcome])
        return (answer[0], (answer[2].decode(), answer[3].decode())) if answer[1] == b"job" else (answer[0], None)

    return cycle


@pytest.fixture
def release(redis):
    return lambda how, job="", execution="": RELEASE(
        redis, WORKER, now_text(), how, job, execution, "{}", "", "", "", ""
    )


def everything(redis):
    return {key: redis.dump(key) for key in redis.scan_iter("rq:*")}


def test_a_reservation_that_is_sent_again_gives_the_same_job(cycle, echo):
    echo(), echo()

    assert cycle("e1") == cycle("e1")


def test_an_end_that_is_sent_again_changes_nothing(cycle, echo, redis):
    echo(), echo()
    _, first = cycle("e1")
    once = cycle("e2", done=first)[1]
    before = everything(redis)

    again = cycle("e2", done=first)

    assert again == (0, once)
    assert everything(redis) == before


def test_an_end_of_a_canceled_job_changes_nothing(cycle, echo, redis):
    echo()
    _, job = cycle("e1")
    redis.hset(f"rq:job:{job[0]}", "status", "canceled")

    assert cycle("e2", done=job) == (0, None)
    assert redis.hget(f"rq:job:{job[0]}", "status") == b"canceled"
    assert not redis.exists(f"rq:results:{job[0]}", "rq:finished:default")


def test_a_job_that_was_requeued_and_runs_again_is_not_ended_by_its_first_execution(cycle, release, echo, jobs):
    echo()
    _, first = cycle("e1")
    release("requeued", *first)
    _, second = cycle("e2")

    assert second[0] == first[0]
    assert release("failed", *first) == []
    assert cycle("e3", done=first) == (0, second)
    assert jobs.get(second[0]).status == "running"


def test_one_job_is_prefetched_and_only_when_there_is_one(cycle, echo, redis):
    first, second = echo(), echo()
    _, running = cycle("e1")

    assert cycle("e2", begins=running) == (1, (second, "e2"))
    assert cycle("e2", begins=running) == (1, (second, "e2"))
    assert cycle("e3", begins=(second, "e2"), done=(first, "e1")) == (1, None)
    assert redis.hget(f"rq:worker:{WORKER}", "td_next") is None


def test_what_was_prefetched_is_given_to_the_next_child(cycle, release, echo):
    echo(), echo()
    _, running = cycle("e1")
    _, prefetched = cycle("e2", begins=running)

    release("lost", *running)

    assert cycle("e9") == (1, prefetched)


def test_what_is_prefetched_is_requeued_at_the_head(cycle, release, echo, redis):
    ids = [echo().encode() for _ in range(3)]
    _, running = cycle("e1")
    cycle("e2", begins=running)

    release("requeued", "", "e1")

    assert redis.lrange("rq:queue:default", 0, -1) == ids[1:]


def test_a_reservation_that_arrives_after_its_worker_has_left_takes_nothing(cycle, release, echo, redis):
    """A child was killed while its call was on its way."""
    first, second = echo(), echo()
    _, running = cycle("e1")
    release("requeued", *running)
    release("requeued")

    assert cycle("e2", done=running) == (0, None)
    assert redis.lrange("rq:queue:default", 0, -1) == [first.encode(), second.encode()]
    assert 0 < redis.ttl(f"rq:worker:{WORKER}") <= 120


def test_a_revoke_that_comes_late_takes_nothing(cycle, release, echo, redis):
    first, second, third = echo(), echo(), echo()
    _, running = cycle("e1")
    cycle("e2", begins=running)
    cycle("e3", begins=(second, "e2"), done=(first, "e1"))
    before = everything(redis)

    assert release("requeued", "", "e1") == []
    assert everything(redis) == before
    assert redis.hget(f"rq:worker:{WORKER}", "td_next") == f"{third}:e3".encode()


@pytest.mark.parametrize("how", ["requeued", "failed", "lost"])
def test_a_job_that_was_told_to_stop_does_not_run_again(cycle, release, echo, jobs, redis, how):
    echo()
    _, job = cycle("e1")
    redis.hset(f"rq:job:{job[0]}", "retries_left", 3)
    jobs.cancel(job[0])

    release(how, *job)

    assert (jobs.get(job[0]).status, redis.llen("rq:queue:default")) == ("canceled", 0)


def test_a_job_that_was_told_to_stop_is_not_ended_as_a_success(cycle, echo, jobs, redis):
    echo()
    _, job = cycle("e1")
    assert jobs.cancel(job[0]) == ["running"]
    before = redis.dump(f"rq:job:{job[0]}")

    assert cycle("e2", done=job) == (-1, None)
    assert redis.dump(f"rq:job:{job[0]}") == before
    assert redis.zrange("rq:wip:default", 0, -1) == [f"{job[0]}:e1".encode()]


@pytest.mark.parametrize(("how", "status"), [("lost", b"queued"), ("failed", b"scheduled")])
def test_a_job_that_lost_its_worker_is_tried_again_without_the_pause_of_a_failure(
    cycle, release, echo, redis, how, status
):
    echo()
    _, job = cycle("e1")
    redis.hset(f"rq:job:{job[0]}", mapping={"retries_left": 2, "retry_intervals": "[60, 60]"})

    assert release(how, *job)[0] == status
    assert redis.hget(f"rq:job:{job[0]}", "retries_left") == b"1"


def test_a_suspended_worker_reserves_nothing(cycle, echo, redis):
    echo()
    redis.set("rq:suspended", 1)

    assert cycle("e1") == (1, None)
    assert redis.hget(f"rq:worker:{WORKER}", "state") == b"suspended"


def test_what_is_due_waits_behind_what_waits_already_and_the_rest_stays_scheduled(jobs, registry, redis):
    def submit(hours):
        at = datetime.now(UTC) + timedelta(hours=hours) if hours else None
        return jobs.submit(registry.catalog.tasks["echo"], {"text": "a"}, RETENTION, queue="high", at=at).id

    second, first, later, waiting = submit(2), submit(1), submit(3), submit(0)
    redis.zadd("rq:scheduled:high", {first: time.time() - 60, second: time.time() - 1})

    TICK(redis, WORKER, now_text(), "{}", "", "high", "default", "low")

    queued = [jobs.get(job_id) for job_id in (waiting, first, second)]
    assert [job_id.decode() for job_id in redis.lrange("rq:queue:high", 0, -1)] == [job.id for job in queued]
    assert [jobs.place(job).position for job in queued] == [1, 2, 3]
    assert [(job.status, job.scheduled_at) for job in queued] == [("queued", None)] * 3
    assert [job.id for job in jobs.page(9, None, Filter(status="scheduled"))[0]] == [later]
    assert [job.id for job in jobs.page(9)[0]] == [waiting, later, first, second]


def test_a_worker_whose_record_was_lost_is_missed_should_it_die_with_what_it_reserves_now(cycle, echo, redis):
    echo()

    cycle("e1")

    assert 0 < redis.ttl(f"rq:worker:{WORKER}") <= 120
    assert redis.zscore("taskdesk:workers", WORKER)
