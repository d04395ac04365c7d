"""How a worker takes its leave of a Redis that was away."""

from __future__ import annotations

from redis.exceptions import ConnectionError

from taskdesk.worker.supervisor.worker import TaskWorker
from tests.conftest import preloaded


class Stopped(TaskWorker):
    """It is told to stop while Redis is away; Redis answers again when the worker takes its leave."""

    def _begin(self) -> None:
        self._signals.is_set = True
        raise ConnectionError("Redis is away")


def test_a_worker_that_is_stopped_before_redis_answered_ends_quietly(worker_settings, registry, redis):
    assert not Stopped(worker_settings, preloaded(registry), redis).work()

    assert redis.zcard("taskdesk:workers") == 0
