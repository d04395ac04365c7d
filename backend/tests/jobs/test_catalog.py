"""How the web reads the catalog."""

from __future__ import annotations

import threading
import time
from concurrent.futures import ThreadPoolExecutor

import pytest
from redis import Redis
from redis.exceptions import TimeoutError

from taskdesk.jobs.catalog import announce
from taskdesk.jobs.catalog_reader import CatalogReader
from tests.conftest import discovered, wait_until


@pytest.mark.slow
def test_while_one_request_reads_the_catalog_others_get_the_last_reading(redis, registry):
    reader = CatalogReader(redis)
    before = reader.read()
    redis.client_pause(3_000)
    time.sleep(0.2)  # it is older then than this request allows
    slow = threading.Thread(target=reader.read, kwargs={"max_age": 0.2})
    slow.start()
    wait_until(reader._reading.locked, what="it has begun to read")

    meanwhile = reader.read(max_age=0.2)

    assert meanwhile is before
    assert slow.is_alive()
    slow.join()
    assert reader.read() is not before


@pytest.fixture
def catalog(worker_settings):
    return discovered(worker_settings.tasks).catalog


def test_a_task_is_found_that_was_announced_before_another_request_began_to_read(redis, catalog):
    reader = CatalogReader(redis)
    before = reader.read()
    reader._current = (0.0, before)  # it is old
    announce(redis, catalog)
    redis.client_pause(500)
    other = threading.Thread(target=reader.read)
    other.start()
    wait_until(reader._reading.locked, what="the other request has begun to read")

    assert reader.task("echo").name == "echo"

    other.join()


def test_a_task_is_found_that_was_announced_after_another_request_began_to_read(redis, catalog):
    class Overtaken(CatalogReader):
        def _read(self):
            found = super()._read()
            has_read.set()
            is_announced.wait(30)
            return found

    has_read, is_announced = threading.Event(), threading.Event()
    reader = Overtaken(redis)
    other = threading.Thread(target=reader.read)
    other.start()
    has_read.wait(30)
    announce(redis, catalog)
    asking = ThreadPoolExecutor(1)
    answer = asking.submit(reader.task, "echo")
    is_announced.set()

    assert answer.result(30).name == "echo"

    other.join()
    asking.shutdown()


def test_requests_that_wait_for_a_reading_fail_with_it_when_redis_hangs(redis, redis_url):
    class Counting(CatalogReader):
        attempts = 0

        def _read(self):
            self.attempts += 1
            return super()._read()

    with Redis.from_url(redis_url, socket_timeout=0.5) as impatient, ThreadPoolExecutor(8) as requests:
        reader = Counting(impatient)
        reader.read()
        redis.client_pause(1_000)
        answers = [requests.submit(reader.task, "unknown") for _ in range(8)]

        assert {type(answer.exception(30)) for answer in answers} == {TimeoutError}
    assert reader.attempts <= 3  # the first one, that of the first request, and one of a request that came late
