"""Two of the idle workers watch the queues, whatever their number, and no job waits for one that is gone."""

from __future__ import annotations

import os
import threading

import pytest

from taskdesk.jobs.keys import lookouts_key
from taskdesk.worker.child import lookout, queue_waiter
from taskdesk.worker.child.lookout import MAX_LOOKOUTS, Lookout
from taskdesk.worker.child.queue_waiter import QueueWaiter
from tests.conftest import wait_until

QUEUES = ("rq:queue:high", "rq:queue:low")


class Idle:
    """A worker that waits in a thread until it has news, and then takes a job from a queue if there is one."""

    def __init__(self, redis, name, show_life):
        self.redis = redis
        self.lookout = Lookout(redis, name, QUEUES)
        self.waiter = QueueWaiter(redis, self.lookout, QUEUES, show_life)
        self.wakeup, self.other = os.pipe()
        self.news, self.is_over = 0, False
        self.job = None
        self.thread = threading.Thread(target=self._wait, daemon=True)
        self.thread.start()

    def _wait(self):
        while not (self.job or self.is_over):
            self.waiter.wait(self.wakeup, 60)
            self.news += not self.is_over
            self.job = self.redis.lpop(QUEUES[0]) or self.redis.lpop(QUEUES[1])
            if self.job:
                self.waiter.leave()
        self.waiter.close()

    def end(self):
        self.is_over = True
        os.write(self.other, b"x")
        self.thread.join(10)
        os.close(self.wakeup), os.close(self.other)


@pytest.fixture
def start(redis, show_life):
    """Start idle workers, and wait until Redis holds each: those with a place by both queues, the others by a token."""
    idle = []

    def start(number):
        idle.extend(Idle(redis, f"worker-{len(idle)}", show_life) for _ in range(number))
        held = min(len(idle), MAX_LOOKOUTS) * len(QUEUES) + max(0, len(idle) - MAX_LOOKOUTS)
        wait_until(lambda: blocked(redis) == held, what="all wait")
        return idle

    yield start
    for each in idle:
        each.end()


def blocked(redis):
    return redis.info("clients")["blocked_clients"]


def places(redis):
    [key] = redis.keys(lookouts_key("*"))
    return set(redis.zrange(key, 0, -1))


def test_a_job_wakes_two_workers_at_most_and_the_place_of_the_one_that_takes_it_is_taken(redis, start):
    idle = start(6)
    before = places(redis)
    redis.rpush(QUEUES[0], "job")

    wait_until(lambda: any(each.job for each in idle), what="the job is taken")
    wait_until(lambda: len(places(redis)) == MAX_LOOKOUTS and places(redis) != before, what="the place is taken")
    wait_until(lambda: blocked(redis) >= 4 + len(QUEUES), what="the others wait again")  # both queues of one more
    assert sum(each.news for each in idle) <= MAX_LOOKOUTS


@pytest.mark.parametrize("queue", QUEUES)
def test_each_job_of_a_burst_wakes_a_worker_until_all_run(redis, start, queue):
    idle = start(12)
    redis.rpush(queue, *(f"job-{number}" for number in range(12)))

    wait_until(lambda: all(each.job for each in idle), what="all jobs are taken")
    assert len({each.job for each in idle}) == 12


@pytest.mark.slow
def test_places_of_workers_that_died_are_taken_when_their_leases_end(redis, start, monkeypatch):
    monkeypatch.setattr(lookout, "LEASE_SECONDS", 1)
    monkeypatch.setattr(queue_waiter, "MIN_BLOCK_SECONDS", 0.2)
    for dead in ("a", "b"):
        assert Lookout(redis, dead, QUEUES).has_place()
    assert not Lookout(redis, "c", QUEUES).has_place()
    redis.rpush(QUEUES[0], "job")

    idle = Idle(redis, "d", lambda extra_seconds=0: None)
    wait_until(lambda: idle.job, what="the job is taken")
    idle.end()


def test_a_lost_token_costs_a_few_seconds_and_no_job(redis, start, monkeypatch):
    monkeypatch.setattr(queue_waiter, "MIN_BLOCK_SECONDS", 0.2)
    idle = start(MAX_LOOKOUTS + 1)
    redis.delete(*redis.keys(lookouts_key("*")))  # the others took jobs, and their tokens are gone
    redis.rpush(QUEUES[0], *(f"job-{number}" for number in range(len(idle))))

    wait_until(lambda: all(each.job for each in idle), what="all jobs are taken")


def test_workers_with_other_queues_have_places_of_their_own(redis, start):
    start(MAX_LOOKOUTS)

    assert Lookout(redis, "another", QUEUES[:1]).has_place()
    assert not Lookout(redis, "another", QUEUES[::-1]).has_place()


def test_a_worker_that_does_not_wait_leaves_no_token(redis, start):
    place = Lookout(redis, "one", QUEUES)
    place.leave()
    assert place.has_place()
    place.leave()
    place.leave()
    assert place.has_place()

    wait_until(lambda: redis.llen(place.tokens) == 1, what="one token is there")
    place.close()
