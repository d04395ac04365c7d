"""A submit that is sent twice makes its jobs once."""

from __future__ import annotations

import threading

import pytest
from redis import Redis

from taskdesk.jobs.errors import IdempotencyKeyReused
from taskdesk.jobs.job import Retention
from taskdesk.jobs.jobs import Jobs
from taskdesk.jobs.submission import Idempotency

RETENTION = Retention(result_ttl=100, failure_ttl=200)


@pytest.fixture
def submit(jobs, echo):
    return lambda **options: jobs.submit(echo, {"text": "a"}, RETENTION, **options).id


def test_a_request_with_a_key_is_done_once(jobs, submit):
    idempotency = Idempotency("the key", "digest")

    assert submit(idempotency=idempotency) == submit(idempotency=idempotency)

    assert len(jobs.page(10)[0]) == 1
    with pytest.raises(IdempotencyKeyReused):
        submit(idempotency=Idempotency("the key", "another digest"))


def test_two_hundred_concurrent_requests_with_twenty_keys_make_twenty_jobs(redis_url, echo, jobs):
    """F21."""
    ids: dict[int, set[str]] = {key: set() for key in range(20)}

    def request(number: int) -> None:
        key = number % 20
        with Redis.from_url(redis_url) as redis:
            job = Jobs(redis, ("default",)).submit(
                echo, {"text": "a"}, RETENTION, idempotency=Idempotency(str(key), "same")
            )
            ids[key].add(job.id)

    threads = [threading.Thread(target=request, args=(number,)) for number in range(200)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert [len(of_key) for of_key in ids.values()] == [1] * 20
    assert len(jobs.page(200)[0]) == 20


def test_a_batch_with_a_key_is_done_once(jobs, echo):
    idempotency = Idempotency("the key", "digest")

    ids = jobs.submit_many(echo, [{"text": "a"}] * 3, RETENTION, idempotency=idempotency)

    assert jobs.submit_many(echo, [{"text": "a"}] * 3, RETENTION, idempotency=idempotency) == ids
    assert jobs.earlier_ids(idempotency) == ids
