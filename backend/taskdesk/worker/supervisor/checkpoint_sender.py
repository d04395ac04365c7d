"""Send the checkpoints of the running job to Redis: one a second at most, and the last one when its process ends."""

from __future__ import annotations

import time

from redis import Redis

from taskdesk.worker.checkpoint_fields import keep
from taskdesk.worker.shared.activity import RunningJob
from taskdesk.worker.shared.checkpoint_memory import CheckpointMemory

SEND_SECONDS = 1.0  # from one checkpoint to the next


class CheckpointSender:
    """Each method raises RedisError; then the next call repeats the step."""

    def __init__(self, redis: Redis, memory: CheckpointMemory):
        self._redis = redis
        self._memory = memory
        self._sent = 0  # the number of the last checkpoint in Redis
        self._next = 0.0

    def send_if_due(self, running: RunningJob | None) -> None:
        if running and self._memory.number != self._sent and time.monotonic() >= self._next:
            self._next = time.monotonic() + SEND_SECONDS
            self.send(running)

    def send(self, running: RunningJob) -> None:
        """Send what Redis does not have yet. Call this also before the job is ended."""
        kept = self._memory.read(running.execution)
        if kept and kept.number != self._sent and keep(self._redis, running.job_id, kept):
            self._sent = kept.number
