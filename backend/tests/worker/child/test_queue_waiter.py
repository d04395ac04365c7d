"""The child shows signs of life while it waits for a job."""

from __future__ import annotations

import os

from taskdesk.worker.child import queue_waiter
from taskdesk.worker.child.lookout import Lookout
from taskdesk.worker.child.queue_waiter import QueueWaiter


def test_a_wait_for_a_job_wakes_up_now_and_then(redis, signs, show_life, monkeypatch):
    monkeypatch.setattr(queue_waiter, "SIGN_OF_LIFE_SECONDS", 0.1)
    wakeup, other = os.pipe()
    queues = tuple(f"rq:queue:{number}" for number in range(50))
    waiter = QueueWaiter(redis, Lookout(redis, "one", queues), queues, show_life)

    waiter.wait(wakeup, 0)  # it connects
    signs.clear()

    waiter.wait(wakeup, 1.0)

    waiter.close()
    os.close(wakeup), os.close(other)
    assert signs.count(0.0) >= 2
