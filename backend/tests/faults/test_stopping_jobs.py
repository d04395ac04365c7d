"""A running job is canceled while the messages to its worker are late or lost: F20."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from tests.faults.harness import Rig, start_rig
from tests.faults.scale import LIMIT, SEED, promised, size

pytestmark = pytest.mark.timeout(LIMIT)


@pytest.mark.slow
@pytest.mark.parametrize("message", [pytest.param("arrives late", marks=pytest.mark.slow), "is lost"])
def test_f20_a_running_job_is_canceled_in_time_whatever_happens_to_pub_sub(assert_kept, message):
    """F20: the workers' subscriptions are cut just before the cancel, or so often that its message is lost."""
    with start_rig(SEED + 20) as rig:
        rig.fleet.start()
        for _ in range(size(1, 10)):
            job_id = rig.submit("effect", seconds=100)
            rig.until_running(job_id)
            rig.redis.client_kill_filter(_type="pubsub")
            if message == "is lost":
                with _without_pub_sub(rig):
                    rig.jobs.cancel(job_id)
            else:
                rig.jobs.cancel(job_id)
            job = rig.until_final(job_id, seconds=promised(5))
            assert job.status == "canceled"

        report = rig.check(f"F20 stop, the message {message}")
        report.expect(not rig.effects.counts("end").get(job_id), "the stopped job ran to its end")
    assert_kept(report)


@contextmanager
def _without_pub_sub(rig: Rig) -> Iterator[None]:
    """Cut every subscription after a few milliseconds, while the block runs and half a second longer."""
    ended = threading.Event()

    def cut() -> None:
        while not ended.wait(0.005):
            rig.redis.client_kill_filter(_type="pubsub")

    thread = threading.Thread(target=cut, name="cutter")
    thread.start()
    try:
        yield
        time.sleep(0.5)
    finally:
        ended.set()
        thread.join()
