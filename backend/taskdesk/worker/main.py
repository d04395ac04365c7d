"""The worker's program: read the settings, and run jobs in a pool of worker processes. It imports no task."""

import gc
import os
import sys
from functools import partial

from pydantic import SecretStr

from taskdesk.jobs.alerts.file import AlertsFile, check_alerts_file
from taskdesk.jobs.stores import check_store
from taskdesk.jobs.unpacking import bound_rq
from taskdesk.service.object_store import place_of
from taskdesk.service.pool import Pool
from taskdesk.service.startup import start_process
from taskdesk.worker.deliverer.loop import deliver
from taskdesk.worker.gpus import gpu_names, take_gpu
from taskdesk.worker.metrics import listen, serve_metrics
from taskdesk.worker.object_sweep import sweep_objects
from taskdesk.worker.settings import WorkerSettings
from taskdesk.worker.shared.meters import Meters
from taskdesk.worker.supervisor.worker import work
from taskdesk.worker.task_package import on_import_path


def main() -> int:
    settings = start_process(WorkerSettings, "worker")
    bound_rq()
    check_store(settings)
    for stream in (sys.stdout, sys.stderr):
        stream.reconfigure(errors="backslashreplace")  # type: ignore[union-attr]  # a task may print anything
    alerts = check_alerts_file(settings)
    beside = [partial(deliver, settings, alerts)]  # what other processes of the pool do
    settings = _without_secrets(on_import_path(settings), alerts)
    meters = Meters(settings.workers)
    if settings.worker_metrics:
        beside.append(partial(serve_metrics, listen(settings.worker_metrics), meters))
    if place_of(settings.artifacts):
        beside.append(partial(sweep_objects, settings))
    gpus = gpu_names(settings.gpus)

    def run(number: int) -> None:
        if number < settings.workers:
            take_gpu(gpus, number)
            work(settings, meters.rows[number], is_first=number == 0)
        else:
            beside[number - settings.workers]()

    gc.freeze()  # all processes share what is loaded by now: a collection would copy it
    return Pool("worker process", settings.workers, run, helpers=len(beside)).run()


def _without_secrets(settings: WorkerSettings, alerts: AlertsFile) -> WorkerSettings:
    """Return the settings for the processes that run jobs: no task needs the secrets of messages."""
    for name in ("WEBHOOK_SECRETS", *alerts.variables):
        os.environ.pop(name, None)
    return settings.model_copy(update={"webhook_secrets": SecretStr("")})


if __name__ == "__main__":
    sys.exit(main())
