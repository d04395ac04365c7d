"""All that belongs to a job lives as long as the job, however it ended."""

from __future__ import annotations

import time

import pytest

from taskdesk.jobs.events import append_log
from taskdesk.jobs.job import Retention
from taskdesk.jobs.keys import (
    JOBS,
    LAST_TAKEOVER,
    WORKERS,
    dependencies_key,
    dependents_key,
    events_key,
    job_key,
    log_key,
    queue_key,
    results_key,
)
from taskdesk.jobs.rq_time import now_text
from taskdesk.service import clock
from taskdesk.worker.rq_fallback import RQFallback
from taskdesk.worker.scripts import CYCLE, RELEASE, TICK

WORKER = "someone"
ERROR = '{"type": "Failed", "title": "Failed", "detail": "It failed."}'
RESULT_TTL, FAILURE_TTL = 7_000, 3_000
KEYS = [job_key, results_key, log_key, dependents_key, dependencies_key]
LOG_TTL = 180 + 3600  # seconds: what a running job's log has


class Life:
    """A job, and each way in which it may end."""

    def __init__(self, redis, jobs, registry, worker_settings):
        self.redis, self.jobs, self._settings = redis, jobs, worker_settings
        self._spec = registry.catalog.tasks["echo"]
        self.id = ""
        self.has_begun = False

    def submit(self, *, retries: int = 0, result_ttl: int = RESULT_TTL) -> None:
        spec = self._spec.model_copy(update={"retries": retries})
        self.id = self.jobs.submit(spec, {"text": "a"}, Retention(result_ttl, FAILURE_TTL)).id

    def begin(self, **options) -> None:
        self.submit(**options)
        self._cycle()
        self.has_begun = True
        append_log(self.redis, self.id, b"one\n", offset=0, ttl=LOG_TTL)

    def _cycle(self, *outcome) -> None:
        CYCLE(self.redis, WORKER, now_text(), "e1", 90, "", "", *outcome, keys=[queue_key("default")])

    def relate(self) -> None:
        """Jobs depend on it, and it depended on one."""
        self.redis.sadd(dependents_key(self.id), "other")
        self.redis.sadd(dependencies_key(self.id), "another")

    def release(self, how: str, *foreign) -> None:
        RELEASE(self.redis, WORKER, now_text(), how, self.id, "e1", ERROR, "", 1.0, 2.0, 1.0, *foreign)

    def succeed(self, result_ttl: int = RESULT_TTL) -> None:
        self.begin(result_ttl=result_ttl)
        self._cycle(self.id, "e1", "default", "", result_ttl, "null", 1.0, 2.0)

    def succeed_as_rq(self, result_ttl: int = RESULT_TTL) -> None:
        self.begin(result_ttl=result_ttl)
        self.relate()
        self.end_as_rq()

    def end_as_rq(self) -> None:
        RQFallback(self.redis, WORKER, self._settings).succeed(self.id, "e1", b"1", "null", b"", 1.0, 2.0)

    def succeed_for_ever(self) -> None:
        self.succeed(result_ttl=-1)

    def succeed_as_rq_for_ever(self) -> None:
        self.succeed_as_rq(result_ttl=-1)

    def fail(self) -> None:
        self.begin()
        self.relate()
        self.release("failed")

    def cancel_before_it_begins(self) -> None:
        self.submit()
        self.jobs.cancel(self.id)

    def cancel_before_the_next_attempt(self) -> None:
        self.begin(retries=1)
        self.relate()
        self.release("failed")
        self.jobs.cancel(self.id)

    def stop(self) -> None:
        self.begin()
        self.relate()
        self.jobs.cancel(self.id)
        self.release("stopped")

    def lose_its_process(self) -> None:
        self.begin()
        self.relate()
        self.release("lost")

    def lose_its_worker(self) -> None:
        self.begin()
        self.relate()
        self.redis.zadd(WORKERS, {WORKER: time.time() - 100})
        self.redis.set(LAST_TAKEOVER, time.time() - 5)
        TICK(self.redis, "other", now_text(), ERROR, "", "default")

    def find_no_worker(self) -> None:
        self.begin()
        self.relate()
        self.release("handed_back", "tests.echo", "", "", "No worker.", -1, ERROR, "")

    def keep(self) -> None:
        self.fail()
        self.jobs.keep(self.id)


ENDS = {
    Life.succeed: ("succeeded", RESULT_TTL),
    Life.succeed_as_rq: ("succeeded", RESULT_TTL),
    Life.succeed_for_ever: ("succeeded", -1),
    Life.succeed_as_rq_for_ever: ("succeeded", -1),
    Life.fail: ("failed", FAILURE_TTL),
    Life.cancel_before_it_begins: ("canceled", FAILURE_TTL),
    Life.cancel_before_the_next_attempt: ("canceled", FAILURE_TTL),
    Life.stop: ("canceled", FAILURE_TTL),
    Life.lose_its_process: ("failed", FAILURE_TTL),
    Life.lose_its_worker: ("failed", FAILURE_TTL),
    Life.find_no_worker: ("failed", FAILURE_TTL),
    Life.keep: ("failed", -1),
}


@pytest.fixture
def life(redis, jobs, registry, worker_settings):
    return Life(redis, jobs, registry, worker_settings)


@pytest.mark.parametrize("end", ENDS, ids=lambda end: end.__name__)
def test_all_that_belongs_to_a_job_has_the_same_time_to_live(life, redis, end):
    status, ttl = ENDS[end]

    end(life)

    found = {key(life.id): redis.ttl(key(life.id)) for key in KEYS if redis.exists(key(life.id))}
    assert life.jobs.get(life.id).status == status
    assert {job_key(life.id), *([log_key(life.id)] if life.has_begun else [])} <= found.keys()
    assert all(ttl - 5 <= left <= ttl for left in found.values()), found
    assert redis.ttl(events_key(life.id)) <= (LOG_TTL if ttl < 0 else min(ttl, LOG_TTL))


@pytest.mark.parametrize("end", ENDS, ids=lambda end: end.__name__)
def test_a_job_that_is_deleted_leaves_nothing(life, redis, end):
    end(life)

    life.jobs.delete(life.id)

    assert redis.keys(f"*{life.id}*") == []


def test_a_job_whose_result_is_not_kept_leaves_nothing(life, redis):
    life.succeed_as_rq(result_ttl=0)

    assert redis.keys(f"*{life.id}*") == []
    assert redis.zscore(JOBS, life.id) is None


def test_so_does_one_that_also_has_an_execution_whose_hash_has_expired(life, redis):
    life.begin(result_ttl=0)
    redis.zadd(f"rq:executions:{life.id}", {"of-a-frozen-worker": clock.now() + 1000})

    life.end_as_rq()

    assert redis.keys(f"*{life.id}*") == []
