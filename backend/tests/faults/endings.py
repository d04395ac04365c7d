"""The ways in which a job can end: how RQ's producer submits each, and which status it must reach.

The load of every scenario has all of them, because RQ's own code ends most of them in the worker (rq_fallback.py).
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from redis import Redis
from rq import Queue, Repeat, Retry
from rq.job import Dependency
from rq.serializers import JSONSerializer

from tests.faults.catalog import OFTEN

KEPT_SECONDS = 3600
RETRIES = 20
GONE = "gone"


@dataclass(frozen=True)
class Ending:
    """`becomes`: RQ's status of the job if nothing goes wrong, or GONE if nothing of the job is kept."""

    becomes: str = "finished"
    needs: str = ""  # the ending of the job that it waits for
    allows_failure: bool = False  # of the job that it waits for
    repeats: int = 0
    failures: int = 0  # attempts that fail, of a job of the task `fails`
    only_for: str = ""  # the only task that can end so; empty for any task
    delay: int = 0  # seconds until it is due

    @property
    def runs(self) -> int:
        """Return how often the function begins if nothing goes wrong."""
        if self.becomes == "deferred":
            return 0
        return 1 + self.repeats + (self.failures if self.becomes == "finished" else 0)


PLAIN = "plain"
ENDINGS = {
    PLAIN: Ending(),
    "dependent": Ending(needs=PLAIN),
    "repeated": Ending(repeats=2),
    "not kept": Ending(becomes=GONE),
    "retried": Ending(failures=1, only_for="fails"),
    # RQ lets a job wait for ever if the job it waits for has failed already, so this one fails later.
    "failing": Ending(becomes="failed", failures=1_000, only_for="fails", delay=2),
    "waiting for ever": Ending(becomes="deferred", needs="failing"),
    "dependent on any end": Ending(needs="failing", allows_failure=True),
}
BY_CHANCE = ("dependent", "repeated", "not kept", "retried", "waiting for ever", "dependent on any end")


def enqueue(
    redis: Redis, ending: Ending, task: str, job_id: str, *, parent: str, seconds: float, pause: int, **more: Any
) -> None:
    """Submit a job with RQ's own code. It runs for `seconds`, and pauses before a retry or a repetition.

    `more` goes to RQ's `enqueue`.
    """
    options = {"failure_ttl": KEPT_SECONDS, "result_ttl": 0 if ending.becomes == GONE else KEPT_SECONDS, **more}
    if ending.needs:
        options["depends_on"] = Dependency(jobs=[parent], allow_failure=ending.allows_failure)
    if ending.repeats:
        options["repeat"] = Repeat(times=ending.repeats, interval=pause)
    if ending.becomes != "failed" and (task in OFTEN or ending.failures):
        options["retry"] = Retry(max=RETRIES, interval=pause)
    options["kwargs"] = {"times": ending.failures} if ending.failures else {"seconds": seconds}
    queue = task.rpartition("_")[2] if task.endswith(("_high", "_low")) else "default"
    function = f"tests.faults.tasks.{task}"
    producer = Queue(queue, connection=redis, serializer=JSONSerializer)
    if ending.delay:
        producer.enqueue_in(timedelta(seconds=ending.delay), function, job_id=job_id, **options)
    else:
        producer.enqueue(function, job_id=job_id, **options)
