"""Wait for replicas, with REDIS_WAIT: a job that was accepted is still there after a failover.

WAIT counts the replicas that have what its connection has written, and so all that anybody wrote before. So the jobs
are looked up, a message is published, which replicas get and nobody reads, and WAIT is sent, all on one connection: a
primary that was promoted meanwhile does not have the jobs.
"""

from __future__ import annotations

from collections.abc import Sequence

from redis import Redis

from taskdesk.jobs.keys import REPLICATION, job_key
from taskdesk.service.errors import AppError

WAIT_MS = 500  # less than a web process waits for an answer


class NotReplicated(AppError):
    """Not confirmed: the jobs were accepted, and a failover may lose them."""

    status = 503

    def __init__(self, job_ids: Sequence[str], replicas: int):
        which = f"job {job_ids[0]} was" if len(job_ids) == 1 else f"{len(job_ids):,} jobs were"
        needed = "replica" if replicas == 1 else f"{replicas} replicas"
        super().__init__(
            f"The {which} accepted, but no {needed} of Redis confirmed it within {WAIT_MS / 1000:g} s, so a failover "
            "may lose it. It may run. The same request with the same Idempotency-Key makes no second job."
        )


def wait_for_replicas(redis: Redis, job_ids: Sequence[str], replicas: int) -> None:
    """Return when so many replicas have these jobs. Raises NotReplicated, RedisError."""
    with redis.pipeline(transaction=False) as pipeline:
        pipeline.exists(*map(job_key, job_ids))
        pipeline.publish(REPLICATION, "")
        pipeline.execute_command("WAIT", replicas, WAIT_MS)
        there, _, confirmed = pipeline.execute()
    if there < len(job_ids) or confirmed < replicas:
        raise NotReplicated(job_ids, replicas)
