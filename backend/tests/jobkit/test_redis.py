"""A connection that many callers share: their commands travel together, and their answers and errors are their own."""

from __future__ import annotations

import time
from concurrent.futures import ThreadPoolExecutor

import pytest
from redis import Redis
from redis.exceptions import RedisError, ResponseError

from jobkit.redis import connect_briefly, next_message
from tests.conftest import wait_until


@pytest.fixture
def shared(redis_url):
    with connect_briefly(redis_url) as shared:
        yield shared


@pytest.fixture
def together(shared, redis_url):
    """Call functions at the same time, so that all but the first wait while Redis is busy; what each returns."""

    def together(*functions):
        with Redis.from_url(redis_url) as other, ThreadPoolExecutor(len(functions)) as threads:
            other.client_pause(300)
            futures = [threads.submit(function) for function in functions]
            return [future.exception() or future.result() for future in futures]

    return together


def test_each_caller_has_its_own_answer(together, shared):
    answers = together(*[lambda n=n: (shared.set(f"key{n}", n), shared.get(f"key{n}")) for n in range(50)])

    assert answers == [(True, str(n).encode()) for n in range(50)]


def test_many_callers_need_one_connection(together, shared):
    together(*[lambda: shared.get("key")] * 20)

    assert len(shared.connection_pool._connections) == 1


def test_an_error_meets_who_asked_for_it(together, shared, redis):
    redis.set("text", "a")

    first, wrong, last = together(*[lambda: shared.get("text"), lambda: shared.lpush("text", "b"), shared.ping])

    assert (first, last) == (b"a", True)
    assert isinstance(wrong, ResponseError)


def test_an_error_of_the_first_meets_none_of_those_who_wait_for_it(together, shared, redis):
    redis.set("text", "a")

    wrong, *others = together(lambda: shared.lpush("text", "b"), *[lambda: shared.get("text")] * 5)

    assert isinstance(wrong, ResponseError)
    assert others == [b"a"] * 5


def test_while_redis_hangs_nobody_waits_longer_than_a_second(shared, redis):
    shared.ping()
    redis.client_pause(2_500)

    def seconds(_):
        began = time.monotonic()
        with pytest.raises(RedisError):
            shared.get("key")
        return time.monotonic() - began

    with ThreadPoolExecutor(10) as threads:
        waits = list(threads.map(seconds, range(10)))

    assert max(waits) < 2  # long before Redis is back
    assert wait_until(lambda: _answers(shared))


def _answers(redis: Redis) -> bool:
    try:
        return bool(redis.ping())
    except RedisError:
        return False


def read_on(subscription):
    while True:
        next_message(subscription, timeout=1)


def test_a_subscription_that_is_answered_with_an_error_says_so_and_goes_on(redis):
    with redis.pubsub(ignore_subscribe_messages=True) as subscription:
        subscription.subscribe("news")
        redis.config_set("requirepass", "another")
        try:
            subscription.connection.send_packed_command([b"RESET\r\nPING\r\nPING\r\n"])
            with pytest.raises(RedisError):
                read_on(subscription)
        finally:
            redis.config_set("requirepass", "")
        next_message(subscription, timeout=1)
        redis.publish("news", "a")

        assert wait_until(lambda: next_message(subscription, timeout=1))["data"] == b"a"
