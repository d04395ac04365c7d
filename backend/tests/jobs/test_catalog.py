"""How the web reads the catalog."""

from __future__ import annotations

import threading
import time

from taskdesk.jobs.catalog_reader import CatalogReader
from tests.conftest import wait_until


def test_while_one_request_reads_the_catalog_others_get_the_last_reading(redis, registry):
    reader = CatalogReader(redis)
    before = reader.read()
    redis.client_pause(3_000)
    time.sleep(0.2)  # it is older then than this request allows
    began = time.monotonic()
    slow = threading.Thread(target=reader.read, kwargs={"max_age": 0.2})
    slow.start()
    wait_until(lambda: reader._current[0] > began, what="it has begun to read")

    meanwhile = reader.read(max_age=0.2)

    assert meanwhile is before
    assert slow.is_alive()
    slow.join()
    assert reader.read() is not before
