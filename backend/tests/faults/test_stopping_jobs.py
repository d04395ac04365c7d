"""A running job that somebody stops while messages are late or lost: F20."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from tests.faults.harness import Desk, desk
from tests.faults.scale import LIMIT, SEED, size

pytestmark = pytest.mark.timeout(LIMIT)


@pytest.mark.parametrize("message", [pytest.param("arrives late", marks=pytest.mark.slow), "is lost"])
def test_f20_a_running_job_is_stopped_whatever_happened_to_pub_sub(assert_kept, message):
    """F20: the workers' subscriptions are cut just before a stop, or so often that its message is lost."""
    with desk(SEED + 20) as opened:
        opened.fleet.start()
        for _ in range(size(1, 10)):
            job_id = opened.submit("effect", seconds=20)
            opened.until_running(job_id)
            opened.redis.client_kill_filter(_type="pubsub")
            if message == "is lost":
                with _without_pub_sub(opened):
                    opened.jobs.cancel(job_id)
            else:
                opened.jobs.cancel(job_id)
            job = opened.until_final(job_id, seconds=5)
            assert job.status == "canceled"

        report = opened.check(f"F20 stop, the message {message}")
        report.expect(not opened.effects.counts("end").get(job_id), "the stopped job ran to its end")
    assert_kept(report)


@contextmanager
def _without_pub_sub(opened: Desk) -> Iterator[None]:
    """While the block runs, and half a second longer, no subscription outlives a few milliseconds."""
    ended = threading.Event()

    def cut() -> None:
        while not ended.wait(0.005):
            opened.redis.client_kill_filter(_type="pubsub")

    thread = threading.Thread(target=cut, name="cutter")
    thread.start()
    try:
        yield
        time.sleep(0.5)
    finally:
        ended.set()
        thread.join()
