"""How a worker takes its leave."""

from __future__ import annotations

import pytest
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


@pytest.mark.slow
def test_a_worker_that_is_told_to_stop_between_two_children_requeues_the_job_of_the_next(
    worker_settings, registry, redis, submit, jobs
):
    first, second = submit("remembers"), submit("starts_afresh")
    worker = TaskWorker(worker_settings, preloaded(registry), redis)
    settle = worker._exit.settle

    def settle_and_be_told_to_stop(status: int, **more: bool) -> None:
        settle(status, **more)
        worker._signals.is_set = True

    worker._exit.settle = settle_and_be_told_to_stop
    worker.work()

    assert [jobs.get(job_id).status for job_id in (first, second)] == ["succeeded", "queued"]
    assert redis.zcard("rq:wip:default") == 0
