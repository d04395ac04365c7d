"""The worker's program: read the settings, and run jobs in a pool of worker processes. It imports no task."""

import gc
import sys

from taskdesk.jobs.unpacking import bound_rq
from taskdesk.service.pool import Pool
from taskdesk.service.startup import start_process
from taskdesk.worker.gpus import gpu_names, take_gpu
from taskdesk.worker.metrics import listen, serve_metrics
from taskdesk.worker.settings import WorkerSettings
from taskdesk.worker.shared.meters import Meters
from taskdesk.worker.supervisor.worker import work
from taskdesk.worker.task_package import on_import_path


def main() -> int:
    settings = start_process(WorkerSettings, "worker")
    bound_rq()
    for stream in (sys.stdout, sys.stderr):
        stream.reconfigure(errors="backslashreplace")  # type: ignore[union-attr]  # a task may print anything
    settings = on_import_path(settings)
    meters = Meters(settings.workers)
    listener = listen(settings.worker_metrics) if settings.worker_metrics else None

    gpus = gpu_names(settings.gpus)

    def run(number: int) -> None:
        if number < settings.workers:
            take_gpu(gpus, number)
            work(settings, meters.rows[number], is_first=number == 0)
        elif listener:
            serve_metrics(listener, meters)

    gc.freeze()  # all processes share what is loaded by now: a collection would copy it
    return Pool("worker process", settings.workers + bool(listener), run).run()  # the last one serves the metrics


if __name__ == "__main__":
    sys.exit(main())
