"""No room: a submit that would fill a queue or Redis is refused whole, and what was accepted goes on."""

from __future__ import annotations

from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta

import pytest

from taskdesk.jobs.errors import QueueFull
from taskdesk.jobs.job import Retention
from taskdesk.jobs.jobs import Jobs
from taskdesk.jobs.keys import queue_key
from taskdesk.jobs.queues import Queues
from taskdesk.jobs.submission import Idempotency
from taskdesk.service.accounts import Accounts
from taskdesk.service.errors import RedisFull
from taskdesk.service.redis import Memory

RETENTION = Retention(result_ttl=100, failure_ttl=200)
QUEUES = ("high", "default", "low")


@pytest.fixture
def capped(redis):
    """The jobs of a desk whose queues take ten."""
    return Jobs(redis, QUEUES, max_queued=10)


@pytest.fixture
def worker_settings(worker_settings):
    return worker_settings.model_copy(update={"max_queued": 1})


@pytest.fixture
def keys(redis):
    return lambda: {key: redis.dump(key) for key in redis.scan_iter("*") if key != b"ballast"}


def test_of_twenty_that_submit_at_once_into_ten_places_ten_are_taken(redis, capped, echo):
    def submit(number):
        try:
            return capped.submit(echo, {"text": str(number)}, RETENTION).status
        except QueueFull:
            return "full"

    with ThreadPoolExecutor(20) as threads:
        outcomes = Counter(threads.map(submit, range(20)))

    assert outcomes == {"queued": 10, "full": 10}
    assert redis.llen(queue_key("default")) == 10


def test_a_full_queue_says_how_many_wait_and_nothing_is_done(capped, echo, keys):
    capped.submit_many(echo, [{"text": "a"}] * 9, RETENTION)
    before = keys()

    with pytest.raises(QueueFull, match="queue default is full: 9 jobs wait in it, and 10 may"):
        capped.submit_many(echo, [{"text": "a"}] * 2, RETENTION, idempotency=Idempotency("key", "digest"))

    assert keys() == before
    assert len(capped.submit_many(echo, [{"text": "a"}], RETENTION, idempotency=Idempotency("key", "digest"))) == 1


def test_each_queue_has_places_of_its_own_and_scheduled_jobs_take_them_too(capped, echo):
    later = datetime.now(UTC) + timedelta(hours=1)
    capped.submit_many(echo, [{"text": "a"}] * 10, RETENTION, at=later)

    with pytest.raises(QueueFull):
        capped.submit(echo, {"text": "a"}, RETENTION)
    with pytest.raises(QueueFull):
        capped.submit(echo, {"text": "a"}, RETENTION, at=later)
    assert capped.submit(echo, {"text": "a"}, RETENTION, queue="high").status == "queued"


def test_what_was_accepted_is_answered_again_though_the_queue_is_full(capped, echo):
    idempotency = Idempotency("key", "digest")
    first = capped.submit(echo, {"text": "a"}, RETENTION, idempotency=idempotency)
    by_id = capped.submit(echo, {"text": "a"}, RETENTION, job_id="by-id")
    capped.submit_many(echo, [{"text": "a"}] * 8, RETENTION)

    assert capped.submit(echo, {"text": "a"}, RETENTION, idempotency=idempotency).id == first.id
    assert capped.submit(echo, {"text": "a"}, RETENTION, job_id="by-id").id == by_id.id  # its answer was lost
    with pytest.raises(QueueFull):
        capped.submit(echo, {"text": "a"}, RETENTION)


def test_a_job_that_comes_due_or_is_tried_again_is_never_refused(redis, jobs, registry, run_worker, tmp_path):
    tried_again = jobs.submit(registry.catalog.tasks["fails_once"], {"path": str(tmp_path / "seen")}, RETENTION)
    echo = registry.catalog.tasks["echo"]
    due = jobs.submit(echo, {"text": "a"}, RETENTION, at=datetime.now(UTC) + timedelta(seconds=2))
    jobs.submit_many(echo, [{"text": "a"}] * 5, RETENTION)
    redis.zadd("rq:scheduled:default", {due.id: 1})

    run_worker()
    for job_id in redis.zrange("rq:scheduled:default", 0, -1):
        redis.zadd("rq:scheduled:default", {job_id: 1})
    run_worker()

    assert [jobs.get(job.id).status for job in (tried_again, due)] == ["succeeded"] * 2


def test_when_redis_is_nearly_full_submits_are_refused_and_jobs_end(jobs, echo, leave, keys, run_worker):
    def submit_some():
        for _ in range(16):
            jobs.submit(echo, {"text": "a"}, RETENTION)

    accepted = jobs.submit(echo, {"text": "a"}, RETENTION)
    leave(0.9)
    with pytest.raises(RedisFull, match=r"\d\d% of its \d+ MB are in use"):
        submit_some()
    before = keys()

    for _ in range(3):  # each looks again
        with pytest.raises(RedisFull):
            jobs.submit_many(echo, [{"text": "a"}], RETENTION, idempotency=Idempotency("key", "digest"))
    assert keys() == before
    run_worker()

    assert jobs.get(accepted.id).status == "succeeded"
    leave(0.5)
    assert jobs.submit(echo, {"text": "a"}, RETENTION).status == "queued"


def test_when_redis_is_full_between_two_looks_a_submit_is_refused_all_the_same(redis, jobs, echo, leave, keys):
    jobs.submit(echo, {"text": "a"}, RETENTION)
    before = keys()
    leave(1.1)

    with pytest.raises(RedisFull, match="no room for more"):
        jobs.submit(echo, {"text": "a"}, RETENTION, idempotency=Idempotency("key", "digest"))

    assert keys() == before


def test_of_a_full_redis_jobs_that_wait_are_canceled_and_deleted_and_queues_are_paused(redis, jobs, echo, leave):
    canceled, deleted = (jobs.submit(echo, {"text": "a"}, RETENTION).id for _ in range(2))
    scheduled = jobs.submit(echo, {"text": "a"}, RETENTION, at=datetime.now(UTC) + timedelta(hours=1)).id
    leave(1.1)

    assert jobs.cancel(canceled, scheduled) == ["queued", "scheduled"]
    assert jobs.delete(deleted, scheduled) == ["queued", "canceled"]
    Queues(redis, QUEUES).pause("low")

    assert [job.id for job in jobs.page(10)[0]] == [canceled]
    assert redis.llen(queue_key("default")) == redis.zcard("rq:scheduled:default") == 0
    assert [queue.name for queue in Queues(redis, QUEUES).read() if queue.is_paused] == ["low"]


def test_of_a_full_redis_a_user_is_removed_with_all_tokens(redis, leave):
    accounts = Accounts(redis)
    accounts.put_user("mallory", "correct horse battery", "user")
    accounts.add_token("mallory", "flood")
    leave(1.1)

    accounts.remove_user("mallory")

    assert accounts.read() == ({}, {})


def test_a_redis_without_a_limit_is_never_short(redis):
    memory = Memory.of(redis.info("memory"))

    assert (memory.limit, memory.is_short) == (0, False)
