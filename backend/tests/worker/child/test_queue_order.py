"""Which queue a worker looks at first."""

from __future__ import annotations

from taskdesk.jobs.job import Retention
from taskdesk.worker.child.queue_order import OTHER_ORDER_EVERY

RETENTION = Retention(100, 200)


def run_order(jobs, run_worker) -> list[str]:
    run_worker()
    done = sorted(jobs.page(1_000)[0], key=lambda job: job.ended_at)
    return [job.queue for job in done]


def submit(jobs, registry, queue: str, count: int) -> None:
    """Submit jobs that are never prefetched: a machine that is busy for 30 ms would have one requeued, out of turn."""
    jobs.submit_many(registry.catalog.tasks["echoes_once"], [{"text": "a"}] * count, RETENTION, queue=queue)


def test_urgent_jobs_run_first(jobs, registry, run_worker):
    for queue in ("low", "default", "high"):
        submit(jobs, registry, queue, 2)

    assert run_order(jobs, run_worker) == ["high"] * 2 + ["default"] * 2 + ["low"] * 2


def test_however_many_urgent_jobs_there_are_each_other_queue_gets_its_share(jobs, registry, run_worker):
    submit(jobs, registry, "high", 20 * OTHER_ORDER_EVERY)
    for queue in ("default", "low"):
        submit(jobs, registry, queue, 5)

    order = run_order(jobs, run_worker)

    for queue in ("default", "low"):
        assert [place for place, found in enumerate(order) if found == queue][-1] <= 11 * OTHER_ORDER_EVERY
    assert order[: OTHER_ORDER_EVERY - 1] == ["high"] * (OTHER_ORDER_EVERY - 1)
