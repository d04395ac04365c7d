"""The worker's program: read the settings, discover the tasks, and run jobs in a pool of worker processes."""

import logging
import sys

from taskdesk.jobs.unpacking import bound_rq
from taskdesk.service.pool import Pool
from taskdesk.service.startup import start_process
from taskdesk.worker.discovery import discover
from taskdesk.worker.metrics import listen, serve_metrics
from taskdesk.worker.settings import WorkerSettings
from taskdesk.worker.shared.meters import Meters
from taskdesk.worker.supervisor.worker import work
from taskdesk.worker.task_package import exit_without_package, exit_without_tasks


def main() -> int:
    settings = start_process(WorkerSettings, "worker")
    bound_rq()
    log = logging.getLogger("worker")

    for stream in (sys.stdout, sys.stderr):
        stream.reconfigure(errors="backslashreplace")  # type: ignore[union-attr]  # a task may print anything
    exit_without_package(settings)
    registry = discover(settings)
    for broken in registry.catalog.broken:
        log.error("%s can't be used: %s", broken.module, broken.error)
    exit_without_tasks(settings, registry.catalog)
    log.info("the worker serves %d tasks on queues %s", len(registry.tasks), ", ".join(settings.queues))

    meters = Meters(registry.tasks, settings.workers)
    listener = listen(settings.worker_metrics) if settings.worker_metrics else None

    def run(number: int) -> None:
        if number < settings.workers:
            work(settings, registry, meters.rows[number])
        elif listener:
            serve_metrics(listener, meters)

    return Pool("worker process", settings.workers + bool(listener), run).run()  # the last one serves the metrics


if __name__ == "__main__":
    sys.exit(main())
